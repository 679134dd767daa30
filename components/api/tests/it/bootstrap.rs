//! The variable's token, which the other components know from the database alone.

use penstock_testkit::database::Database;
use penstock_testkit::platform::TestPlatform;
use serde_json::{Value, json};

use crate::asking::{ADMIN, ask, create, get, others_know, server, token_of};

fn entries(platform: &TestPlatform) -> i64 {
    let count = "SELECT count(*) FROM journal WHERE cause = 'bootstrap_token'";
    platform.database.raw().query_row(count, [], |row| row.get(0)).unwrap()
}

/// What a new process with another value of the variable does before anything else.
fn rotate(platform: &TestPlatform, secret: &str) {
    platform.set_variable("admin_token", secret);
    get(platform, "", "/readyz").expect(200);
}

#[test]
fn a_server_that_is_ready_has_told_the_others_of_the_token_and_tells_them_once() {
    let platform = server();
    assert!(!others_know(&platform, ADMIN));
    for _ in 0..3 {
        get(&platform, "", "/readyz").expect(200);
        get(&platform, ADMIN, "/api/v1/pipelines").expect(200);
    }
    assert!(others_know(&platform, ADMIN));
    assert_eq!(entries(&platform), 1);
}

#[test]
fn the_first_request_tells_them_too() {
    let platform = server();
    get(&platform, "somebody", "/api/v1/pipelines").expect(401);
    assert!(others_know(&platform, ADMIN));
}

#[test]
fn a_changed_variable_ends_the_old_token_in_every_component_and_there_and_back_too() {
    let platform = server();
    rotate(&platform, ADMIN);
    rotate(&platform, "a new one");
    assert!(others_know(&platform, "a new one") && !others_know(&platform, ADMIN));
    get(&platform, ADMIN, "/api/v1/pipelines").expect(401);
    get(&platform, "a new one", "/api/v1/tokens").expect(200);
    rotate(&platform, ADMIN);
    assert!(others_know(&platform, ADMIN) && !others_know(&platform, "a new one"));
}

#[test]
fn an_old_token_is_not_believed_even_by_the_first_request_after_the_change() {
    let platform = server();
    rotate(&platform, ADMIN);
    platform.set_variable("admin_token", "a new one");
    get(&platform, ADMIN, "/api/v1/pipelines").expect(401);
}

#[test]
fn an_old_token_is_not_believed_while_the_change_cannot_be_written() {
    let platform = server();
    rotate(&platform, ADMIN);
    platform.set_variable("admin_token", "a new one");
    platform.database.fail_after(0);
    get(&platform, ADMIN, "/api/v1/whoami").expect(500);
    platform.database.fail_after(0);
    get(&platform, "a new one", "/api/v1/whoami").expect(200);
    platform.database.fail_after(0);
    get(&platform, "", "/readyz").expect(503);
}

#[test]
fn an_empty_variable_changes_nothing() {
    let platform = server();
    rotate(&platform, ADMIN);
    rotate(&platform, "");
    assert!(others_know(&platform, ADMIN));
    assert_eq!(entries(&platform), 1);
}

#[test]
fn instances_that_begin_at_once_all_find_it_written_once() {
    let folder = std::env::temp_dir().join(format!("penstock-bootstrap-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for round in 0..10 {
        let path = folder.join(format!("{round}.db"));
        drop(TestPlatform::new(Database::open(&path)));
        let start = std::sync::Barrier::new(4);
        let open = || {
            let platform = TestPlatform::new(Database::open(&path));
            platform.set_variable("admin_token", ADMIN);
            start.wait();
            let status = get(&platform, ADMIN, "/api/v1/whoami").status;
            (status, get(&platform, "", "/readyz").status)
        };
        std::thread::scope(|scope| {
            let instances: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
            for instance in instances {
                assert_eq!(instance.join().unwrap(), (200, 200));
            }
        });
        let platform = TestPlatform::new(Database::open(&path));
        assert!(others_know(&platform, ADMIN));
        assert_eq!(entries(&platform), 1);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_variable_that_is_somebodys_secret_ends_the_old_one_and_gives_that_secret_no_more_elsewhere() {
    let platform = server();
    rotate(&platform, ADMIN);
    let viewer = token_of(&platform, "viewer");
    for _ in 0..2 {
        rotate(&platform, &viewer);
    }
    assert!(!others_know(&platform, ADMIN));
    get(&platform, ADMIN, "/api/v1/pipelines").expect(401);
    let role = "SELECT role FROM tokens WHERE revoked_at IS NULL";
    let role: String = platform.database.raw().query_row(role, [], |row| row.get(0)).unwrap();
    assert_eq!(role, "viewer");
    rotate(&platform, "one of its own");
    assert!(others_know(&platform, "one of its own"));
}

#[test]
fn it_is_listed_and_cannot_be_revoked_or_taken_the_name_of() {
    let platform = server();
    let listed = get(&platform, ADMIN, "/api/v1/tokens").expect(200);
    assert_eq!(listed["tokens"][0]["token_name"], "admin");
    let path = format!("/api/v1/tokens/{}", listed["tokens"][0]["id"].as_str().unwrap());
    let (_, other) = create(&platform, &json!({ "token_name": "other", "role": "admin" }));
    let refused = ask(&platform, &other, "DELETE", &path, &Value::Null).expect(409);
    assert_eq!(refused["code"], "bootstrap_token");
    assert!(refused["detail"].as_str().unwrap().contains("set the variable to another value"));
    for name in ["admin", "Admin"] {
        let wanted = json!({ "token_name": name, "role": "admin" });
        let refused = ask(&platform, &other, "POST", "/api/v1/tokens", &wanted).expect(400);
        assert_eq!(refused["errors"][0]["pointer"], "/token_name");
    }
}
