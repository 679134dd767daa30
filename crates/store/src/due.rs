//! What the clock would find to do, in one read: most seconds it is nothing, and nothing is written then.

use penstock_domain::Timestamp;

use crate::connection::Connection;
use crate::idempotency::KEY_KEPT_MS;
use crate::{Store, StoreError, text};

/// Whether there is any of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    pub timers: bool,
    /// An attempt is held by a runner: whether the clock stood still matters.
    pub leases: bool,
    /// For runners.
    pub effects: bool,
    /// For the forge.
    pub statuses: bool,
    /// Of what was deployed.
    pub health_checks: bool,
    /// A deployment waits for its environment, or for a quarantine to be lifted.
    pub held: bool,
    pub deliveries: bool,
    pub old_keys: bool,
    /// A queued execution, whether or not there is room for it.
    pub queued: bool,
    /// A job that waits for a runner.
    pub ready: bool,
    pub schedules: bool,
}

impl<C: Connection> Store<C> {
    /// # Errors
    /// As every read.
    pub async fn due(&self, now: Timestamp) -> Result<Due, StoreError> {
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM timers WHERE due_at <= ?1),
            EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_on_runner WHERE status = 'running' AND runner_id IS NOT NULL),
            EXISTS (SELECT 1 FROM outbox WHERE kind IN ('dispatch', 'cancel', 'rollback', 'supersede', 'start_pipeline') AND done_at IS NULL AND due_at <= ?1),
            EXISTS (SELECT 1 FROM outbox WHERE kind = 'forge_status' AND done_at IS NULL AND due_at <= ?1),
            EXISTS (SELECT 1 FROM deliveries WHERE status = 'received' AND due_at <= ?1),
            EXISTS (SELECT 1 FROM idempotency_keys WHERE created_at < ?2),
            EXISTS (SELECT 1 FROM pipeline_executions WHERE status = 'queued' AND reason IS NOT 'fork_approval'),
            EXISTS (SELECT 1 FROM jobs WHERE status = 'pending' AND ready_at IS NOT NULL),
            EXISTS (SELECT 1 FROM outbox WHERE kind = 'health_check' AND done_at IS NULL AND due_at <= ?1),
            EXISTS (SELECT 1 FROM pipeline_stages INDEXED BY stages_held WHERE status = 'pending'
              AND deploy IS NOT NULL AND reason IN ('environment_busy', 'version_quarantined'))
            OR EXISTS (SELECT 1 FROM pipeline_stages AS s INDEXED BY stages_held
              CROSS JOIN deployments AS d ON d.stage_id = s.id
              CROSS JOIN deployment_environments AS v ON v.id = d.environment_id
              WHERE s.status = 'pending' AND s.deploy IS NOT NULL AND s.reason = 'approval_pending'
                AND v.approval_required = 0),
            EXISTS (SELECT 1 {})",
            crate::schedules::DUE
        );
        let rows = self.connection.query(&sql, vec![text(now), text(now.plus_ms(-KEY_KEPT_MS))]).await?;
        let Some(row) = rows.first() else { return Ok(Due::default()) };
        let is = |column| Ok::<_, StoreError>(row.integer(column)? != 0);
        Ok(Due {
            timers: is(0)?,
            leases: is(1)?,
            effects: is(2)?,
            statuses: is(3)?,
            deliveries: is(4)?,
            old_keys: is(5)?,
            queued: is(6)?,
            ready: is(7)?,
            health_checks: is(8)?,
            held: is(9)?,
            schedules: is(10)?,
        })
    }
}
