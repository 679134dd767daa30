//! Newtype ids: UUIDv7 text everywhere, never a bare string.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

/// Where new ids come from: the clock and randomness of an adapter, or a seed in tests.
pub trait IdSource {
    fn uuid(&mut self) -> Uuid;
}

/// Builds a UUIDv7 from a time and ten random bytes, so that callers decide both.
pub fn uuid_v7(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            pub fn new(ids: &mut impl IdSource) -> Self { Self(ids.uuid()) }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.hyphenated().fmt(f) }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;
            /// Only the hyphenated form, so that one thing has one spelling.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let id = Uuid::try_parse(text)?;
                if text.len() == 36 { Ok(Self(id)) } else { Uuid::try_parse("").map(Self) }
            }
        }
    )+};
}

ids! {
    /// A pipeline configuration.
    PipelineId,
    /// One run of a pipeline.
    ExecutionId,
    /// One stage of an execution.
    StageId,
    /// One job of a stage; its attempts are numbered from 1.
    JobId,
    /// One step of a job.
    StepId,
    /// A registered runner.
    RunnerId,
    /// A stored webhook delivery (ours, not the forge's).
    DeliveryId,
    /// An effect waiting in the outbox.
    OutboxId,
    /// A timer.
    TimerId,
    /// When the clock starts a pipeline.
    ScheduleId,
    /// A quality gate of an execution.
    GateId,
    /// One report's results.
    TestResultId,
    /// Where something is deployed to.
    EnvironmentId,
    /// One version going to one environment.
    DeploymentId,
    /// What a deployment waits for people's leave by.
    ApprovalId,
    /// A token of the API, by which somebody is known.
    TokenId,
}

impl TokenId {
    /// The token that the administrator's variable holds: the same one whatever its secret is.
    pub const BOOTSTRAP: Self = Self(Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000));
}
