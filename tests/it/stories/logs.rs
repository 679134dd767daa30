//! What jobs say, as text and live; and every change, live.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::sse::Event;
use crate::harness::{Installation, Project, job};

/// Three lines, then a wait for leave to go on, then three more.
fn halting(go: &std::path::Path) -> String {
    let before = "echo one; echo two >&2; echo drei-ä";
    let wait = format!("until [ -e {} ]; do sleep 0.05; done", go.display());
    let after = "echo four; echo '  five <&>\"'; printf six";
    let quiet = json!({ "name": "quiet", "steps": ["echo from the quiet one"] });
    json!({ "stages": [
        { "name": "talk", "jobs": [{ "name": "loud", "steps": [before, wait, after] }, quiet] },
    ]})
    .to_string()
}

/// What was said on stdout: nothing orders what comes on the other stream between it.
fn texts(events: &[Event]) -> Vec<String> {
    let lines = events.iter().filter(|event| event.name == "log" && event.data["stream"] == "stdout");
    lines.map(|event| event.data["text"].as_str().expect("a line").to_owned()).collect()
}

#[test]
fn a_line_is_seen_while_its_step_still_runs_and_a_reader_resumes_where_it_was() {
    let at = Installation::start();
    let go = at.note("go");
    let project = Project::new(&at, &halting(&go));
    let id = project.run();
    let path = format!("/api/v1/executions/{id}/logs?follow=true&stage=talk&job=loud");

    let (head, mut live) = at.events(&path, None);
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let mut seen = vec![];
    while !texts(&seen).iter().any(|line| line == "drei-ä") {
        seen.push(live.next().expect("lines come while the step waits"));
    }
    assert_eq!(job(&at.execution(&id), "talk", "loud")["status"], "running");
    drop(live);
    // Again from the second line that was seen, while more is said.
    let middle = seen.iter().position(|event| event.data["text"] == "one").expect("the first line");
    let resumed = at.events(&path, seen[middle].id.as_deref()).1;
    std::fs::write(go, "").expect("the step may go on");
    let rest = resumed.until_the_end();

    let whole = ["one", "drei-ä", "four", "  five <&>\"", "six"];
    assert_eq!(texts(&seen[..=middle]).into_iter().chain(texts(&rest)).collect::<Vec<_>>(), whole);
    assert_eq!(rest.last().map(|end| end.data["status"].clone()), Some(json!("succeeded")));
    let of_line =
        |text: &str| rest.iter().find(|event| event.data["text"] == text).expect("the line").data.clone();
    let four = of_line("four");
    for (member, expected) in [("stage", "talk"), ("job", "loud"), ("stream", "stdout")] {
        assert_eq!(four[member], expected);
    }
    assert_eq!((&four["attempt"], &four["step"]), (&json!(1), &json!(2)));

    // From any line on: neither lost nor doubled.
    let all = at.events(&path, None).1.until_the_end();
    assert_eq!(texts(&all), whole);
    let complaints: Vec<_> = all.iter().filter(|event| event.data["stream"] == "stderr").collect();
    assert_eq!(complaints.iter().map(|event| &event.data["text"]).collect::<Vec<_>>(), ["two"]);
    let ids: BTreeSet<_> = all.iter().filter_map(|event| event.id.clone()).collect();
    assert_eq!(ids.len(), all.len() - 1, "every line has an id of its own");
    for (n, event) in all.iter().enumerate().filter(|(_, event)| event.id.is_some()) {
        let after = at.events(&path, event.id.as_deref()).1.until_the_end();
        assert_eq!(after, all[n + 1..], "after {:?}", event.id);
    }
    at.at_rest();
}

#[test]
fn logs_are_told_as_text_of_all_of_one_stage_or_of_one_job() {
    let at = Installation::start();
    let go = at.note("go");
    std::fs::write(&go, "").expect("nothing has to wait");
    let project = Project::new(&at, &halting(&go));
    let id = project.run();
    at.ended(&id);
    let log = at.log(&id);
    assert!(
        log.contains("talk / loud | one\n") && log.contains("talk / quiet | from the quiet one\n"),
        "{log}"
    );
    let of = |query: &str| at.api("GET", &format!("/api/v1/executions/{id}/logs?{query}"), None).text();
    let loud = of("job=loud");
    assert!(["one\n", "two\n", "drei-ä\n"].iter().all(|line| loud.contains(line)), "{loud}");
    assert!(loud.contains("four\n  five <&>\"\nsix\n") && !loud.contains("quiet"), "{loud}");
    assert_eq!(of("stage=talk"), log);
    assert_eq!(of("stage=none"), "");
    for bad in ["follow=perhaps", "stage=%ff"] {
        assert_eq!(at.api("GET", &format!("/api/v1/executions/{id}/logs?{bad}"), None).status(), 400);
    }
    let path = format!("/api/v1/executions/{id}/logs?follow=true");
    assert_eq!(at.events(&path, Some("nonsense")).0.status, 400);
}

#[test]
fn many_lines_come_whole_and_in_order() {
    const LINES: usize = 20_000;
    let at = Installation::start();
    let definition = json!({ "stages": [{ "name": "talk", "jobs": [
        { "name": "much", "steps": [format!("seq 1 {LINES}")] },
    ]}]});
    let project = Project::new(&at, &definition.to_string());
    let id = project.run();
    let path = format!("/api/v1/executions/{id}/logs?follow=true&job=much");
    let live = texts(&at.events(&path, None).1.until_the_end());
    let expected: Vec<String> = (1..=LINES).map(|n| n.to_string()).collect();
    assert!(live == expected, "{} lines came, the last is {:?}", live.len(), live.last());
    at.at_rest();
}

#[test]
fn every_change_is_told_live_and_from_any_point_on() {
    let at = Installation::start();
    let go = at.note("go");
    let project = Project::new(&at, &halting(&go));
    let id = project.run();
    let path = format!("/api/v1/executions/{id}/events");
    let (head, live) = at.events(&path, None);
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    std::fs::write(go, "").expect("the step may go on");
    let all = live.until_the_end();

    let changes = &all[..all.len() - 1];
    assert_eq!(changes[0].data["created"], true);
    let seqs: Vec<i64> = changes.iter().map(|one| one.data["seq"].as_i64().expect("a number")).collect();
    assert!(seqs.windows(2).all(|two| two[0] < two[1]), "{seqs:?}");
    let ids = changes.iter().map(|one| one.id.clone().expect("an id"));
    assert!(ids.eq(seqs.iter().map(i64::to_string)), "an event's id is its number in the journal");
    let last = changes.last().expect("changes");
    assert_eq!(last.data["execution"]["status"], "succeeded");
    let causes: BTreeSet<_> = changes.iter().filter_map(|one| one.data["cause"].as_str()).collect();
    assert!(causes.is_superset(&BTreeSet::from(["webhook", "report"])), "{causes:?}");
    assert!(
        !all.iter().any(|one| one.data.to_string().contains("outbox")),
        "effects are not for the outside"
    );
    for (n, event) in changes.iter().enumerate() {
        // After the last change, too: whoever comes back then is told that there will be no more.
        assert_eq!(at.events(&path, event.id.as_deref()).1.until_the_end(), all[n + 1..]);
    }
    assert_eq!(at.events(&path, Some("x")).0.status, 400);
}
