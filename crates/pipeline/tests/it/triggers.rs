//! Which events start a pipeline, and what is said where one does not.

use penstock_domain::TriggerEvent;
use penstock_pipeline::{Refusal, Trigger, parse};

const NOWHERE: Trigger<'static> = Trigger {
    event: TriggerEvent::Push,
    branch: "main",
    tag: None,
    changed_paths: None,
    action: None,
    event_name: None,
};

fn ask(on: &str, trigger: &Trigger<'_>) -> Result<(), Refusal> {
    let parsed = parse(&format!("{on}\nstages: [{{ name: a, jobs: [{{ name: b, steps: [make] }}] }}]"));
    assert_eq!(parsed.diagnostics, [], "{on}");
    parsed.definition.expect("there is a definition where there is no error").admits(trigger)
}

fn on_branch(event: TriggerEvent, branch: &str) -> Trigger<'_> {
    Trigger { event, branch, ..NOWHERE }
}

#[test]
fn each_form_of_on_selects_its_events() {
    for (on, admitted) in [
        ("", "push pull_request manual"),
        ("on:", "push pull_request manual"),
        ("on: push", "push"),
        ("on: [push, pull_request]", "push pull_request"),
        ("on: [tag, manual]", "manual tag"),
        ("on: { push: }", "push"),
        ("on: { push: ~, pull_request: {}, tag: , manual: }", "push pull_request manual tag"),
        ("on: { push: {}, manual: {} }", "push manual"),
        ("on: { tag: \"v*\" }", "tag"),
    ] {
        let events: Vec<&str> = TriggerEvent::ALL
            .iter()
            .filter(|event| ask(on, &Trigger { event: **event, tag: Some("v1"), ..NOWHERE }).is_ok())
            .map(|event| event.as_str())
            .collect();
        assert_eq!(events.join(" "), admitted, "{on}");
    }
}

#[test]
fn branches_are_those_that_a_change_would_go_to() {
    let on = "on: { push: { branches: [main, 'release/**', '!release/old/**'] }, pull_request: { branches: [main] } }";
    for (event, branch, admitted) in [
        (TriggerEvent::Push, "main", true),
        (TriggerEvent::Push, "release/1/2", true),
        (TriggerEvent::Push, "release/old/1", false),
        (TriggerEvent::Push, "feature", false),
        (TriggerEvent::PullRequest, "main", true),
        (TriggerEvent::PullRequest, "release/1", false),
    ] {
        assert_eq!(ask(on, &on_branch(event, branch)).is_ok(), admitted, "{event} {branch}");
    }
}

#[test]
fn paths_decide_only_where_they_are_known() {
    let on = "on: { push: { paths: ['src/**', '!src/docs/**'], paths_ignore: ['**/*.md'] } }";
    let ignoring = "on: { push: { paths_ignore: ['docs/**'] } }";
    for (on, changed, admitted) in [
        (on, None, true),
        (on, Some(&["src/a.rs"][..]), true),
        (on, Some(&["src/a.md"]), false),
        (on, Some(&["src/docs/a.rs"]), false),
        (on, Some(&["README.md", "src/b.rs"]), true),
        (on, Some(&[]), false),
        (ignoring, Some(&["docs/a", "docs/b"]), false),
        (ignoring, Some(&["docs/a", "b"]), true),
        (ignoring, Some(&[]), true),
        (ignoring, None, true),
    ] {
        let changed: Option<Vec<String>> =
            changed.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        let trigger = Trigger { changed_paths: changed.as_deref(), ..NOWHERE };
        assert_eq!(ask(on, &trigger).is_ok(), admitted, "{on} {changed:?}");
    }
}

#[test]
fn a_refusal_says_what_did_not_fit() {
    let changed = ["README.md".to_owned()];
    for (on, trigger, code, said) in [
        (
            "on: [push, tag]",
            on_branch(TriggerEvent::Manual, "main"),
            "event_not_selected",
            "the pipeline is not started by `manual`; its `on` has `push`, `tag`",
        ),
        (
            "on: { push: { branches: [main, 'release/*'] } }",
            on_branch(TriggerEvent::Push, "feature/x"),
            "branch_not_selected",
            "branch `feature/x` does not match `on.push.branches`: `main`, `release/*`",
        ),
        (
            "on: { tag: ['v*'] }",
            Trigger { event: TriggerEvent::Tag, tag: Some("nightly"), ..NOWHERE },
            "tag_not_selected",
            "tag `nightly` does not match `on.tag`: `v*`",
        ),
        (
            "on: { push: { paths: ['src/**'] } }",
            Trigger { changed_paths: Some(&changed), ..NOWHERE },
            "paths_not_selected",
            "no changed path matches `on.push.paths`: `src/**`",
        ),
        (
            "on: { push: { paths_ignore: ['*.md'] } }",
            Trigger { changed_paths: Some(&changed), ..NOWHERE },
            "paths_not_selected",
            "every changed path matches `on.push.paths_ignore`: `*.md`",
        ),
    ] {
        let refusal = ask(on, &trigger).expect_err(on);
        assert_eq!((refusal.code(), refusal.to_string().as_str()), (code, said));
    }
}
