//! Reports and gates: handed in, looked at, overridden.

use penstock_domain::TestType;
use serde_json::{Value, json};

use super::operation::Operation;
use super::refusals::{BODY, HANDED_ON, JSON_BODY, LEASE, NOT_FOUND, ONCE, OVERTAKEN, QUERY, Refusal, STORE};
use super::schemas::{Schemas, cursor, list_of, text};
use crate::quality::{
    GateEvaluation, GateSummary, OverrideQualityGate, ReportSummary, TestResult, TestSummary,
};
use crate::schema::Word;

const TAG: &str = "quality";
const SCHEME: &str = "token";

const fn refusal(status: u16, code: &'static str, when: &'static str) -> Refusal {
    Refusal { status, code, when, is_worth_another_try: false }
}

const fn later(status: u16, code: &'static str, when: &'static str) -> Refusal {
    Refusal { status, code, when, is_worth_another_try: true }
}

/// A token is asked for that the database knows.
const ROLE: &[Refusal] = &[
    refusal(401, "unauthorized", "the token is missing, or not known, or no longer"),
    refusal(403, "role_required", "the token's role is less than this needs; `detail` names both"),
];

/// The lease's token is the scheduler's to check.
const LEASE_TOKEN: &[Refusal] =
    &[refusal(401, "unauthorized", "the token is missing, or is not the one of this job")];

const REPORT: &[Refusal] = &[
    refusal(400, "bad_report", "it is no whole report of this format; `errors` has the line"),
    refusal(422, "too_many_reports", "the attempt has handed in as many as are kept"),
    later(503, "busy", "other large reports are being read, or the database is busy"),
];

const GATE: &[Refusal] = &[refusal(
    409,
    "not_now",
    "the gate has not failed, or its pipeline file lets nobody override it; `detail` says which",
)];

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    vec![hand_in(schemas), test_results(schemas), gates(schemas), override_gate(schemas)]
}

fn hand_in(schemas: &mut Schemas) -> Operation {
    let members = [
        ("test_results", json!({ "type": "integer", "minimum": 1 })),
        ("summary", schemas.answered::<ReportSummary>()),
    ];
    let test_type = schemas.asked::<Word<TestType>>();
    let path = "/api/v1/jobs/{id}/reports";
    Operation::new("post", path, "handInReport", "runner protocol", "Hand in a report")
        .about(
            "The file as its tool wrote it, at most 64 MiB. `type` has to be there; without `test_type` it counts \
             as `unit`. Known by attempt, type and path, without a path by what it says: what was handed in before \
             stays as it is, and is answered with 200.",
        )
        .for_whom(&["lease"])
        .query("type", json!({ "type": "string", "enum": ["junit", "lcov"] }), "Its format.")
        .query("test_type", test_type, "What its tests are about.")
        .query(
            "path",
            json!({ "type": "string", "maxLength": 1_024 }),
            "Where it lay, relative to the job's workspace; the bound is of bytes.",
        )
        .body_of("*/*", json!({ "schema": text() }), true)
        .success(200, "It was here before.", members.clone())
        .success(201, "It is stored, as so many results.", members)
        .refuses(&[QUERY, BODY, REPORT, NOT_FOUND, LEASE, HANDED_ON, LEASE_TOKEN, STORE])
}

fn test_results(schemas: &mut Schemas) -> Operation {
    let members = [
        ("test_results", list_of(schemas.answered::<TestResult>())),
        ("summary", schemas.answered::<TestSummary>()),
        ("next", cursor()),
    ];
    let test_type = schemas.asked::<Word<TestType>>();
    let path = "/api/v1/executions/{id}/test-results";
    Operation::new("get", path, "listTestResults", TAG, "See what an execution's reports say")
        .about(
            "A page of results, the oldest first, and the sums of all of them. A page is shorter than its limit \
             where results are large. For viewers and up.",
        )
        .for_whom(&[SCHEME])
        .query("test_type", test_type, "Only tests about this; the sums are of them alone.")
        .query(
            "superseded",
            json!({ "type": "boolean", "default": false }),
            "Whether to show also what earlier attempts reported.",
        )
        .shared("Limit")
        .shared("After")
        .success(200, "The results.", members)
        .refuses(&[QUERY, NOT_FOUND, ROLE, STORE])
}

fn gates(schemas: &mut Schemas) -> Operation {
    let members = [
        ("evaluations", evaluations(schemas)),
        ("summary", schemas.answered::<GateSummary>()),
        ("all_passed", json!({ "type": "boolean" })),
        ("blockers", list_of(text())),
    ];
    let path = "/api/v1/executions/{id}/quality-gates";
    Operation::new("get", path, "listQualityGates", TAG, "See what became of an execution's gates")
        .about(
            "All of them, in the order of their stages. `all_passed` is true where none failed or is pending; one \
             that was overridden is let pass. `blockers` names the failed gates that hold up what depends on their \
             stage. For viewers and up.",
        )
        .for_whom(&[SCHEME])
        .success(200, "The gates.", members)
        .refuses(&[NOT_FOUND, ROLE, STORE])
}

fn evaluations(schemas: &mut Schemas) -> Value {
    list_of(schemas.answered::<GateEvaluation>())
}

fn override_gate(schemas: &mut Schemas) -> Operation {
    let members = [
        ("evaluation", schemas.answered::<GateEvaluation>()),
        ("continued_in", json!({ "type": ["string", "null"], "format": "uuid" })),
    ];
    let path = "/api/v1/quality-gates/{id}/override";
    Operation::new("post", path, "overrideQualityGate", TAG, "Let a failed gate pass")
        .about(
            "Who did it, when and why is kept with the gate and in the audit trail. Where it was the last gate in \
             the way, the work goes on in a new execution: `continued_in`. For approvers and up.",
        )
        .for_whom(&[SCHEME])
        .shared("IdempotencyKey")
        .body(schemas.asked::<OverrideQualityGate>())
        .success(200, "The overridden gate.", members)
        .with_headers(200, &[("Idempotent-Replayed", "IdempotentReplayed")])
        .refuses(&[JSON_BODY, ONCE, NOT_FOUND, OVERTAKEN, HANDED_ON, GATE, ROLE, STORE])
}
