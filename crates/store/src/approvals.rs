//! Approvals as people see them. Who said what is decided on and written elsewhere.

use penstock_api::release::Approval;
use penstock_domain::{ApprovalId, ApprovalStatus, ExecutionId};

use crate::connection::Connection;
use crate::{Store, StoreError, id};

/// What a list of approvals may be narrowed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    pub status: Option<ApprovalStatus>,
    pub execution_id: Option<ExecutionId>,
}

const COLUMNS: &str = "json_object('id', a.id, 'execution_id', a.execution_id,
    'execution_number', e.execution_number, 'pipeline_name', p.pipeline_name, 'stage_id', a.stage_id,
    'deployment_id', a.deployment_id, 'version', d.version, 'environment_id', a.environment_id,
    'environment_name', v.environment_name, 'approval_type', a.approval_type, 'status', a.status,
    'required_approvals', a.approval_criteria ->> '$.required',
    'approvers', json(a.approval_criteria -> '$.approvers'), 'authors', json(a.approval_criteria -> '$.authors'),
    'votes', json(a.votes), 'requested_at', a.requested_at, 'requested_by', a.requested_by,
    'approved_at', a.approved_at, 'approved_by', a.approved_by, 'rejected_at', a.rejected_at,
    'rejected_by', a.rejected_by, 'rejection_reason', a.rejection_reason, 'approval_notes', a.approval_notes,
    'auto_approved', json(iif(a.auto_approved, 'true', 'false')), 'expires_at', a.expires_at,
    'created_at', a.created_at)
  FROM pipeline_approvals AS a CROSS JOIN deployments AS d ON d.id = a.deployment_id
    CROSS JOIN pipeline_executions AS e ON e.id = a.execution_id
    CROSS JOIN pipeline_configurations AS p ON p.id = d.pipeline_id
    CROSS JOIN deployment_environments AS v ON v.id = a.environment_id";

impl<C: Connection> Store<C> {
    /// # Errors
    /// As every read.
    pub async fn approval(&self, approval: ApprovalId) -> Result<Option<Approval>, StoreError> {
        let sql = format!("SELECT {COLUMNS} WHERE a.id = ?1");
        let rows = self.connection.query(&sql, vec![id(approval)]).await?;
        rows.first().map(|r| r.json(0)).transpose()
    }

    /// Newest first, from below `after`.
    ///
    /// # Errors
    /// As every read.
    pub async fn approvals(
        &self,
        filter: &ApprovalFilter,
        after: Option<ApprovalId>,
        limit: u32,
    ) -> Result<Vec<Approval>, StoreError> {
        let wanted = [
            ("a.status =", filter.status.map(|s| s.as_str().into())),
            ("a.execution_id =", filter.execution_id.map(id)),
            ("a.id <", after.map(id)),
        ];
        let (condition, parameters) = crate::condition(wanted);
        let sql = format!("SELECT {COLUMNS} WHERE {condition} ORDER BY a.id DESC LIMIT {limit}");
        let rows = self.connection.query(&sql, parameters).await?;
        rows.iter().map(|r| r.json(0)).collect()
    }
}
