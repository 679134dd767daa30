//! What is asked for: bodies of the API's requests.

use std::collections::BTreeMap;

use penstock_domain::{PipelineType, Role, TriggerEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "schema")]
use crate::schema::{CLONEABLE, COMMIT, TOKEN_NAME, VISIBLE, Word};

/// `POST /api/v1/pipelines`. With `definition` the pipeline lives in the database, else in the repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreatePipeline {
    /// 1 to 100 characters; unique.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100), regex(pattern = VISIBLE)))]
    pub pipeline_name: String,
    /// What runners clone, and how a webhook finds the pipeline.
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000), regex(pattern = CLONEABLE)))]
    pub repository_url: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<PipelineType>>"))]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "full_cicd")))]
    pub pipeline_type: Option<PipelineType>,
    /// The YAML text of a pipeline file.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 262_144)))]
    pub definition: Option<String>,
    /// Default `.penstock.yml`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 500)))]
    pub definition_path: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 100), inner(length(min = 1, max = 256))))]
    pub branch_patterns: Option<Vec<String>>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<Word<TriggerEvent>>>"))]
    pub trigger_events: Option<Vec<TriggerEvent>>,
    /// 1 to 1000; default 5.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000), extend("default" = 5)))]
    pub max_concurrent_executions: Option<u32>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = false)))]
    pub public_status: Option<bool>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    pub is_active: Option<bool>,
    /// Where there is neither a definition nor its path, the stages come from these four: see docs/PIPELINE.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_configuration: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_configuration: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality_gates: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_configuration: Option<Value>,
    /// Not supported yet: refused by name rather than ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub notification_config: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub environment_promotions: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub rollback_strategy: Option<Value>,
}

/// `PUT /api/v1/pipelines/:id`: members that are left out stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UpdatePipeline {
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100), regex(pattern = VISIBLE)))]
    pub pipeline_name: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000), regex(pattern = CLONEABLE)))]
    pub repository_url: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<PipelineType>>"))]
    pub pipeline_type: Option<PipelineType>,
    /// Moves the pipeline into the database.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 262_144)))]
    pub definition: Option<String>,
    /// Moves the pipeline into the repository.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 500)))]
    pub definition_path: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 100), inner(length(min = 1, max = 256))))]
    pub branch_patterns: Option<Vec<String>>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<Word<TriggerEvent>>>"))]
    pub trigger_events: Option<Vec<TriggerEvent>>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1_000)))]
    pub max_concurrent_executions: Option<u32>,
    #[serde(default)]
    pub public_status: Option<bool>,
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// `POST /api/v1/pipelines/validate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ValidatePipeline {
    /// The YAML text of a pipeline file.
    pub definition: String,
}

/// `POST /api/v1/pipelines/:id/execute`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Execute {
    /// Default `main`; the repository's default branch where its newest commit is asked for.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 255), extend("default" = "main")))]
    pub branch: Option<String>,
    /// 40 or 64 hexadecimal digits. Without it, the branch's newest commit where the pipeline's file lies in the
    /// repository; elsewhere nothing is checked out then.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = COMMIT)))]
    pub commit_sha: Option<String>,
    /// Default `manual`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<TriggerEvent>>"))]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "manual")))]
    pub trigger_event: Option<TriggerEvent>,
    /// The name of the event, where `trigger_event` is `webhook`: what `on.webhook` of the file asks for.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub event_name: Option<String>,
    /// Variables of this run: they win over those of the file.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::parameters"))]
    pub parameters: BTreeMap<String, Value>,
}

/// `POST /api/v1/executions/:id/retry`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Retry {
    #[serde(default)]
    pub only: RetryScope,
    /// This stage and all that depends on it, and what did not succeed; instead of `only`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub from_stage: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RetryScope {
    /// The jobs that did not succeed, and what depends on them; the others count as done.
    #[default]
    Failed,
    All,
}

/// `POST /api/v1/tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CreateToken {
    /// Unique among the tokens that were not revoked; `admin` is the server's own.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100), regex(pattern = TOKEN_NAME)))]
    pub token_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<Role>"))]
    pub role: Role,
    /// Who its bearer is at the forge: nobody approves a change of their own.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100), regex(pattern = VISIBLE)))]
    pub forge_login: Option<String>,
    /// Left out: it does not expire.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 3_650)))]
    pub expires_in_days: Option<u32>,
}
