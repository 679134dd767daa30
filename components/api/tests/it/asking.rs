//! A server with a bootstrap token, and ways to ask it.

use penstock_api_component::routes::handle;
use penstock_testkit::database::Database;
use penstock_testkit::platform::{Answered, TestPlatform, request};
use serde_json::{Value, json};

pub const ADMIN: &str = "the bootstrap token";

pub fn server() -> TestPlatform {
    let platform = TestPlatform::new(Database::in_memory());
    platform.set_variable("admin_token", ADMIN);
    platform
}

pub fn ask(platform: &TestPlatform, token: &str, method: &str, path: &str, body: &Value) -> Answered {
    Answered::of(handle(platform.clone(), request(method, path, Some(token), body)))
}

pub fn get(platform: &TestPlatform, token: &str, path: &str) -> Answered {
    ask(platform, token, "GET", path, &Value::Null)
}

/// Whether the database knows the token, as every other component would find.
pub fn others_know(platform: &TestPlatform, token: &str) -> bool {
    use penstock_guest::Clock;
    let hash = penstock_guest::token_hash(token);
    let found = platform.look();
    let known = found.valid_token(&hash, platform.now());
    penstock_testkit::database::now_or_never(known).unwrap().is_some()
}

/// Makes a token of this role, called as the role; answers its secret.
pub fn token_of(platform: &TestPlatform, role: &str) -> String {
    create(platform, &json!({ "token_name": role, "role": role })).1
}

/// The new token and its secret.
pub fn create(platform: &TestPlatform, wanted: &Value) -> (Value, String) {
    let made = ask(platform, ADMIN, "POST", "/api/v1/tokens", wanted).expect(201);
    (made["token"].clone(), made["secret"].as_str().unwrap().to_owned())
}
