//! Gates as the outside reads them. They are written with the execution that they are of, by its journal entries.

use penstock_api::quality::GateEvaluation;
use penstock_domain::{ExecutionId, GateId};

use crate::connection::Connection;
use crate::{Store, StoreError, id};

/// `overridable` is in the gate's own JSON; `blocker` is SQLite's integer, and JSON's truth.
const EVALUATION: &str = "json_object('id', g.id, 'execution_id', g.execution_id, 'stage_id', g.stage_id,
    'stage_name', s.stage_name, 'gate_name', g.gate_name, 'gate_type', g.gate_type,
    'metric', g.threshold_config ->> '$.metric', 'actual_value', g.actual_value,
    'threshold_value', g.threshold_value, 'comparison_operator', g.comparison_operator, 'status', g.status,
    'blocker', json(iif(g.blocker, 'true', 'false')),
    'overridable', json(iif(g.threshold_config ->> '$.overridable', 'true', 'false')),
    'reasons', json(COALESCE(g.evaluation_details, '[]')), 'evaluated_at', g.evaluated_at,
    'override_reason', g.override_reason, 'overridden_by', g.overridden_by, 'overridden_at', g.overridden_at)";

/// More than an execution can have, by the limits of a pipeline file.
const MAX_GATES: u32 = 10_000;

impl<C: Connection> Store<C> {
    /// In the order of their stages, then by name; None where there is no such execution.
    ///
    /// # Errors
    /// As every read.
    pub async fn gates_of_execution(
        &self,
        execution: ExecutionId,
    ) -> Result<Option<Vec<GateEvaluation>>, StoreError> {
        let sql = format!(
            "SELECT iif(g.id IS NULL, NULL, {EVALUATION}) FROM pipeline_executions AS e
             LEFT JOIN quality_gate_evaluations AS g ON g.execution_id = e.id
             LEFT JOIN pipeline_stages AS s ON s.id = g.stage_id
             WHERE e.id = ?1 ORDER BY s.stage_order, g.gate_name LIMIT {MAX_GATES}"
        );
        let rows = self.connection.query(&sql, vec![id(execution)]).await?;
        let found: Vec<Option<GateEvaluation>> =
            rows.iter().map(|row| row.optional_json(0)).collect::<Result<_, _>>()?;
        Ok((!found.is_empty()).then(|| found.into_iter().flatten().collect()))
    }

    /// # Errors
    /// As every read.
    pub async fn gate(&self, gate: GateId) -> Result<Option<GateEvaluation>, StoreError> {
        let sql = format!(
            "SELECT {EVALUATION} FROM quality_gate_evaluations AS g
             JOIN pipeline_stages AS s ON s.id = g.stage_id WHERE g.id = ?1"
        );
        let rows = self.connection.query(&sql, vec![id(gate)]).await?;
        rows.first().map(|row| row.json(0)).transpose()
    }
}
