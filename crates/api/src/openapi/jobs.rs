//! What the holder of an attempt calls back with.

use serde_json::json;

use super::operation::Operation;
use super::refusals::{
    ADDED_JOBS, BODY, DERIVED_TOKEN, JSON_BODY, LEASE, LOG, NOT_FOUND, OVERTAKEN, REPORT, STORE,
};
use super::schemas::{Schemas, text};
use crate::runner::{Accepted, HeartbeatAnswer, JobEvents, JobsAdded, LogLine};

const TAG: &str = "runner protocol";

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    vec![heartbeat(schemas), events(schemas), add_jobs(schemas), logs(schemas)]
}

fn heartbeat(schemas: &mut Schemas) -> Operation {
    Operation::new("post", "/api/v1/jobs/{id}/heartbeat", "prolongLease", TAG, "Say that the work goes on")
        .about("Prolongs the lease. With `cancel: true` the work is no longer wanted. Takes no body.")
        .for_whom(&["lease"])
        .json(200, "How long the lease lives.", schemas.answered::<HeartbeatAnswer>())
        .refuses(&[NOT_FOUND, LEASE, DERIVED_TOKEN, STORE])
}

fn events(schemas: &mut Schemas) -> Operation {
    Operation::new("post", "/api/v1/jobs/{id}/events", "reportEvents", TAG, "Report what happened")
        .about("In order. What was reported before changes nothing, so a call back may be sent again.")
        .for_whom(&["lease"])
        .body(schemas.asked::<JobEvents>())
        .json(200, "Taken.", schemas.answered::<Accepted>())
        .refuses(&[JSON_BODY, REPORT, NOT_FOUND, LEASE, OVERTAKEN, DERIVED_TOKEN, STORE])
}

fn add_jobs(schemas: &mut Schemas) -> Operation {
    Operation::new("post", "/api/v1/jobs/{id}/jobs", "addJobs", TAG, "Add jobs to the stage of a running job")
        .about(
            "YAML, at most 256 KiB: `jobs: […]` as in a stage of the pipeline file. They become part of the stage, and \
             what depends on it waits for them. Those that the job added before are not added again, so a call \
             back may be sent again.",
        )
        .for_whom(&["lease"])
        .query("upload", json!({ "type": "integer", "minimum": 0 }), "The step that adds them, from 0.")
        .body_of("application/yaml", json!({ "schema": text() }), true)
        .json(200, "So many are there of this upload.", schemas.answered::<JobsAdded>())
        .refuses(&[BODY, ADDED_JOBS, REPORT, NOT_FOUND, LEASE, OVERTAKEN, DERIVED_TOKEN, STORE])
}

fn logs(schemas: &mut Schemas) -> Operation {
    let line = schemas.asked::<LogLine>();
    let lines = json!({ "schema": text(), "x-lines": line });
    Operation::new("post", "/api/v1/jobs/{id}/logs", "appendLog", TAG, "Send lines of the log")
        .about(
            "One JSON object on each line of the body, at most 1000 of them and 4 MiB, in the order of `seq` and \
             without gaps. Lines that are known are not kept twice. Taken also for a minute after the attempt's end, \
             since the last lines are often those that explain it.",
        )
        .for_whom(&["lease"])
        .body_of("application/x-ndjson", lines, true)
        .json(200, "Taken.", schemas.answered::<Accepted>())
        .refuses(&[BODY, LOG, NOT_FOUND, LEASE, DERIVED_TOKEN, STORE])
}
