//! Pipeline configurations.

use penstock_api::view;
use penstock_domain::{PipelineId, Timestamp};
use serde::Serialize;

use penstock_engine::Changes;

use crate::commit::{Cause, Entry};
use crate::connection::Connection;
use crate::{Row, Store, StoreError, Value, id};

/// A pipeline with what is ours alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    pub view: view::Pipeline,
    /// The repository's address in its normalised form: how a webhook finds the pipeline.
    pub repository_key: String,
    /// Learned from the first webhook: where commit statuses go.
    pub forge: Option<String>,
    pub forge_repository: Option<String>,
    pub deleted_at: Option<Timestamp>,
}

pub type PipelineSummary = view::PipelineSummary;

#[derive(Serialize)]
struct Change<'a> {
    pipelines: [PipelineRow; 1],
    #[serde(flatten)]
    schedules: Option<&'a Changes>,
}

#[derive(Serialize)]
struct PipelineRow {
    #[serde(flatten)]
    view: view::Pipeline,
    repository_key: String,
    forge: Option<String>,
    forge_repository: Option<String>,
    deleted_at: Option<Timestamp>,
}

const COLUMNS: &str = "json_object('id', id, 'pipeline_name', pipeline_name, 'pipeline_type', pipeline_type,
    'repository_url', repository_url, 'definition', definition, 'definition_path', definition_path,
    'branch_patterns', json(branch_patterns), 'trigger_events', json(trigger_events),
    'max_concurrent_executions', max_concurrent_executions,
    'public_status', json(iif(public_status, 'true', 'false')), 'is_active', json(iif(is_active, 'true', 'false')),
    'build_configuration', json(build_configuration), 'test_configuration', json(test_configuration),
    'quality_gates', json(quality_gates), 'deployment_configuration', json(deployment_configuration),
    'created_by', created_by, 'created_at', created_at, 'updated_at', updated_at),
  repository_key, forge, forge_repository, deleted_at";

fn pipeline(r: &Row) -> Result<Pipeline, StoreError> {
    Ok(Pipeline {
        view: r.json(0)?,
        repository_key: r.text(1)?.to_owned(),
        forge: r.optional_text(2)?.map(str::to_owned),
        forge_repository: r.optional_text(3)?.map(str::to_owned),
        deleted_at: r.optional_parse(4)?,
    })
}

impl<C: Connection> Store<C> {
    /// Writes the whole pipeline, new (`expect` 0) or changed; its `schedules` anew, where they are given.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the name is taken; [`StoreError::Conflict`] when it was changed meanwhile.
    pub async fn save_pipeline(
        &self,
        pipeline: &Pipeline,
        schedules: Option<&Changes>,
        expect: i64,
        by: &Cause,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = PipelineRow {
            view: pipeline.view.clone(),
            repository_key: pipeline.repository_key.clone(),
            forge: pipeline.forge.clone(),
            forge_repository: pipeline.forge_repository.clone(),
            deleted_at: pipeline.deleted_at,
        };
        let subject = format!("pipeline:{}", pipeline.view.id);
        self.commit(&Entry { subject, expect, change: &Change { pipelines: [row], schedules } }, by, now)
            .await?;
        Ok(())
    }

    /// # Errors
    /// As every read. A deleted pipeline is not found.
    pub async fn pipeline(&self, pipeline_id: PipelineId) -> Result<Option<Pipeline>, StoreError> {
        let sql =
            format!("SELECT {COLUMNS} FROM pipeline_configurations WHERE id = ?1 AND deleted_at IS NULL");
        let rows = self.connection.query(&sql, vec![id(pipeline_id)]).await?;
        rows.first().map(pipeline).transpose()
    }

    /// # Errors
    /// As every read. A deleted pipeline is not found.
    pub async fn pipeline_by_name(&self, name: &str) -> Result<Option<Pipeline>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM pipeline_configurations WHERE pipeline_name = ?1 AND deleted_at IS NULL"
        );
        let rows = self.connection.query(&sql, vec![name.into()]).await?;
        rows.first().map(pipeline).transpose()
    }

    /// The active pipelines of a repository that is known by any of these keys.
    ///
    /// # Errors
    /// As every read.
    pub async fn pipelines_of_repository(&self, keys: &[String]) -> Result<Vec<Pipeline>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM pipeline_configurations
             WHERE repository_key IN (SELECT value FROM json_each(?1)) AND deleted_at IS NULL AND is_active = 1
             ORDER BY id LIMIT {}",
            crate::MAX_LIST
        );
        let rows = self.connection.query(&sql, vec![serde_json::to_string(keys)?.into()]).await?;
        rows.iter().map(pipeline).collect()
    }

    /// Newest first, from below `after`.
    ///
    /// # Errors
    /// As every read.
    pub async fn pipelines(
        &self,
        after: Option<PipelineId>,
        limit: u32,
    ) -> Result<Vec<Pipeline>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM pipeline_configurations
             WHERE deleted_at IS NULL AND (?1 IS NULL OR id < ?1) ORDER BY id DESC LIMIT ?2"
        );
        let rows = self.connection.query(&sql, vec![after.map_or(Value::Null, id), limit.into()]).await?;
        rows.iter().map(pipeline).collect()
    }

    /// # Errors
    /// As every read.
    pub async fn pipeline_summary(&self) -> Result<PipelineSummary, StoreError> {
        let sql = "SELECT count(*), COALESCE(sum(is_active), 0) FROM pipeline_configurations WHERE deleted_at IS NULL";
        let rows = self.connection.query(sql, vec![]).await?;
        let read = |r: &Row| Ok(PipelineSummary { total: r.unsigned(0)?, active: r.unsigned(1)? });
        rows.first().map_or(Ok(PipelineSummary { total: 0, active: 0 }), read)
    }
}
