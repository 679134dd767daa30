//! The checked-in OpenAPI document: it is what the types say, and it says what the components do.

#![expect(clippy::unwrap_used, reason = "a test that can't read what it tests has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use expect_test::expect_file;
use penstock_api::openapi::document;
use serde_json::Value;

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// A component's table of routes, and the one of its targets that is answered 501.
const TABLES: [(&str, Option<&str>); 6] = [
    ("api", Some("Later")),
    ("approvals", None),
    ("gates", None),
    ("metrics", None),
    ("scheduler", Some("NotYet")),
    ("webhooks", None),
];

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn operations(document: &Value) -> impl Iterator<Item = (String, &Value)> {
    let paths = ["paths", "webhooks"].into_iter().flat_map(|part| document[part].as_object().unwrap());
    paths.flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |m| item.get(m).map(|operation| (format!("{m} {path}"), operation)))
    })
}

/// Every value in the document with its name, however deep.
fn visit<'a>(value: &'a Value, each: &mut impl FnMut(&str, &'a Value)) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            each(name, value);
            visit(value, each);
        }),
        Value::Array(values) => values.iter().for_each(|value| visit(value, each)),
        _ => {}
    }
}

#[test]
fn the_checked_in_document_is_what_the_types_say() {
    let made = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    expect_file!["../../../components/api/openapi.json"].assert_eq(&made);
}

#[test]
fn every_route_is_in_the_document_or_answered_501() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            METHODS.iter().filter(|m| item.get(**m).is_some()).map(move |m| format!("{m} {path}"))
        })
        .collect();
    let (mut served, mut left_out) = (BTreeSet::new(), BTreeSet::new());
    for (component, not_yet) in TABLES {
        for (method, path, to) in routes(&source(&format!("components/{component}/src/routes.rs"))) {
            let is_internal = path.starts_with("/internal/");
            let list = if is_internal || Some(to.as_str()) == not_yet { &mut left_out } else { &mut served };
            list.insert(format!("{method} {}", in_braces(&path)));
        }
    }
    assert_eq!(described, served);
    assert!(served.len() > 20 && left_out.len() > 5, "the tables were not read");
}

/// Method, path and target of each line of a table.
fn routes(source: &str) -> Vec<(String, String, String)> {
    let table = source.split_once("const ROUTES").unwrap().1.split_once("];").unwrap().0;
    let lines = table.split("(Method::").skip(1).map(|line| {
        let (method, rest) = line.split_once(',').unwrap();
        let (path, rest) = rest.split_once('"').unwrap().1.split_once('"').unwrap();
        let to = rest.split_once("To::").unwrap().1;
        let to = to.split(|c: char| !c.is_alphanumeric()).next().unwrap();
        (method.to_lowercase(), path.to_owned(), to.to_owned())
    });
    lines.collect()
}

fn in_braces(path: &str) -> String {
    let segments =
        path.split('/').map(|s| s.strip_prefix(':').map_or(s.to_owned(), |name| format!("{{{name}}}")));
    let path = segments.collect::<Vec<_>>().join("/");
    // The handler itself takes the ending off.
    if path.starts_with("/badge/") { path + ".svg" } else { path }
}

#[test]
fn every_reference_leads_somewhere_and_every_definition_is_referred_to() {
    let document = document();
    let mut references = BTreeSet::new();
    visit(&document, &mut |name, value| {
        if name == "$ref" {
            references.insert(value.as_str().unwrap().trim_start_matches('#').to_owned());
        }
    });
    for reference in &references {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
    for kind in ["schemas", "parameters", "headers", "responses"] {
        for name in document["components"][kind].as_object().into_iter().flat_map(|m| m.keys()) {
            assert!(references.contains(&format!("/components/{kind}/{name}")), "{kind}/{name} is not used");
        }
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_who_may_ask() {
    let document = document();
    let tags: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|t| t["name"].clone().to_string()).collect();
    let mut names = BTreeSet::new();
    for (route, operation) in operations(&document) {
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{route}: its name is taken");
        assert!(tags.contains(&operation["tags"][0].to_string()), "{route}: its tag is not explained");
        assert!(!operation["responses"].as_object().unwrap().is_empty(), "{route} answers nothing");
        for scheme in
            operation["security"].as_array().into_iter().flatten().flat_map(|s| s.as_object().unwrap().keys())
        {
            assert!(
                document["components"]["securitySchemes"].get(scheme).is_some(),
                "{route}: no scheme {scheme}"
            );
        }
        let is_public = operation["security"]
            .as_array()
            .is_some_and(|schemes| schemes.iter().all(|s| s == &serde_json::json!({})));
        let needs_token = operation["responses"].get("401").is_some();
        let is_push = !route.contains('/');
        assert!(is_push || needs_token != is_public, "{route}: 401 and its security contradict each other");
    }
}

#[test]
fn every_code_of_a_refusal_is_one_that_the_components_give() {
    let folders = [
        "components/api/src",
        "components/approvals/src",
        "components/gates/src",
        "components/scheduler/src",
        "components/webhooks/src",
        "crates/guest/src",
    ];
    let files = folders.iter().flat_map(|folder| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
    });
    let mut given: String = files.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    given += &source("crates/api/src/problem.rs");
    given += &source("crates/forge/src/parsed.rs");
    let document = document();
    let mut seen = 0;
    for (route, operation) in operations(&document) {
        for response in operation["responses"].as_object().unwrap().values() {
            let lines = response["description"].as_str().unwrap().lines();
            for code in lines.filter_map(|l| l.strip_prefix("- `")?.split_once('`').map(|(code, _)| code)) {
                assert!(given.contains(&format!("\"{code}\"")), "{route}: nobody gives {code}");
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "the codes were not read");
}

/// Each bound in the document beside the constant that a handler checks.
#[test]
fn the_bounds_are_those_that_the_handlers_check() {
    let schemas = |pointer: &str| format!("/components/schemas/{pointer}");
    let pipelines = "components/api/src/pipelines.rs";
    let tokens = "components/api/src/tokens.rs";
    let control = "components/scheduler/src/control.rs";
    let runners = "components/scheduler/src/runners.rs";
    let pipeline_limits = "crates/pipeline/src/limits.rs";
    let (checks, reasons) = ("components/approvals/src/settings.rs", "components/approvals/src/reason.rs");
    let approval = "crates/release/src/approval.rs";
    let bounds = [
        (pipelines, "MAX_NAME_CHARS", schemas("CreatePipeline/properties/pipeline_name/maxLength")),
        (pipelines, "MAX_NAME_CHARS", schemas("UpdatePipeline/properties/pipeline_name/maxLength")),
        (pipelines, "MAX_URL_BYTES", schemas("CreatePipeline/properties/repository_url/maxLength")),
        (pipelines, "MAX_PATTERNS", schemas("CreatePipeline/properties/branch_patterns/maxItems")),
        (pipelines, "MAX_PATTERNS", schemas("UpdatePipeline/properties/branch_patterns/maxItems")),
        (
            pipelines,
            "DEFAULT_CONCURRENT",
            schemas("CreatePipeline/properties/max_concurrent_executions/default"),
        ),
        (tokens, "MAX_NAME_CHARS", schemas("CreateToken/properties/token_name/maxLength")),
        (tokens, "MAX_NAME_CHARS", schemas("CreateToken/properties/forge_login/maxLength")),
        (tokens, "MAX_DAYS", schemas("CreateToken/properties/expires_in_days/maximum")),
        (pipeline_limits, "MAX_SOURCE_BYTES", schemas("CreatePipeline/properties/definition/maxLength")),
        (control, "MAX_PARAMETERS", schemas("Execute/properties/parameters/maxProperties")),
        (
            control,
            "MAX_PARAMETER_BYTES",
            schemas("Execute/properties/parameters/additionalProperties/maxLength"),
        ),
        (runners, "MAX_LABELS", schemas("RegisterRunner/properties/labels/maxItems")),
        (runners, "MAX_TEXT_BYTES", schemas("RegisterRunner/properties/name/maxLength")),
        (runners, "MAX_TEXT_BYTES", schemas("RegisterRunner/properties/labels/items/maxLength")),
        (
            "crates/guest/src/answer_once.rs",
            "MAX_KEY_BYTES",
            "/components/parameters/IdempotencyKey/schema/maxLength".to_owned(),
        ),
        (pipeline_limits, "MAX_NAME_CHARS", schemas("NewEnvironment/properties/environment_name/maxLength")),
        (checks, "MAX_PROMOTIONS", schemas("NewEnvironment/properties/auto_promote_from/maxItems")),
        (
            pipeline_limits,
            "MAX_VARIABLES",
            schemas("NewEnvironment/properties/environment_variables/maxProperties"),
        ),
        (
            pipeline_limits,
            "MAX_VALUE_BYTES",
            schemas("NewEnvironment/properties/environment_variables/additionalProperties/maxLength"),
        ),
        (approval, "MAX_APPROVERS", schemas("ApprovalSettings/properties/approvers/maxItems")),
        (approval, "MAX_REQUIRED", schemas("ApprovalSettings/properties/required_approvals/maximum")),
        (approval, "MAX_EXPIRY_SECONDS", schemas("ApprovalSettings/properties/expires_in_seconds/maximum")),
        (
            approval,
            "DEFAULT_EXPIRY_SECONDS",
            schemas("ApprovalSettings/properties/expires_in_seconds/default"),
        ),
        (pipeline_limits, "MAX_URL_BYTES", schemas("HealthCheckSettings/properties/url/maxLength")),
        (pipeline_limits, "MAX_HEALTH_ATTEMPTS", schemas("HealthCheckSettings/properties/attempts/maximum")),
        (
            pipeline_limits,
            "MAX_HEALTH_SUCCESSES",
            schemas("HealthCheckSettings/properties/successes/maximum"),
        ),
        (
            pipeline_limits,
            "DEFAULT_HEALTH_STATUS",
            schemas("HealthCheckSettings/properties/expect_status/default"),
        ),
        (
            pipeline_limits,
            "DEFAULT_HEALTH_ATTEMPTS",
            schemas("HealthCheckSettings/properties/attempts/default"),
        ),
        (
            pipeline_limits,
            "DEFAULT_HEALTH_SUCCESSES",
            schemas("HealthCheckSettings/properties/successes/default"),
        ),
        (reasons, "MAX_REASON_CHARS", schemas("WithReason/properties/reason/maxLength")),
        (reasons, "MAX_REASON_CHARS", schemas("Approve/properties/notes/maxLength")),
        (
            "crates/api/src/quality.rs",
            "MAX_REASON_CHARS",
            schemas("OverrideQualityGate/properties/reason/maxLength"),
        ),
        ("crates/api/src/runner.rs", "MAX_BATCH", schemas("JobEvents/properties/events/maxItems")),
        ("crates/api/src/runner.rs", "MAX_LINE_BYTES", schemas("LogLine/properties/text/maxLength")),
    ];
    let document = document();
    let found: BTreeMap<_, _> = bounds
        .iter()
        .map(|(_, name, at)| ((name, at), document.pointer(at).and_then(Value::as_u64)))
        .collect();
    let checked: BTreeMap<_, _> =
        bounds.iter().map(|(file, name, at)| ((name, at), Some(constant(&source(file), name)))).collect();
    assert_eq!(found, checked);
}

/// The value of `const NAME: … = 32 * 1024;`.
fn constant(source: &str, name: &str) -> u64 {
    let value = source
        .split_once(&format!("const {name}:"))
        .unwrap()
        .1
        .split_once('=')
        .unwrap()
        .1
        .split_once(';')
        .unwrap()
        .0;
    value.split('*').map(|factor| factor.trim().replace('_', "").parse::<u64>().unwrap()).product()
}

/// What is answered from types beyond this crate is described here: their members and the described ones are the same.
#[test]
fn what_has_no_wire_type_is_described_with_the_members_that_it_has() {
    let (change, model, plan) =
        ("crates/engine/src/change.rs", "crates/engine/src/model.rs", "crates/pipeline/src/plan.rs");
    let pairs = [
        ("Runner", "crates/engine/src/why.rs", "RunnerView"),
        ("Plan", plan, "Plan"),
        ("PlannedStage", plan, "PlannedStage"),
        ("PlannedJob", plan, "PlannedJob"),
        ("PlannedStep", plan, "PlannedStep"),
        ("PlannedGate", plan, "PlannedGate"),
        ("PlannedDeploy", plan, "PlannedDeploy"),
        ("HealthCheck", plan, "HealthCheck"),
        ("ReportRequest", plan, "ReportRequest"),
        ("RetryPolicy", "crates/pipeline/src/retry.rs", "RetryPolicy"),
        ("ChangedExecution", model, "Execution"),
        ("ChangedStage", model, "Stage"),
        ("ChangedJob", model, "Job"),
        ("ChangedStep", model, "Step"),
        ("ChangedWaiting", change, "Waiting"),
        ("ChangedGate", "crates/engine/src/delivery.rs", "StageGate"),
        ("ChangedDeployment", "crates/engine/src/delivery.rs", "Deployment"),
        ("ChangedApproval", "crates/engine/src/delivery.rs", "Approval"),
        ("ApprovalCriteria", "crates/release/src/approval.rs", "Criteria"),
        ("GivenVote", "crates/release/src/approval.rs", "Vote"),
        ("ChangedSteps", change, "StepsOf"),
    ];
    let document = document();
    for (schema, file, name) in pairs {
        let described = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let described: BTreeSet<String> = described.keys().cloned().collect();
        assert_eq!(described, members(&source(file), name), "{schema} beside {name}");
    }
}

/// The fields of a struct, as far as they are written out.
fn members(source: &str, name: &str) -> BTreeSet<String> {
    let fields = source.split_once(&format!("pub struct {name} {{")).unwrap().1.split_once("\n}").unwrap().0;
    let mut members = BTreeSet::new();
    let mut is_left_out = false;
    for line in fields.lines().map(str::trim) {
        if let Some(field) = line.strip_prefix("pub ") {
            if !is_left_out {
                members.insert(field.split_once(':').unwrap().0.to_owned());
            }
            is_left_out = false;
        } else {
            is_left_out |= matches!(line, "#[serde(skip_serializing)]" | "#[serde(skip)]");
        }
    }
    members
}
