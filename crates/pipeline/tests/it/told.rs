//! What is said about a text, and what it is planned to: shared by the tests.

use std::collections::BTreeMap;

use expect_test::Expect;
use penstock_domain::TriggerEvent;
use penstock_pipeline::{Late, Plan, PlannedJob, RunContext, Source, parse, plan};

/// What is said, one on each line.
pub fn said(text: &str) -> String {
    lines(&parse(text).diagnostics)
}

pub fn lines(diagnostics: &[penstock_pipeline::Diagnostic]) -> String {
    let line = |d: &penstock_pipeline::Diagnostic| {
        let hint = d.hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let severity = if d.severity == penstock_pipeline::Severity::Warning { "warning " } else { "" };
        format!("{}:{} {} {severity}{}: {}{hint}\n", d.line, d.column, d.pointer, d.code, d.message)
    };
    diagnostics.iter().map(line).collect()
}

pub fn check(text: &str, expected: Expect) {
    expected.assert_eq(&said(text));
}

/// As a person sees it.
pub fn check_drawn(text: &str, expected: Expect) {
    let parsed = parse(text);
    let source = Source { text, origin: ".penstock.yml" };
    let drawn: Vec<String> = parsed.diagnostics.iter().map(|d| d.render(&source)).collect();
    assert_eq!(parsed.definition.is_none(), parsed.errors().next().is_some());
    expected.assert_eq(&drawn.join("\n"));
}

/// `members` are those of the one job.
pub fn check_job(members: &str, expected: Expect) {
    check(&format!("stages: [{{ name: a, jobs: [{{ name: b, steps: [make], {members} }}] }}]"), expected);
}

pub fn check_step(members: &str, expected: Expect) {
    check(&format!("stages: [{{ name: a, jobs: [{{ name: b, steps: [{{ {members} }}] }}] }}]"), expected);
}

pub fn push_to_main() -> RunContext {
    RunContext {
        branch: "main".to_owned(),
        base_branch: String::new(),
        pull_request: 0,
        tag: None,
        event: TriggerEvent::Push,
        commit_sha: Some("0123abcd".repeat(5)),
        commit_message: "Fix it".to_owned(),
        author: "Ada".to_owned(),
        repository_url: "https://example.org/web.git".to_owned(),
        pipeline_name: "web".to_owned(),
        number: 7,
        variables: BTreeMap::new(),
        inputs: BTreeMap::new(),
        changed_paths: None,
        event_name: None,
    }
}

pub fn planned_for(text: &str, context: &RunContext) -> Plan {
    let parsed = parse(text);
    assert!(parsed.errors().next().is_none(), "{}", lines(&parsed.diagnostics));
    let plan = plan(&parsed.definition.expect("there is no error"), context).expect("it can be planned");
    let json = serde_json::to_string(&plan).expect("a plan is JSON");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("a stored plan can be read"), plan);
    plan
}

pub fn planned(text: &str) -> Plan {
    planned_for(text, &push_to_main())
}

pub fn jobs(members: &str) -> Vec<PlannedJob> {
    let steps = if members.contains("steps:") { "" } else { "steps: [make], " };
    let text = format!("stages: [{{ name: a, jobs: [{{ name: app, {steps}{members} }}] }}]");
    planned(&text).stages.remove(0).jobs
}

pub fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub fn late(pairs: &[(&str, &str)]) -> Vec<Late> {
    pairs.iter().map(|(name, text)| Late { name: (*name).to_owned(), text: (*text).to_owned() }).collect()
}

/// `condition` is that of a stage which waits for `unit-tests`, whose job hands on `test-result`.
pub fn check_if(condition: &str, expected: Expect) {
    check(
        &format!(
            r#"
on: {{ push: , manual: {{ inputs: {{ dry: {{ type: boolean }}, level: {{ type: number }}, where: {{ options: [a, b] }} }} }} }}
variables: {{ DEBUG: "true" }}
stages:
  - {{ name: unit-tests, jobs: [{{ name: j, outputs: [test-result], steps: ['x $DEBUG $where $dry $level'] }}] }}
  - name: after
    depends_on: unit-tests
    variables: {{ R: "${{{{ stages['unit-tests'].outputs['test-result'] }}}}" }}
    if: '{condition}'
    jobs: [{{ name: j, steps: ['x $R'] }}]
"#
        ),
        expected,
    );
}

/// `condition` is that of a step of a job with a matrix.
pub fn check_step_if(condition: &str, expected: Expect) {
    check(
        &format!(
            r#"
stages:
  - name: a
    jobs:
      - name: b
        matrix: {{ node-version: [18, 20], os: [linux, mac], include: [{{ os: mac, extra: x }}] }}
        steps:
          - {{ id: run-tests, run: make }}
          - {{ run: make, if: '{condition}' }}
"#
        ),
        expected,
    );
}
