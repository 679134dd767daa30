//! Runners: how they come in, how they get work, and what is pushed to them.

use serde_json::{Value, json};

use super::operation::Operation;
use super::refusals::{
    BODY, DERIVED_TOKEN, HANDED_ON, NO_KEY, NOT_FOUND, OVERTAKEN, QUERY, REGISTER, STORE, TOKEN,
};
use super::schemas::{Schemas, cursor, list_of, text};
use super::shapes::Runner;
use crate::runner::{CancelRequest, JobRequest, RegisterRunner, Registered};
use crate::signature;

pub fn operations(schemas: &mut Schemas) -> Vec<Operation> {
    vec![list(schemas), register(schemas), claim(schemas)]
}

fn list(schemas: &mut Schemas) -> Operation {
    let runners = list_of(schemas.answered::<Runner>());
    Operation::new("get", "/api/v1/runners", "listRunners", "runners", "List the runners")
        .shared("Limit")
        .shared("After")
        .success(200, "A page of runners, by name.", [("runners", runners), ("next", cursor())])
        .refuses(&[QUERY, TOKEN, STORE])
}

fn register(schemas: &mut Schemas) -> Operation {
    Operation::new("post", "/api/v1/runners", "registerRunner", "runners", "Register a runner")
        .about(
            "With a `url` jobs are pushed to the runner, without one it claims them. A name that is known keeps its \
             id and its token, so that registering again does no harm.",
        )
        .for_whom(&["runner_token"])
        .body(schemas.asked::<RegisterRunner>())
        .json(201, "The runner's id and token, and how often it has to be heard of.", schemas.answered::<Registered>())
        .refuses(&[REGISTER, BODY, OVERTAKEN, NO_KEY, HANDED_ON, TOKEN, STORE])
}

fn claim(schemas: &mut Schemas) -> Operation {
    let wait = json!({ "type": "integer", "minimum": 0, "default": 0 });
    Operation::new("post", "/api/v1/runners/{id}/claim", "claimJob", "runner protocol", "Claim a job")
        .about("For runners that can't be reached. What is answered is theirs until the lease runs out. Takes no body.")
        .for_whom(&["runner"])
        .query("wait", wait, "Seconds to wait for work; more than 25 count as 25.")
        .query(
            "url",
            json!({ "type": "string" }),
            "Where jobs are pushed to this runner: 401 where another of its name has registered another since.",
        )
        .json(200, "An attempt of a job.", schemas.answered::<JobRequest>())
        .empty(204, "There is no work for this runner now.")
        .refuses(&[QUERY, NOT_FOUND, OVERTAKEN, DERIVED_TOKEN, STORE])
}

/// What the control plane sends to a runner's own `url`.
pub fn pushes(schemas: &mut Schemas) -> Vec<Operation> {
    let job = schemas.answered::<JobRequest>();
    let cancel = schemas.answered::<CancelRequest>();
    vec![
        signed("pushJob", "POST {url}/v1/jobs: an attempt of a job", job)
            .empty(202, "The runner takes it.")
            .empty(409, "This attempt is here already: counts as taken.")
            .empty(429, "The runner is full: the job waits, and is pushed again.")
            .empty(400, "No runner takes such a job, as with 413 and 422: it fails.")
            .empty(503, "The runner does not want it, as with any other 4XX: another one gets it."),
        signed("pushCancel", "POST {url}/v1/cancel: end this attempt now", cancel)
            .empty(202, "It ends, or is not here.")
            .empty(409, "It has ended before."),
    ]
}

fn signed(name: &'static str, summary: &str, body: Value) -> Operation {
    let seconds = json!({ "type": "string", "pattern": "^[0-9]+$" });
    Operation::new("post", name, name, "runner protocol", summary)
        .about("Sent again until it is answered; the same `webhook-id` means the same push.")
        .for_whom(&["standard_webhook"])
        .header(signature::ID, text(), "Names the push.")
        .header(signature::TIMESTAMP, seconds, "Seconds since 1970; refuse what is more than 300 s away.")
        .body(body)
}
