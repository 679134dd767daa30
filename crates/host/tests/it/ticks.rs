//! The clock of an application.

use std::time::Duration;

use penstock_host::Tick;
use serde_json::json;

use crate::harness::{Setup, eventually};

fn setup(component: &str) -> Setup {
    let mut setup = Setup::new("sqlite_databases = ['default']");
    setup.tick = Some(Tick {
        component: component.to_owned(),
        path: "/tick".to_owned(),
        token: "secret".to_owned(),
        every: Duration::from_millis(10),
    });
    setup
}

#[tokio::test(flavor = "multi_thread")]
async fn the_component_is_called_with_the_token_again_and_again() {
    let app = setup("probe").start().await;
    // Until the table is there each tick fails; the ticks go on.
    app.sql(&["CREATE TABLE ticks(method, token)"]).await;
    eventually(async || app.sql(&["SELECT count(*) >= 3 FROM ticks"]).await == [json!([[1]])]).await;
    assert_eq!(app.get("/ticks").await.json(), json!([["POST", "Bearer secret"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_into_nowhere_is_refused_at_the_start() {
    let error = setup("nobody").try_start().await.err().unwrap().to_string();
    assert!(error.contains("`nobody`"), "{error}");
}

#[test]
fn the_token_is_not_shown() {
    let tick = format!("{:?}", setup("probe").tick);
    assert!(!tick.contains("secret"), "{tick}");
}
