//! What a manifest becomes, and how each thing wrong with it is named.

use super::*;

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = 'app'\n";

fn parse(text: &str) -> Result<Application, String> {
    Application::parse(&format!("{HEAD}{text}"), Path::new("/app"), &BTreeMap::new(), |_| None).map_err(
        |errors| match errors {
            Errors::Shape(message) => message,
            Errors::Names(problems) => problems.to_string(),
        },
    )
}

const WHOLE: &str = r#"
version = "1.0.0"
description = "d"
authors = ["a"]
[application.tool.x]
y = 1
[variables]
host = { default = "a.com", description = "d" }
none = { default = "" }
token = { default = "t", secret = true }
[[trigger.http]]
id = "one"
route = "/api/..."
component = "api"
[[trigger.http]]
route = "/healthz"
component = "api"
executor = { type = "http" }
[[trigger.http]]
route = { private = true }
component = "inner-one"
[component.api]
source = "target/api.wasm"
description = "d"
environment = { MODE = "dev" }
files = [{ source = "static", destination = "/" }, "assets/*.txt"]
exclude_files = ["assets/no.txt"]
allowed_outbound_hosts = ["https://{{ host }}", "http://{{ none }}", "http://*.spin.internal"]
key_value_stores = ["default"]
sqlite_databases = ["default", "other_one"]
dependencies_inherit_configuration = false
[component.api.variables]
token = "Bearer {{ token }}"
[component.api.build]
command = ["cargo build"]
workdir = "."
watch = ["src/**"]
[component.api.tool.x]
y = 1
[component.inner-one]
source = "inner.wasm"
"#;

#[test]
fn a_whole_manifest_resolves() {
    let app = parse(WHOLE).unwrap();
    assert_eq!((app.name.as_str(), app.routes.len(), app.components.len()), ("app", 2, 2));
    let api = &app.components[0];
    assert_eq!(api.source, Path::new("/app/target/api.wasm"));
    assert_eq!(api.variables["token"], "Bearer t");
    assert_eq!(api.environment, [("MODE".to_owned(), "dev".to_owned())]);
    assert_eq!(api.outbound.len(), 2, "an entry that an empty variable emptied is left out");
    assert_eq!(api.files.len(), 2);
    assert!(app.components.iter().all(|c| c.triggered));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let base = "[[trigger.http]]\nroute = '/'\ncomponent = 'a'\n[component.a]\nsource = 'a.wasm'\n";
    for (text, want) in [
        (format!("{base}extra = 1"), "unknown field `extra`"),
        (format!("{base}[component.a.build]\nx = 1"), "unknown field `x`"),
        (format!("{base}[variables]\nx = {{ defalt = '1' }}"), "unknown field `defalt`"),
        (format!("{base}[other]\nx = 1"), "unknown field `other`"),
        ("extra = 1\n[trigger]".to_owned(), "unknown field `extra`"),
        (String::new(), "missing field `trigger`"),
        (format!("{base}[[trigger.http]]\nroute = '/b'\ncomponent = 'b'"), "no component `b`; there are: a"),
        (
            format!("{base}[[trigger.http]]\nroute = '/'\ncomponent = 'a'"),
            "number 2: the route \"/\" has the same",
        ),
        (format!("{base}[[trigger.http]]\nroute = '/b'"), "`component` must be"),
        (
            format!("{base}[[trigger.http]]\nroute = '/b'\ncomponent = 'a'\nx = 1"),
            "number 2: unknown field `x`",
        ),
        (
            format!("{base}[[trigger.http]]\nroute = {{ private = false }}\ncomponent = 'a'"),
            "never `{ private = false",
        ),
        (format!("{base}[[trigger.redis]]\nchannel = 'c'"), "[[trigger.redis]]: only http"),
        (format!("{base}variables = {{ x = '{{{{ y }}}}' }}"), "[component.a] variables.x: no variable `y`"),
        (format!("{base}variables = {{ X = '' }}"), "lower-case"),
        (
            format!("{base}allowed_outbound_hosts = ['a.com']"),
            "allowed_outbound_hosts \"a.com\": there is no scheme",
        ),
        (format!("{base}allowed_outbound_hosts = ['']"), "there is no scheme"),
        (format!("{base}dependencies_inherit_configuration = true"), "is not served; remove it"),
        (format!("{base}ai_models = ['x']"), "ai_models are not served"),
        (format!("{base}[application.trigger.http]\nbase = '/x'"), "base: put it before each `route`"),
        (format!("{base}[variables]\nx = {{ default = '1', required = true }}"), "x: give it either"),
        (format!("{base}sqlite_databases = ['../x']"), "a label is words"),
        (
            format!("{base}[component.b]\nsource = {{ url = 'x', digest = 'y' }}"),
            "[component.b] source must be",
        ),
        (format!("{base}[component.A_b]\nsource = 'x'"), "a component's id"),
    ] {
        let error = parse(&text).expect_err(&text);
        assert!(error.contains(want), "{text}\ngave: {error}");
    }
}

#[test]
fn everything_wrong_is_told_at_once() {
    let error = parse("[variables]\nx.required = true\n[[trigger.http]]\nroute = '/'\ncomponent = 'a'\n")
        .unwrap_err();
    assert!(error.starts_with("2 things are wrong:\n  - [variables] x is required"), "{error}");
}

#[test]
fn another_manifest_version_is_refused_before_its_shape() {
    for text in ["spin_manifest_version = 1\nname = 'x'", "spin_manifest_version = '1'\nx = 1"] {
        let Err(Errors::Shape(message)) =
            Application::parse(text, Path::new("."), &BTreeMap::new(), |_| None)
        else {
            panic!("{text} was taken");
        };
        assert!(message.contains("must be 2"), "{message}");
    }
}
