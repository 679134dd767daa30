//! Ids, states, reasons and the pure transitions between them.
//!
//! Nothing here reads a clock, a random source or a database, and nothing here knows HTTP: the words that every
//! other crate shares, and which state may follow which.

pub mod id;
pub mod reason;
pub mod status;
pub mod time;
pub mod vocabulary;

pub use id::{
    DeliveryId, ExecutionId, IdSource, JobId, OutboxId, PipelineId, RunnerId, StageId, StepId, TimerId,
};
pub use reason::Reason;
pub use status::{ExecutionStatus, IllegalTransition, WorkStatus};
pub use time::Timestamp;
pub use vocabulary::{PipelineType, RetryCause, StageType, TriggerEvent, UnknownWord};
