//! What is found out at the start: what is missing, what is damaged, what is mounted.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::json;

use crate::harness::Setup;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_named_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (more, want) in [
        ("[component.x]\nsource = 'gone.wasm'", "component `x`: can't read"),
        ("[component.x]\nsource = 'spin.toml'", "is not a component that this host can run"),
        ("[variables]\nkey = { required = true }", "set SPIN_VARIABLE_KEY"),
        ("files = [{ source = 'gone', destination = '/' }]", "component `probe`: files: "),
        ("files = ['gone/*.txt']", "fits no file"),
        ("[[trigger.http]]\nroute = '/...'\ncomponent = 'probe'", "has the same paths"),
        ("unknown = 1", "unknown field `unknown`"),
    ] {
        let error = Setup::new(more).try_start().await.err().expect(more).to_string();
        assert!(error.contains(want), "{more}: {error}");
    }
    drop(taken);
}

/// A component that asks for one function of this interface, in its binary form.
fn importing(interface: &str) -> Vec<u8> {
    let name = |name: &str| [&[0, name.len() as u8], name.as_bytes()].concat();
    // A type: an instance with a type of a function in it, and a function of that type.
    let instance = [&[0x42, 2, 1, 0x40, 0, 1, 0, 4], name("ask").as_slice(), &[1, 0]].concat();
    let types = [&[1], instance.as_slice()].concat();
    let imports = [&[1], name(interface).as_slice(), &[5, 0]].concat();
    let section = |id: u8, content: Vec<u8>| [&[id, content.len() as u8], content.as_slice()].concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(7, types), section(10, imports)].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_asks_for_what_is_not_served_or_answers_nothing_is_refused() {
    let nothing = b"\0asm\x0d\0\x01\0".to_vec();
    for (component, want) in [
        (importing("wasi:sockets/tcp@0.2.6"), "wasi:sockets/tcp@0.2.6"),
        (nothing, "build it with spin-sdk 7"),
    ] {
        let setup = Setup::new("[component.x]\nsource = 'x.wasm'");
        setup.folder.write("x.wasm", component);
        let error = setup.try_start().await.err().expect(want).to_string();
        assert!(error.contains("component `x`") && error.contains(want), "{error}");
    }
}

fn compiled(setup: &Setup) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(setup.data_dir().join("cwasm")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_compiled_components_are_compiled_again() {
    let app = Setup::new("").start().await;
    let mut setup = app.stop().await;
    let files = compiled(&setup);
    let [code, digest] = files.as_slice() else { panic!("{files:?}") };
    let (whole, sum) = (std::fs::read(code).unwrap(), std::fs::read(digest).unwrap());
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (bytes, sum) in
        [(flipped, sum.clone()), (whole[..whole.len() / 2].to_vec(), sum.clone()), (whole.clone(), vec![])]
    {
        std::fs::write(code, bytes).unwrap();
        std::fs::write(digest, sum).unwrap();
        let app = setup.start().await;
        assert_eq!(app.get("/plain").await.text(), "plain");
        setup = app.stop().await;
        assert_eq!(compiled(&setup), files);
        assert_eq!(std::fs::read(digest).unwrap().len(), 64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_compiled_components_go_and_what_stays_is_private() {
    let app = Setup::new("sqlite_databases = ['default']").start().await;
    let setup = app.stop().await;
    let folder = setup.data_dir().join("cwasm");
    let (old, foreign) = (format!("{}-{}.cwasm", "0".repeat(64), "0".repeat(16)), "letter.txt");
    for file in [&*old, foreign] {
        std::fs::write(folder.join(file), "x").unwrap();
    }
    let setup = setup.start().await.stop().await;
    assert!(!folder.join(old).exists());
    assert!(folder.join(foreign).exists(), "what it did not make is not its to remove");
    // The harness copies what is compiled; this is compiled here.
    std::fs::remove_dir_all(setup.data_dir()).unwrap();
    std::fs::create_dir_all(setup.data_dir().join("cwasm")).unwrap();
    let setup = setup.start().await.stop().await;
    for file in compiled(&setup) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_is_private() {
    let setup = Setup::new("");
    let data = setup.folder.0.join("elsewhere");
    let manifest =
        setup.folder.write("empty.toml", "spin_manifest_version = 2\n[application]\nname = 'x'\n[trigger]\n");
    let options = penstock_host::Options {
        manifest,
        data_dir: data.clone(),
        compiled_dir: None,
        listen: "127.0.0.1:0".parse().unwrap(),
        variables: Default::default(),
        tick: None,
        limits: Default::default(),
    };
    let running = penstock_host::start(options.clone()).await.unwrap();
    assert_eq!(data.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let taken = penstock_host::Options { listen: running.addr(), ..options };
    let error = penstock_host::start(taken).await.err().expect("the address is taken").to_string();
    assert!(error.contains("choose another address"), "{error}");
    running.stop(crate::harness::PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_are_mounted_to_be_read() {
    let setup = Setup::new(
        "files = [{ source = 'static', destination = '/' }, { source = 'b', destination = '/sub/b' }]",
    );
    setup.folder.write("static/a.txt", "a");
    setup.folder.write("b/b.txt", "b");
    let app = setup.start().await;
    let file = async |path: &str| app.get(&format!("/file?{path}")).await.json();
    assert_eq!(file("/a.txt").await, json!({ "Ok": "a" }));
    assert_eq!(file("/sub/b/b.txt").await, json!({ "Ok": "b" }));
    assert!(file("/../spin.toml").await["Err"].is_string());
    assert!(file("/none").await["Err"].is_string());
    assert!(app.get("/write?/new").await.json()["Err"].is_string());
    assert!(app.get("/write?/a.txt").await.json()["Err"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn picked_files_are_mounted_and_excluded_ones_not() {
    let more = "files = ['assets/**/*.txt', { source = 'one.md', destination = '/docs/two.md' }]\n\
                exclude_files = ['assets/no.txt', '*.key.txt', '*.md']";
    let setup = Setup::new(more);
    for path in [
        "assets/yes.txt",
        "assets/deep/er.txt",
        "assets/deep/a.key.txt",
        "assets/no.txt",
        "assets/other.bin",
        "one.md",
    ] {
        setup.folder.write(path, path);
    }
    let app = setup.start().await;
    let file = async |path: &str| app.get(&format!("/file?{path}")).await.json();
    assert_eq!(file("/assets/yes.txt").await, json!({ "Ok": "assets/yes.txt" }));
    assert_eq!(file("/assets/deep/er.txt").await, json!({ "Ok": "assets/deep/er.txt" }));
    assert_eq!(file("/docs/two.md").await, json!({ "Ok": "one.md" }));
    for none in ["/assets/no.txt", "/assets/deep/a.key.txt", "/assets/other.bin", "/one.md"] {
        assert!(file(none).await["Err"].is_string(), "{none}");
    }
    assert!(app.get("/write?/assets/yes.txt").await.json()["Err"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_has_the_environment_of_its_manifest_only() {
    let app = Setup::new("environment = { MODE = 'dev', EMPTY = '' }").start().await;
    assert_eq!(app.get("/environment").await.json(), json!([["EMPTY", ""], ["MODE", "dev"]]));
}
