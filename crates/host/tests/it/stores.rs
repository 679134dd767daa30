//! SQLite, key-value and variables, as a guest meets them.

use serde_json::{Value as Json, json};

use crate::harness::{App, Setup};

const GRANTS: &str = "sqlite_databases = ['default', 'other']\nkey_value_stores = ['default', 'more']\n";

async fn app() -> App {
    Setup::new(GRANTS).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_kind_go_in_and_come_out() {
    let app = app().await;
    let statements = json!(["default", [
        ["SELECT ?, ?, ?, ?, ?", null, 9_007_199_254_740_993_i64, 1.5, "ä", { "blob": [0, 255] }],
        ["SELECT NULL, x'', '', -1, 1e300"],
    ]]);
    let answers = app.post("/sql", statements.to_string()).await.json()["answers"].clone();
    let want = json!([
        [[null, 9_007_199_254_740_993_i64, 1.5, "ä", { "blob": [0, 255] }]],
        [[null, { "blob": [] }, "", -1, 1e300]],
    ]);
    assert_eq!(answers, want);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_a_statement_arrives_with_its_result() {
    let app = app().await;
    app.sql(&["CREATE TABLE t(id INTEGER PRIMARY KEY, a NOT NULL)", "INSERT INTO t VALUES (1, 'x')"]).await;
    let statements = json!([
        "default",
        [
            ["SELEKT 1"],
            ["SELECT * FROM nowhere"],
            ["INSERT INTO t VALUES (1, 'twice')"],
            ["SELECT ?"],
            ["SELECT abs(-9223372036854775808)"],
            ["SELECT count(*) FROM t"],
        ]
    ]);
    let answers = app.post("/sql", statements.to_string()).await.json()["answers"].clone();
    let error = |i: usize| answers[i]["result"].as_str().unwrap_or_default().to_owned();
    assert!(error(0).contains("syntax error"), "{answers}");
    assert!(error(1).contains("no such table: nowhere"), "{answers}");
    assert!(error(2).contains("UNIQUE constraint failed: t.id"), "{answers}");
    assert!(error(3).contains("parameters"), "{answers}");
    assert!(error(4).contains("integer overflow"), "{answers}");
    assert_eq!(answers[5], json!([[1]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_rows_block_their_connection_with_an_error() {
    let answer = app().await.get("/sql/unread").await.json();
    assert!(answer["while_unread"]["Err"].as_str().unwrap().contains("not read to their end"), "{answer}");
    assert_eq!((answer["read"].clone(), answer["after"].clone()), (json!(3), json!({ "Ok": null })));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_of_several_statements_runs() {
    let app = app().await;
    app.sql(&["CREATE TABLE a(x); CREATE TABLE b(x)"]).await;
    let tables = app.sql(&["SELECT name FROM sqlite_schema"]).await;
    assert_eq!(tables, [json!([["a"]])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn row_ids_changes_and_returning_tell_of_the_own_connection() {
    let app = app().await;
    let statements = json!([
        "default",
        [
            ["CREATE TABLE t(id INTEGER PRIMARY KEY, a)"],
            ["INSERT INTO t(a) VALUES ('x'), ('y') RETURNING id"],
            ["UPDATE t SET a = 'z'"],
        ]
    ]);
    let answer = app.post("/sql", statements.to_string()).await.json();
    assert_eq!(answer["answers"][1], json!([[1], [2]]));
    assert_eq!((answer["last_insert_rowid"].clone(), answer["changes"].clone()), (json!(2), json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_result_comes_whole_and_one_beyond_the_limit_not_at_all() {
    let app = Setup::new(GRANTS).limits(|l| l.sqlite_result_bytes = 4 << 20).start().await;
    const ROWS: &str =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 10000) SELECT x FROM c";
    const BYTES: &str = "SELECT zeroblob(5000000)";
    let answers = app.sql(&[ROWS, BYTES]).await;
    assert_eq!(answers[0].as_array().unwrap().len(), 10_000);
    assert_eq!(answers[0][9_999], json!([10_000]));
    assert!(answers[1]["result"].as_str().unwrap().contains("larger than"), "{}", answers[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_dies_in_a_transaction_leaves_nothing_behind() {
    let app = app().await;
    app.sql(&["CREATE TABLE left_behind(a)"]).await;
    assert_eq!(app.get("/sql/leave").await.status, 500);
    let answers = app.sql(&["INSERT INTO left_behind VALUES (2)", "SELECT a FROM left_behind"]).await;
    assert_eq!(answers[1], json!([[2]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_granted_databases_open_and_each_is_its_own() {
    let app = app().await;
    app.sql(&["CREATE TABLE t(a)"]).await;
    let open = async |label: &str| {
        app.post("/sql", json!([label, [["SELECT count(*) FROM sqlite_schema"]]]).to_string()).await.json()
    };
    assert_eq!(open("default").await["answers"], json!([[[1]]]));
    assert_eq!(open("other").await["answers"], json!([[[0]]]));
    assert_eq!(open("nope").await, json!({ "open": "Error::AccessDenied" }));
    let answers = app.sql(&["ATTACH 'sqlite-other.db' AS o"]).await;
    assert!(answers[0]["result"].as_str().unwrap().contains("not authorized"), "{}", answers[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writes_are_all_kept() {
    let app = app().await;
    app.sql(&["CREATE TABLE bench(a, b)"]).await;
    let writes = (0..200).map(|_| app.get("/sql/insert"));
    for answer in futures::future::join_all(writes).await {
        assert_eq!(answer.status, 200);
    }
    assert_eq!(app.sql(&["SELECT count(*) FROM bench"]).await, [json!([[200]])]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_keeps_what_was_written() {
    let app = app().await;
    app.sql(&["CREATE TABLE t(a)", "INSERT INTO t VALUES (1)"]).await;
    let kept = app.get("/kv?default").await.json();
    let setup = app.stop().await;
    for file in ["sqlite-default.db", "key-value.db"] {
        assert!(setup.data_dir().join(file).exists());
        // SQLite folds it into the file when the last connection closes.
        assert!(!setup.data_dir().join(format!("{file}-wal")).exists(), "{file} is still open");
    }
    let app = setup.start().await;
    assert_eq!(app.sql(&["SELECT a FROM t"]).await, [json!([[1]])]);
    assert_eq!(app.get("/kv?default").await.json(), kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_value_stores_hold_what_is_set() {
    let app = app().await;
    let want = json!({ "keys": ["a", "b"], "a": "second", "before": true, "after": false, "none": true });
    assert_eq!(app.get("/kv?default").await.json(), want);
    assert_eq!(app.get("/kv?more").await.json(), want, "a store has its own keys");
    assert_eq!(app.get("/kv?nope").await.json(), json!("Error::AccessDenied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_has_its_own_variables_and_no_others() {
    let more = "variables = { own = 'x {{ app }}', given = '{{ given }}' }\n[variables]\napp = { default = 'y' }\n\
                given = { required = true }";
    let mut setup = Setup::new(more);
    setup.variables = [("given".to_owned(), "value".to_owned())].into();
    let app = setup.start().await;
    let get =
        async |name: &str| app.get(&format!("/variable?{name}")).await.json().as_str().unwrap().to_owned();
    assert_eq!(get("own").await, "Ok(\"x y\")");
    assert_eq!(get("given").await, "Ok(\"value\")");
    assert!(get("app").await.contains("Undefined"), "an application variable is not a component's");
    for odd in ["Own", "a__b", "_a", ""] {
        assert!(get(odd).await.contains("InvalidName"), "{odd}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_several_guests_come_one_after_the_other() {
    let app = app().await;
    app.sql(&["CREATE TABLE t(a)", "INSERT INTO t VALUES (0)"]).await;
    let add = ["BEGIN IMMEDIATE", "SELECT a FROM t", "UPDATE t SET a = a + 1", "COMMIT"];
    for answers in futures::future::join_all((0..20).map(|_| app.sql(&add))).await {
        assert!(answers.iter().all(Json::is_array), "{answers:?}");
    }
    assert_eq!(app.sql(&["SELECT a FROM t"]).await, [json!([[20]])]);
}
