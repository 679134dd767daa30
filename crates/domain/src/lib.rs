//! Ids, states, reasons and the pure transitions between them.
//!
//! Nothing here reads a clock, a random source or a database, and nothing here knows HTTP: the words that every
//! other crate shares, and which state may follow which.

pub mod bugs;
pub mod id;
pub mod reason;
pub mod status;
pub mod time;
pub mod vocabulary;

pub use id::{
    ApprovalId, DeliveryId, DeploymentId, EnvironmentId, ExecutionId, GateId, IdSource, JobId, OutboxId,
    PipelineId, RunnerId, ScheduleId, StageId, StepId, TestResultId, TimerId, TokenId,
};
pub use reason::Reason;
pub use status::{
    ApprovalStatus, DeploymentStatus, ExecutionStatus, GateStatus, IllegalTransition, WorkStatus,
};
pub use time::Timestamp;
pub use vocabulary::{
    ApprovalType, DeploymentStrategy, EnvironmentType, GateType, Operator, PipelineType, RetryCause, Role,
    StageType, TestType, TriggerEvent, UnknownWord,
};
