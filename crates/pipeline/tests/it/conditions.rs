//! Whether a stage or a job may start.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use penstock_domain::{TriggerEvent, WorkStatus};
use penstock_pipeline::{ExpressionError, Facts, Outputs, RunContext, evaluate, may_start};

/// How the work before it ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Before {
    Succeeded,
    Failed,
    Cancelled,
}

fn answer(condition: Option<&str>, before: Before) -> Result<bool, ExpressionError> {
    let run = RunContext {
        branch: "main".to_owned(),
        base_branch: String::new(),
        pull_request: 0,
        tag: Some("v1.2".to_owned()),
        event: TriggerEvent::Tag,
        commit_sha: None,
        commit_message: "Größe".repeat(10_000),
        author: "Ada".to_owned(),
        repository_url: "https://example.org/web.git".to_owned(),
        pipeline_name: "web".to_owned(),
        number: u64::MAX,
        variables: BTreeMap::new(),
        inputs: BTreeMap::new(),
        changed_paths: None,
        event_name: None,
    };
    let stages = BTreeMap::from([
        ("build".to_owned(), WorkStatus::Succeeded),
        ("unit tests".to_owned(), WorkStatus::Failed),
    ]);
    let variables = BTreeMap::from([("LEVEL".to_owned(), "3".to_owned())]);
    let facts = Facts {
        success: before == Before::Succeeded,
        failure: before == Before::Failed,
        cancelled: before == Before::Cancelled,
        stages: &stages,
        outputs: &Outputs::new(),
        matrix: &BTreeMap::new(),
        run: &run,
        variables: &variables,
    };
    may_start(condition, &facts)
}

#[test]
fn without_a_status_function_success_is_meant() {
    use Before::{Cancelled, Failed, Succeeded};
    for (condition, starts) in [
        (None, [true, false, false]),
        (Some("true"), [true, false, false]),
        (Some("branch == \"main\""), [true, false, false]),
        (Some("branch == \"dev\""), [false, false, false]),
        (Some("success()"), [true, false, false]),
        (Some("failure()"), [false, true, false]),
        (Some("cancelled()"), [false, false, true]),
        (Some("always()"), [true, true, true]),
        (Some("!cancelled()"), [true, true, false]),
        (Some("failure() && branch == \"main\""), [false, true, false]),
        (Some("success() || failure()"), [true, true, false]),
        // What can't be answered does not matter where it isn't asked.
        (Some("variables.NONE == \"\" && branch == \"main\" || true"), [true, false, false]),
    ] {
        let answers = [Succeeded, Failed, Cancelled].map(|before| answer(condition, before));
        assert_eq!(answers, starts.map(Ok), "{condition:?}");
    }
}

#[test]
fn a_condition_may_ask_for_every_fact() {
    for condition in [
        "tag.startsWith(\"v\") && event == \"tag\" && commit == \"\"",
        "author == \"Ada\" && pipeline == \"web\" && repository.contains(\"example.org\")",
        "number > 1",
        "size(commit_message) > 100",
        "variables.LEVEL == \"3\" && int(variables[\"LEVEL\"]) > 2",
        "has(variables.LEVEL) && !has(variables.OTHER)",
        "stages.build.status == \"succeeded\" && stages[\"unit tests\"].status != \"succeeded\"",
        "stages.exists(name, stages[name].status == \"failed\")",
        "!stages.all(name, stages[name].status == \"succeeded\")",
        "branch in [\"main\", \"dev\"]",
        "[\"ma\", \"de\"].exists_one(b, branch.startsWith(b))",
        "variables.exists(v, v == \"LEVEL\")",
        "(branch == \"main\" ? 1 : 2) == 1",
        "'ä' == \"\\u00e4\"",
    ] {
        assert_eq!(answer(Some(condition), Before::Succeeded), Ok(true), "{condition}");
    }
}

#[test]
fn what_has_no_answer_says_why_and_tells_no_value() {
    let check = |condition: &str, expected: Expect| {
        let error = answer(Some(condition), Before::Succeeded).expect_err(condition);
        expected.assert_eq(&error.to_string());
    };
    check("variables.SECRET == \"\"", expect!["there is no `SECRET`"]);
    check("stages.nothing.status == \"\"", expect!["there is no `nothing`"]);
    check("branch", expect!["an `if` has to be true or false, and this is a text"]);
    check("[1, 2]", expect!["an `if` has to be true or false, and this is a list"]);
    check("int(commit_message) > 1", expect!["`int` can't take this value"]);
    check("number + 1 > 1", expect!["the number gets too large"]);
    check("1 / 0 == 1", expect!["this divides by zero"]);
    check("[1][5] == 1", expect!["the list has no such place"]);
    check("author < 1", expect!["`<` can't be used with a text and a number"]);
    check("nothing", expect!["`nothing` means nothing here"]);
    check("nothing()", expect!["`nothing` means nothing here"]);
    let often = ["commit_message.contains(v)"; 12].join(" && ");
    check(
        &format!("variables.exists(v, {often})"),
        expect!["the texts are too long for this expression; compare shorter ones"],
    );
    check("branch ==", expect!["expected an expression, found the end"]);
    check("", expect!["there is no expression here"]);
}

#[test]
fn an_expression_is_refused_by_its_limits_without_a_file_too() {
    let run = RunContext {
        branch: String::new(),
        base_branch: String::new(),
        pull_request: 0,
        tag: None,
        event: TriggerEvent::Push,
        commit_sha: None,
        commit_message: String::new(),
        author: String::new(),
        repository_url: String::new(),
        pipeline_name: String::new(),
        number: 1,
        variables: BTreeMap::new(),
        inputs: BTreeMap::new(),
        changed_paths: None,
        event_name: None,
    };
    let (stages, variables) = (BTreeMap::new(), BTreeMap::new());
    let facts = Facts {
        success: true,
        failure: false,
        cancelled: false,
        stages: &stages,
        outputs: &Outputs::new(),
        matrix: &BTreeMap::new(),
        run: &run,
        variables: &variables,
    };
    for condition in ["(".repeat(100_000), "!".repeat(100_000), "1+".repeat(400) + "1", "a".repeat(100_000)] {
        assert!(matches!(evaluate(&condition, &facts), Err(ExpressionError::Syntax { .. })));
    }
}
