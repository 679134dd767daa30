//! Who may let a deployment pass, as pure decisions. What then happens to the environment is the engine's.

mod approval;

pub use approval::{
    ApprovalRules, Circumstances, Criteria, DEFAULT_EXPIRY_SECONDS, MAX_APPROVERS, MAX_EXPIRY_SECONDS,
    MAX_REQUIRED, Objection, Tally, Vote, Voter, by_itself, may_decide, tally,
};
