//! Jobs as tests want them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use penstock_api::runner::{ExecutionInfo, JobAttempt, JobEnvironment, JobRequest, Lease, StepRequest};
use penstock_domain::{ExecutionId, JobId, PipelineId, StepId, Timestamp, TriggerEvent};
use uuid::Uuid;

use crate::plane::Plane;

pub const LEASE_TOKEN: &str = "lease-token";

/// An id that no other job of any test has.
fn fresh() -> Uuid {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    Uuid::from_u64_pair(u64::from(std::process::id()), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A job with these commands, one step each, and no checkout.
pub fn job(plane: &Plane, commands: &[&str]) -> JobRequest {
    JobRequest {
        job: JobAttempt {
            id: JobId(fresh()),
            name: "unit".into(),
            attempt: 1,
            lease: Lease { token: LEASE_TOKEN.into(), expires_at: Timestamp::from_millis(4_000_000_000_000) },
        },
        execution: ExecutionInfo {
            id: ExecutionId(fresh()),
            number: 7,
            pipeline_id: PipelineId(fresh()),
            pipeline_name: "web".into(),
            stage: "build".into(),
            event: TriggerEvent::Push,
            repository_url: "https://example.org/web.git".into(),
            commit_sha: None,
            branch: "main".into(),
            base_branch: None,
            pull_request: None,
        },
        environment: JobEnvironment::default(),
        steps: commands.iter().enumerate().map(|(index, run)| step(index, run)).collect(),
        secrets: BTreeMap::new(),
        reports: vec![],
        outputs: vec![],
        facts: None,
        resources: None,
        timeout_seconds: 600,
        callback_url: plane.url(),
    }
}

fn step(index: usize, run: &str) -> StepRequest {
    StepRequest {
        id: StepId(fresh()),
        name: format!("step {index}"),
        key: None,
        run: run.to_owned(),
        shell: "sh".into(),
        uses: None,
        with: BTreeMap::new(),
        condition: None,
        variables: BTreeMap::new(),
        working_directory: None,
        timeout_seconds: None,
        continue_on_error: false,
        skipped: false,
    }
}
