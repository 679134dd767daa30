//! Guests that take too much: each ends, and none hurts another component.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Setup, eventually};

const OTHER: &str =
    "[component.other]\nsource = 'PROBE'\n[[trigger.http]]\nroute = '/two/...'\ncomponent = 'other'\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_is_ended_and_others_are_served_meanwhile() {
    let app = Setup::new(OTHER).limits(|l| l.busy_time = Duration::from_millis(300)).start().await;
    let loops = async { futures::future::join_all((0..4).map(|_| app.get("/busy"))).await };
    let others = async {
        for _ in 0..20 {
            assert_eq!(app.get("/two/plain").await.text(), "plain");
        }
    };
    let (loops, ()) = futures::future::join(loops, others).await;
    assert!(loops.iter().all(|answer| answer.status == 500), "{loops:?}");
    assert_eq!(app.get("/plain").await.text(), "plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_after_the_answer_is_ended_too() {
    let setup = Setup::new("").limits(|l| {
        l.busy_time = Duration::from_millis(200);
        l.instances_per_component = 1;
    });
    let app = setup.start().await;
    assert_eq!(app.get("/busy-after").await.status, 202);
    // There is one instance; that its successor counts from 1 again is the end of the loop.
    eventually(async || {
        let answer = app.get("/count").await;
        answer.status == 200 && answer.json() == json!(1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_answer_in_time_is_given_up() {
    let app = Setup::new("").limits(|l| l.request_time = Duration::from_millis(200)).start().await;
    let answer = app.get("/sleep?60000").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (503, json!("timed_out")));
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_component_says_when_to_come_again_and_the_other_answers() {
    let setup = Setup::new(OTHER).limits(|l| {
        l.requests_per_component = 1;
        l.queue_per_component = 1;
        l.queue_time = Duration::from_millis(300);
    });
    let app = setup.start().await;
    let slow = app.get("/sleep?2000");
    let rest = async {
        let mut refused = 0;
        eventually(async || {
            let answer = app.get("/plain").await;
            refused += usize::from(answer.status == 503 && answer.header("retry-after") == Some("1"));
            refused > 0
        })
        .await;
        app.get("/two/plain").await
    };
    let (slow, other) = futures::future::join(slow, rest).await;
    assert_eq!((slow.text(), other.text()), ("slept", "plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_instances_than_allowed_are_made() {
    let setup = Setup::new(OTHER).limits(|l| {
        l.instances_per_component = 2;
        l.concurrency_per_instance = 1;
        l.queue_time = Duration::from_millis(300);
    });
    let app = setup.start().await;
    let answers = futures::future::join_all((0..6).map(|_| app.get("/sleep?1500"))).await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((2..6).contains(&served), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.status == 200 || answer.status == 503), "{answers:?}");
    assert_eq!(app.get("/two/plain").await.text(), "plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_serves_only_so_many_requests() {
    let app = Setup::new("").limits(|l| l.requests_per_instance = 3).start().await;
    let mut counts = vec![];
    for _ in 0..6 {
        counts.push(app.get("/count").await.json().as_i64().unwrap());
    }
    assert_eq!(counts, [1, 2, 3, 1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_without_end_is_stopped() {
    let setup = Setup::new("sqlite_databases = ['default']");
    let app = setup.limits(|l| l.sqlite_statement_time = Duration::from_millis(100)).start().await;
    let endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";
    let answers = app.sql(&[endless, "SELECT 1"]).await;
    assert!(answers[0]["result"].as_str().unwrap().contains("ran longer than"), "{}", answers[0]);
    assert_eq!(answers[1], json!([[1]]));
}
