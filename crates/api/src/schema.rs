//! JSON Schemas of the ids, times and closed lists that every wire type is made of.
//!
//! `penstock-domain` knows nothing of schemas, so its types are described here by stand-ins, which a wire type names
//! with `#[schemars(with = "…")]`. The words of a closed list are taken from its `ALL`, and so can't fall behind.

use std::borrow::Cow;
use std::marker::PhantomData;

use penstock_domain::{
    ApprovalStatus, ApprovalType, DeploymentStatus, DeploymentStrategy, EnvironmentType, ExecutionStatus,
    GateStatus, GateType, Operator, PipelineType, Reason, RetryCause, Role, StageType, TestType,
    TriggerEvent, WorkStatus,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// Stands in for every newtype id.
pub struct Id;

impl JsonSchema for Id {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Id".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "uuid" })
    }
}

/// Stands in for `Timestamp`.
pub struct Time;

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}

/// A closed list of the domain.
pub trait ClosedList {
    const NAME: &'static str;
    const MEANING: &'static str;
    fn words() -> Vec<&'static str>;
}

macro_rules! closed_lists {
    ($($list:ident: $meaning:literal),+ $(,)?) => {$(
        impl ClosedList for $list {
            const NAME: &'static str = stringify!($list);
            const MEANING: &'static str = $meaning;
            fn words() -> Vec<&'static str> {
                Self::ALL.iter().map(|word| word.as_str()).collect()
            }
        }
    )+};
}

closed_lists! {
    ApprovalStatus: "The state of an approval. All but the first are final.",
    ApprovalType: "How an approval comes about: people give it, it gives itself, or it does where every gate passed.",
    DeploymentStatus: "The state of a deployment. `deployed` may still become `rolled_back`; the last four are final.",
    DeploymentStrategy: "How one version takes another's place.",
    EnvironmentType: "What an environment is for.",
    ExecutionStatus: "The state of an execution. The last four are final.",
    GateStatus: "The state of a gate. Who may can override one that failed; the other states but `pending` are final.",
    GateType: "What a gate looks at.",
    Operator: "How a gate compares what was measured, on the left, with its threshold.",
    PipelineType: "What a pipeline is for.",
    Reason: "Why a thing is in its state. New words may be added; those that are here keep their meaning.",
    RetryCause: "A cause of failure that a retry policy may name.",
    Role: "What the bearer of a token may do. Each may all that those before it may.",
    StageType: "What a stage does.",
    TestType: "What tests are about.",
    TriggerEvent: "What started an execution.",
    WorkStatus: "The state of a stage, a job or a step. All but the first two are final.",
}

/// Stands in for a closed list.
pub struct Word<T>(PhantomData<T>);

impl<T: ClosedList> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": T::words(), "description": T::MEANING })
    }
}

/// Stands in for the status of a repository, in which nothing may have run.
pub struct StatusOrNone;

impl JsonSchema for StatusOrNone {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "StatusOrNone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut words = ExecutionStatus::words();
        words.push("none");
        json_schema!({ "type": "string", "enum": words })
    }
}

/// Text without control characters, in which there is something to be seen.
pub const VISIBLE: &str = r"^[^\x00-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$";
/// What git can clone, in its two forms: a URL without credentials, or `user@host:path`.
pub const CLONEABLE: &str = r"^([Hh][Tt][Tt][Pp][Ss]?://[^/@\s]+/|[Ss][Ss][Hh]://([^/@:\s]*@)?[^/@\s]+/|[Ff][Ii][Ll][Ee]:///|[^\s:@/-][^\s:@/]*@[^\s:@/]+:)\S+$";
/// A commit's id, by SHA-1 or by SHA-256.
pub const COMMIT: &str = "^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$";
/// A token's name.
pub const TOKEN_NAME: &str = "^[A-Za-z0-9._@-]+$";
/// Where a runner is reached: without user, query and fragment.
pub const RUNNER_URL: &str = "^https?://[^?#@ ]*$";

/// What an environment is called: a stage's `deploy` names it.
pub const ENVIRONMENT_NAME: &str = "^[A-Za-z0-9_.-]+$";
/// An address without credentials: http or https.
pub const ADDRESS: &str = r"^https?://[A-Za-z0-9._\[\]:-]+([/?#][!-~]*)?$";
/// Text in which there is something to be seen.
pub const SPOKEN: &str = r"\S";

/// Variables that jobs are given.
pub fn variables(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["object", "null"],
        "maxProperties": 256,
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 128 },
        "additionalProperties": { "type": "string", "maxLength": 32_768 },
    })
}

/// The parameters of a run, which become variables.
pub fn parameters(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 256,
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "maxLength": 128 },
        "additionalProperties": { "type": ["string", "number", "boolean"], "maxLength": 32_768 },
    })
}
