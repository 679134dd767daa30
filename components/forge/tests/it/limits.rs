//! A forge that asks for patience, and how often it is asked all the same.

use penstock_guest::Clock;
use serde_json::json;

use crate::asking::{answers, ask, asked, file, forge};
use crate::statuses::{due, rows, send_due};

#[test]
fn after_a_refusal_for_a_limit_nothing_is_sent_until_it_is_over() {
    let platform = forge();
    for number in 1..=5 {
        due(&platform, number);
    }
    answers(&platform, 429, &[("retry-after", "90")], "{}");
    assert_eq!(send_due(&platform)["sent"], 1);
    assert_eq!(asked(&platform).len(), 1, "the others are not even tried");
    let until = platform.now().plus_ms(90_000);
    assert_eq!(rows(&platform), vec![(None, until); 5]);

    platform.pass(60_000);
    due(&platform, 6);
    send_due(&platform);
    let told = ask(&platform, "/internal/files", &file(".penstock.yml"));
    assert_eq!((&told["outcome"], &told["seconds"]), (&json!("later"), &json!(30)));
    assert!(told["why"].as_str().unwrap().contains("asks for less at once"), "{told}");
    assert!(asked(&platform).is_empty());
    assert_eq!(rows(&platform), vec![(None, until); 6]);

    platform.pass(30_000);
    for _ in 1..=6 {
        answers(&platform, 201, &[], "{}");
    }
    assert_eq!(send_due(&platform)["sent"], 6);
    assert_eq!(asked(&platform).len(), 6);
}

#[test]
fn the_round_ends_also_where_what_was_refused_is_given_up() {
    let platform = forge();
    due(&platform, 1);
    platform.pass(24 * 3_600_000);
    due(&platform, 2);
    answers(&platform, 429, &[("retry-after", "90")], "{}");
    assert_eq!(send_due(&platform)["sent"], 1);
    let kept = rows(&platform);
    assert!(kept[0].0.as_deref().unwrap().starts_with("failed: "));
    assert_eq!(kept[1], (None, platform.now()));
    send_due(&platform);
    assert_eq!((asked(&platform).len(), rows(&platform)[1].1), (1, platform.now().plus_ms(90_000)));
}

#[test]
fn a_used_up_budget_is_one_for_files_and_for_statuses() {
    let platform = forge();
    let reset = (platform.now().as_millis() / 1000 + 600).to_string();
    let used_up = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset.as_str())];
    answers(&platform, 403, &used_up, r#"{"message":"API rate limit exceeded"}"#);
    let read = || ask(&platform, "/internal/files", &file(".penstock.yml"));
    let first = read();
    assert_eq!((&first["outcome"], &first["seconds"]), (&json!("later"), &json!(601)));
    due(&platform, 1);
    send_due(&platform);
    assert_eq!((read(), asked(&platform).len()), (first, 1));
    assert_eq!(rows(&platform), [(None, platform.now().plus_ms(601_000))]);

    platform.pass(601_000);
    answers(&platform, 200, &[], "name: web\n");
    assert_eq!(read()["outcome"], "found");
}

#[test]
fn an_outage_holds_up_no_other_status() {
    let platform = forge();
    for number in 1..=3 {
        due(&platform, number);
        answers(&platform, 503, &[("retry-after", "90")], "");
    }
    assert_eq!(send_due(&platform)["sent"], 3);
    assert_eq!(asked(&platform).len(), 3);
}

#[test]
fn what_was_remembered_under_another_clock_holds_up_nobody() {
    let platform = forge();
    answers(&platform, 429, &[("retry-after", "90")], "{}");
    ask(&platform, "/internal/files", &file(".penstock.yml"));
    platform.pass(-7_200_000);
    answers(&platform, 200, &[], "name: web\n");
    assert_eq!(ask(&platform, "/internal/files", &file(".penstock.yml"))["outcome"], "found");
}
