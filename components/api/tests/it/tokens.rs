//! Tokens: made, listed, ended.

use penstock_guest::Clock;
use penstock_testkit::platform::{Answered, request};
use serde_json::{Value, json};

use crate::asking::{ADMIN, ask, create, get, server, token_of};

const DAY_MS: i64 = 24 * 3_600_000;

#[test]
fn a_secret_is_told_once_and_kept_nowhere() {
    let platform = server();
    let wanted = json!({ "token_name": "ada", "role": "developer" });
    let answer = ask(&platform, ADMIN, "POST", "/api/v1/tokens", &wanted);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let made = answer.expect(201);
    let secret = made["secret"].as_str().unwrap();
    let random = secret.strip_prefix("pst_").unwrap();
    assert!(random.len() == 43 && random.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
    assert_eq!(made["token"]["token_name"], "ada");
    assert_eq!(made["token"]["created_by"], "admin");

    let listed = get(&platform, ADMIN, "/api/v1/tokens");
    let hash = penstock_guest::token_hash(secret);
    assert!(!listed.text.contains("hash") && !listed.text.contains(&hash) && !listed.text.contains(random));
    for table in ["journal", "tokens", "idempotency_keys"] {
        let rows = format!("SELECT count(*) FROM {table} AS t WHERE instr(t.ROWTEXT, ?1)");
        let columns: String = platform
            .database
            .raw()
            .query_row(
                "SELECT group_concat('COALESCE(' || name || ', '''')', ' || ') FROM pragma_table_info(?1)",
                [table],
                |row| row.get(0),
            )
            .unwrap();
        let rows = rows.replace("t.ROWTEXT", &columns);
        let found: i64 = platform.database.raw().query_row(&rows, [random], |row| row.get(0)).unwrap();
        assert_eq!(found, 0, "{table} bears the secret");
    }
}

#[test]
fn two_tokens_never_have_one_secret() {
    let platform = server();
    assert_ne!(token_of(&platform, "viewer"), token_of(&platform, "developer"));
}

#[test]
fn a_token_for_some_days_ends_after_them() {
    let platform = server();
    let wanted = json!({ "token_name": "ada", "role": "viewer", "expires_in_days": 2 });
    let (token, secret) = create(&platform, &wanted);
    assert_eq!(token["expires_at"], platform.now().plus_ms(2 * DAY_MS).to_string());
    platform.pass(2 * DAY_MS - 1);
    get(&platform, &secret, "/api/v1/whoami").expect(200);
    platform.pass(1);
    get(&platform, &secret, "/api/v1/whoami").expect(401);
}

#[test]
fn a_revoked_token_is_worth_nothing_and_revoking_it_again_does_no_harm() {
    let platform = server();
    let wanted = json!({ "token_name": "ada", "role": "viewer" });
    let (token, secret) = create(&platform, &wanted);
    assert_eq!(
        ask(&platform, ADMIN, "POST", "/api/v1/tokens", &wanted).expect(409)["code"],
        "token_name_taken"
    );
    let path = format!("/api/v1/tokens/{}", token["id"].as_str().unwrap());
    let first = ask(&platform, ADMIN, "DELETE", &path, &Value::Null).expect(200);
    platform.pass(1_000);
    let second = ask(&platform, ADMIN, "DELETE", &path, &Value::Null).expect(200);
    assert!(first["token"]["revoked_at"].is_string());
    assert_eq!(first, second);
    get(&platform, &secret, "/api/v1/whoami").expect(401);
    let (_, again) = create(&platform, &wanted);
    get(&platform, &again, "/api/v1/whoami").expect(200);
    get(&platform, &secret, "/api/v1/whoami").expect(401);
}

#[test]
fn what_is_no_token_cannot_be_revoked() {
    let platform = server();
    for id in ["01900000-0000-7000-8000-000000000000", "ada"] {
        ask(&platform, ADMIN, "DELETE", &format!("/api/v1/tokens/{id}"), &Value::Null).expect(404);
    }
}

#[test]
fn everything_wrong_with_a_wanted_token_is_told_at_once() {
    let platform = server();
    let wanted =
        json!({ "token_name": "ada l", "role": "viewer", "forge_login": " ", "expires_in_days": 3_651 });
    let refused = ask(&platform, ADMIN, "POST", "/api/v1/tokens", &wanted).expect(400);
    let errors = refused["errors"].as_array().unwrap();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/token_name", "/forge_login", "/expires_in_days"]);
    for wanted in [
        json!({ "token_name": "", "role": "viewer" }),
        json!({ "token_name": "a".repeat(101), "role": "viewer" }),
        json!({ "token_name": "a", "role": "owner" }),
        json!({ "token_name": "a", "role": "viewer", "expires_in_days": 0 }),
        json!({ "token_name": "a", "role": "viewer", "scope": "all" }),
        json!({ "token_name": "a" }),
    ] {
        let refused = ask(&platform, ADMIN, "POST", "/api/v1/tokens", &wanted).expect(400);
        assert_eq!(refused["code"], "invalid_input", "{wanted}");
    }
    create(&platform, &json!({ "token_name": "a".repeat(100), "role": "viewer", "expires_in_days": 3_650 }));
}

#[test]
fn a_key_for_asking_twice_is_refused_before_anything_is_made() {
    let platform = server();
    let body = json!({ "token_name": "ada", "role": "viewer" });
    let mut asked = request("POST", "/api/v1/tokens", Some(ADMIN), &body);
    asked.headers_mut().insert("idempotency-key", http::HeaderValue::from_static("once"));
    let refused = Answered::of(penstock_api_component::routes::handle(platform.clone(), asked)).expect(400);
    assert_eq!(refused["code"], "idempotency_key_not_supported");
    create(&platform, &body);
}

#[test]
fn tokens_are_listed_in_pages_and_whole() {
    let platform = server();
    for number in 0..5 {
        create(&platform, &json!({ "token_name": format!("t{number}"), "role": "viewer" }));
        platform.pass(1);
    }
    let (mut names, mut after) = (vec![], String::new());
    for _ in 0..3 {
        let page = get(&platform, ADMIN, &format!("/api/v1/tokens?limit=2{after}")).expect(200);
        let tokens = page["tokens"].as_array().unwrap();
        names.extend(tokens.iter().map(|token| token["token_name"].as_str().unwrap().to_owned()));
        after = page["next"].as_str().map(|next| format!("&after={next}")).unwrap_or_default();
    }
    assert_eq!(names, ["t4", "t3", "t2", "t1", "t0", "admin"]);
    assert_eq!(after, "");
}
