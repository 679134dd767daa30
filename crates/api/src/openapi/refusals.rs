//! What a request may be refused with, in groups that handlers share.

#[derive(Clone, Copy)]
pub struct Refusal {
    pub status: u16,
    pub code: &'static str,
    pub when: &'static str,
    /// Whether the answer may bear `Retry-After`.
    pub is_worth_another_try: bool,
}

const fn refusal(status: u16, code: &'static str, when: &'static str) -> Refusal {
    Refusal { status, code, when, is_worth_another_try: false }
}

const fn later(status: u16, code: &'static str, when: &'static str) -> Refusal {
    Refusal { status, code, when, is_worth_another_try: true }
}

/// A token is asked for.
pub const TOKEN: &[Refusal] = &[
    refusal(401, "unauthorized", "the token is missing, not known, expired or revoked"),
    refusal(503, "token_not_configured", "the server has no such token at all, so nobody may pass"),
];

/// A token is asked for that the database knows, whatever its role.
pub const ANY_ROLE: &[Refusal] =
    &[refusal(401, "unauthorized", "the token is missing or not known, or no longer")];

/// More is asked for than to read.
pub const DEVELOPER: &[Refusal] =
    &[refusal(403, "role_required", "the token's role is less than `developer`")];
pub const APPROVER: &[Refusal] = &[refusal(403, "role_required", "the token's role is less than `approver`")];
pub const ADMIN: &[Refusal] = &[refusal(403, "role_required", "the token's role is not `admin`")];

/// A token is asked for that was derived from the server's key.
pub const DERIVED_TOKEN: &[Refusal] = &[
    refusal(401, "unauthorized", "the token is missing, or is not the one of this runner or job"),
    NO_KEY[0],
];

/// A token is made.
pub const NO_KEY: &[Refusal] =
    &[refusal(503, "secret_key_not_configured", "the server has no key, so no token can be made or checked")];

/// A token is asked for that the database knows, and that may do this much.
pub const ROLE: &[Refusal] = &[
    refusal(401, "unauthorized", "the token is missing, not known, or no longer good"),
    refusal(403, "role_required", "the token's role is less than this needs"),
];

pub const STORE: &[Refusal] = &[
    refusal(500, "internal_error", "the fault is the server's; its log says more"),
    later(503, "busy", "the database is busy"),
];

pub const NOT_FOUND: &[Refusal] = &[refusal(404, "not_found", "there is no such thing here")];

pub const QUERY: &[Refusal] = &[
    refusal(400, "invalid_query", "the query is not percent-encoded UTF-8"),
    refusal(400, "invalid_parameter", "a parameter is none of what it may be"),
];

pub const BODY: &[Refusal] = &[
    refusal(400, "body_incomplete", "the body broke off"),
    refusal(413, "body_too_large", "the body is larger than this route takes"),
];

pub const JSON_BODY: &[Refusal] = &[
    refusal(400, "invalid_json", "the body is not JSON"),
    refusal(
        400,
        "invalid_input",
        "the body has the wrong shape, or values that can't be; `errors` names each",
    ),
    refusal(400, "body_incomplete", "the body broke off"),
    refusal(413, "body_too_large", "the body is larger than 1 MiB"),
    refusal(415, "unsupported_media_type", "the body is not said to be JSON"),
];

/// Who registers sends JSON, and is not asked what else it might be.
pub const REGISTER: &[Refusal] = &[
    refusal(400, "invalid_json", "the body is not JSON"),
    refusal(
        400,
        "invalid_input",
        "the body has the wrong shape, or values that can't be; `errors` names each",
    ),
];

pub const ONCE: &[Refusal] = &[
    refusal(400, "invalid_idempotency_key", "the key is not 1 to 255 visible ASCII characters"),
    later(409, "request_under_way", "the first request with this key has not been answered yet"),
    refusal(422, "idempotency_key_reused", "the key was used for another request"),
];

pub const OVERTAKEN: &[Refusal] =
    &[refusal(409, "conflict", "somebody else changed it meanwhile; read it and try again")];

/// What is answered once and kept nowhere can't be answered again.
pub const NEVER_AGAIN: &[Refusal] = &[refusal(
    400,
    "idempotency_key_not_supported",
    "the request bears an `Idempotency-Key`, and its answer is kept nowhere",
)];

pub const TOKEN_NAME_TAKEN: &[Refusal] =
    &[refusal(409, "token_name_taken", "another token has this name and was not revoked")];

pub const BOOTSTRAP_TOKEN: &[Refusal] = &[refusal(
    409,
    "bootstrap_token",
    "it is the token of the variable `admin_token`, which ends when the variable is changed",
)];

pub const NAME_TAKEN: &[Refusal] = &[refusal(409, "pipeline_name_taken", "another pipeline has this name")];

pub const ENVIRONMENT: &[Refusal] = &[
    refusal(409, "environment_name_taken", "another environment has this name"),
    refusal(409, "environment_name_in_use", "something was deployed there, or others name it"),
    refusal(409, "too_many_environments", "there are 1000 already"),
];

/// The API hands the request on.
pub const HANDED_ON: &[Refusal] = &[later(
    503,
    "scheduler_unavailable",
    "the scheduler did not answer; look at the state before trying again",
)];

pub const START: &[Refusal] = &[
    refusal(
        422,
        "execution_refused",
        "the pipeline, its filters or its file do not let it run; `detail` says why",
    ),
    later(503, "forge_unavailable", "the pipeline's file could not be read from the forge now"),
];

pub const RETRY: &[Refusal] = &[
    refusal(409, "still_running", "it has not ended"),
    refusal(409, "nothing_to_retry", "no job of it would run"),
    refusal(422, "execution_refused", "its pipeline was deleted"),
];

pub const ENDED: &[Refusal] = &[refusal(409, "already_ended", "it has ended before")];

pub const NOT_NOW: &[Refusal] = &[refusal(409, "not_now", "it does not wait for anybody's leave")];

pub const STREAM: &[Refusal] =
    &[refusal(400, "invalid_last_event_id", "the `Last-Event-ID` is not one that this stream gave")];

pub const LEASE: &[Refusal] = &[refusal(
    409,
    "lease_expired",
    "the lease ran out, and the work was taken from this runner; nothing changed",
)];

pub const REPORT: &[Refusal] = &[
    refusal(400, "too_many_events", "more events than one call back may carry"),
    refusal(400, "bad_report", "the events contradict each other or the job"),
    refusal(409, "already_ended", "what they are about has ended before"),
    refusal(409, "not_now", "somebody else has decided meanwhile"),
];

pub const ADDED_JOBS: &[Refusal] = &[
    refusal(400, "bad_encoding", "the jobs are not UTF-8 text"),
    refusal(422, "invalid_input", "the jobs are not what a stage's may be; `errors` names each"),
];

pub const LOG: &[Refusal] = &[
    refusal(400, "bad_log_line", "a line is not JSON, too long, out of order or one too many"),
    refusal(409, "log_gap", "lines before these are missing; `detail` says from which `seq` to send"),
];

pub const HOOK: &[Refusal] = &[
    refusal(400, "body_incomplete", "the body broke off"),
    refusal(400, "event_missing", "the header that names the event is missing"),
    refusal(400, "invalid_json", "the payload is not JSON; it was kept as rejected"),
    refusal(400, "malformed_payload", "the payload is not what this event carries; it was kept as rejected"),
    refusal(401, "invalid_signature", "the signature is missing or does not fit; nothing was kept"),
    refusal(408, "body_too_slow", "the body did not arrive within 10 seconds"),
    refusal(413, "body_too_large", "the payload is larger than 25 MiB"),
];

pub const NO_SECRET: &[Refusal] = &[refusal(
    503,
    "webhook_secret_not_configured",
    "this forge's secret is not set, so nobody can be believed",
)];

pub const NOT_YET: &[Refusal] =
    &[refusal(501, "not_supported_yet", "this version takes the deliveries of GitHub alone")];

pub const NOT_READY: &[Refusal] =
    &[later(503, "not_ready", "the database can't be opened, or not be written; the log says why")];
