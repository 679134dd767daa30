//! Reports, gates and deployments: what a file says of them, and what is planned.

use expect_test::expect;
use penstock_domain::StageType;
use penstock_pipeline::{HealthCheck, Plan, PlannedGate, PlannedStage, RunContext, limits, parse, plan};

fn push_to_main() -> RunContext {
    RunContext { commit_message: "Two\nlines".to_owned(), ..crate::told::push_to_main() }
}

fn planned(text: &str, context: &RunContext) -> Plan {
    let parsed = parse(text);
    assert_eq!(parsed.diagnostics, []);
    let plan = plan(&parsed.definition.expect("there is no error"), context).expect("it can be planned");
    let json = serde_json::to_string(&plan).expect("a plan is JSON");
    assert_eq!(serde_json::from_str::<Plan>(&json).expect("a stored plan can be read"), plan);
    plan
}

fn stage(members: &str) -> PlannedStage {
    planned(&format!("stages: [{{ name: a, {members} }}]"), &push_to_main()).stages.remove(0)
}

fn gate(members: &str) -> PlannedGate {
    stage(&format!("gates: {{ g: {{ {members} }} }}")).gates.remove(0)
}

fn health(members: &str) -> HealthCheck {
    let deploy =
        format!("deploy: {{ environment: e, health_check: {{ url: 'https://x.org/h', {members} }} }}");
    let stage = stage(&format!("{deploy}, jobs: [{{ name: b, steps: [make] }}]"));
    stage.deploy.and_then(|deploy| deploy.health_check).expect("it has a health check")
}

#[test]
fn reports_gates_and_a_deployment_are_in_the_plan() {
    let plan = planned(
        r#"
variables: { NAME: web }
stages:
  - name: test
    jobs:
      - name: unit
        reports: { junit: ["./reports/*.xml", more.xml, "reports/*.xml"], lcov: coverage/lcov.info, test_type: integration }
        steps: [make]
  - name: quality
    depends_on: [test]
    gates:
      coverage: { type: test_coverage }
      tests: { type: code_quality, metric: failed_tests, operator: "<=", threshold: 2, blocker: false, overridable: false }
  - name: staging
    depends_on: [quality]
    deploy:
      environment: staging
      version: "${{ variables.NAME }}-${{ number }}"
      health_check: { url: "https://example.org:8443/healthz" }
    jobs: [{ name: ship, steps: [./ship.sh] }]
"#,
        &push_to_main(),
    );
    let json = serde_json::to_string_pretty(&plan.stages).expect("a plan is JSON");
    expect![[r#"
        [
          {
            "name": "test",
            "stage_type": "test",
            "jobs": [
              {
                "name": "unit",
                "variables": {
                  "NAME": "web"
                },
                "reports": [
                  {
                    "format": "junit",
                    "path": "reports/*.xml",
                    "test_type": "integration"
                  },
                  {
                    "format": "junit",
                    "path": "more.xml",
                    "test_type": "integration"
                  },
                  {
                    "format": "lcov",
                    "path": "coverage/lcov.info",
                    "test_type": "integration"
                  }
                ],
                "steps": [
                  {
                    "name": "make",
                    "run": "make"
                  }
                ]
              }
            ]
          },
          {
            "name": "quality",
            "stage_type": "quality_check",
            "depends_on": [
              "test"
            ],
            "gates": [
              {
                "name": "coverage",
                "gate_type": "test_coverage",
                "metric": "line_coverage",
                "operator": ">=",
                "threshold": 80.0,
                "blocker": true,
                "overridable": true
              },
              {
                "name": "tests",
                "gate_type": "code_quality",
                "metric": "failed_tests",
                "operator": "<=",
                "threshold": 2.0,
                "blocker": false,
                "overridable": false
              }
            ],
            "jobs": []
          },
          {
            "name": "staging",
            "stage_type": "deploy",
            "depends_on": [
              "quality"
            ],
            "deploy": {
              "environment": "staging",
              "strategy": "rolling",
              "version": "web-7",
              "health_check": {
                "url": "https://example.org:8443/healthz",
                "expect_status": 200,
                "timeout_ms": 5000,
                "interval_ms": 2000,
                "attempts": 10,
                "successes": 2
              }
            },
            "jobs": [
              {
                "name": "ship",
                "variables": {
                  "NAME": "web"
                },
                "steps": [
                  {
                    "name": "./ship.sh",
                    "run": "./ship.sh"
                  }
                ]
              }
            ]
          }
        ]"#]]
    .assert_eq(&json);
}

#[test]
fn every_metric_has_its_own_default() {
    let asked = |members: &str| {
        let gate = gate(members);
        (gate.metric, gate.operator, gate.threshold)
    };
    let owned = |metric: &str, operator: &str, threshold| (metric.to_owned(), operator.to_owned(), threshold);
    for (members, expected) in [
        ("type: test_coverage", owned("line_coverage", ">=", 80.0)),
        ("type: test_coverage, metric: branch_coverage", owned("branch_coverage", ">=", 80.0)),
        (
            "type: test_coverage, metric: function_coverage, threshold: 100",
            owned("function_coverage", ">=", 100.0),
        ),
        ("type: code_quality", owned("test_success_rate", ">=", 95.0)),
        ("type: code_quality, metric: failed_tests", owned("failed_tests", "=", 0.0)),
        (
            "type: custom, metric: failed_tests, operator: '<', threshold: 250",
            owned("failed_tests", "<", 250.0),
        ),
        ("type: custom, metric: line_coverage, threshold: 0.5", owned("line_coverage", ">=", 0.5)),
    ] {
        assert_eq!(asked(members), expected, "{members}");
    }
    let gate = gate("type: test_coverage");
    assert!(gate.blocker && gate.overridable && gate.name == "g");
}

#[test]
fn a_stage_is_of_the_type_of_what_it_does() {
    let job = "jobs: [{ name: b, steps: [make] }]";
    let named = |name: &str, members: &str| {
        planned(&format!("stages: [{{ name: {name}, {members} }}]"), &push_to_main()).stages[0].stage_type
    };
    let gates = "gates: { g: { type: test_coverage } }";
    let deploy = "deploy: { environment: e }";
    assert_eq!(named("build", gates), StageType::QualityCheck);
    assert_eq!(named("build", &format!("{gates}, jobs: []")), StageType::QualityCheck);
    assert_eq!(named("unit tests", &format!("{gates}, {job}")), StageType::Test);
    assert_eq!(named("build", &format!("{gates}, type: security_scan")), StageType::SecurityScan);
    assert_eq!(named("build", &format!("{deploy}, {job}")), StageType::Deploy);
    assert_eq!(named("build", &format!("{deploy}, {job}, type: deploy")), StageType::Deploy);
}

#[test]
fn a_health_check_never_asks_for_more_successes_than_there_are_attempts() {
    let usual = health("");
    let facts = (usual.expect_status, usual.timeout_ms, usual.interval_ms, usual.attempts, usual.successes);
    assert_eq!(facts, (200, 5_000, 2_000, 10, 2));
    assert_eq!(health("attempts: 1").successes, 1);
    assert_eq!(health("attempts: 3, successes: 3").successes, 3);
}

#[test]
fn a_version_that_comes_to_nothing_stands_for_the_commit() {
    let version = |written: &str, context: &RunContext| {
        let text = format!(
            "stages: [{{ name: a, deploy: {{ environment: e, version: '{written}' }}, jobs: [{{ name: b, steps: [make] }}] }}]"
        );
        let definition = parse(&text).definition.expect("the file itself is fine");
        let line = |d: &penstock_pipeline::Diagnostic| format!("{} {}: {}", d.pointer, d.code, d.message);
        plan(&definition, context)
            .map(|plan| plan.stages[0].deploy.clone().and_then(|deploy| deploy.version))
            .map_err(|refused| refused.iter().map(line).collect::<Vec<_>>().join("\n"))
    };
    let tagged = RunContext { tag: Some("v1.10".to_owned()), ..push_to_main() };
    assert_eq!(version("${{ tag }}", &tagged), Ok(Some("v1.10".to_owned())));
    assert_eq!(version("${{ tag }}", &push_to_main()), Ok(None));
    assert_eq!(version(" 1.10 ", &push_to_main()), Ok(Some("1.10".to_owned())));
    let place = "/stages/0/deploy/version";
    let lines = format!("{place} bad_value: `version` would hold a line end or another control character");
    assert_eq!(version("${{ commit_message }}", &push_to_main()), Err(lines));
    let long = RunContext { branch: "b".repeat(limits::MAX_VERSION_BYTES + 1), ..push_to_main() };
    let too_long = format!("{place} limit_exceeded: `version` gets longer than 100 bytes");
    assert_eq!(version("${{ branch }}", &long), Err(too_long));
    let missing = format!("{place} expression_fails: there is no `GIVEN`");
    assert_eq!(version("${{ variables.GIVEN }}", &push_to_main()), Err(missing));
}

#[test]
fn the_file_in_the_documentation_is_one_that_is_taken() {
    let page = include_str!("../../../../docs/PIPELINE.md");
    let (_, rest) = page.split_once("```yaml\n").expect("the page begins with a file");
    let (file, _) = rest.split_once("```").expect("the file ends");
    let plan = planned(file, &push_to_main());
    let quality = plan.stages.iter().find(|stage| stage.name == "quality").expect("it has gates");
    assert_eq!((quality.gates.len(), quality.jobs.len()), (2, 0));
    assert!(plan.stages.iter().any(|stage| stage.deploy.is_some()));
}
