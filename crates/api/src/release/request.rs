//! What is asked for of environments, approvals and deployments.

use std::collections::BTreeMap;

use penstock_domain::{ApprovalType, EnvironmentType};
use serde::{Deserialize, Deserializer, Serialize};

use super::Configuration;
#[cfg(feature = "schema")]
use crate::schema::{ADDRESS, ENVIRONMENT_NAME, SPOKEN, Word};

/// `POST /api/v1/environments`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NewEnvironment {
    /// Unique; what a stage's `deploy` names.
    #[cfg_attr(feature = "schema", schemars(length(max = 100), regex(pattern = ENVIRONMENT_NAME)))]
    pub environment_name: String,
    #[cfg_attr(feature = "schema", schemars(with = "Word<EnvironmentType>"))]
    pub environment_type: EnvironmentType,
    /// Where people find what is deployed here.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_048), regex(pattern = ADDRESS)))]
    pub deployment_url: Option<String>,
    /// Names like those of a shell's variables; values of at most 32 KiB. No secrets.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::variables"))]
    pub environment_variables: Option<BTreeMap<String, String>>,
    /// Kept as given; at most 64 KiB.
    #[serde(default)]
    pub resource_limits: Option<Configuration>,
    #[serde(default)]
    pub monitoring_config: Option<Configuration>,
    #[serde(default)]
    pub infrastructure_config: Option<Configuration>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = false)))]
    pub approval_required: Option<bool>,
    #[serde(default)]
    pub approval: Option<ApprovalSettings>,
    /// Names of other environments, without a circle.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 10)))]
    pub auto_promote_from: Option<Vec<String>>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    pub rollback_enabled: Option<bool>,
    #[serde(default)]
    pub health_check: Option<HealthCheckSettings>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    pub is_active: Option<bool>,
}

/// `PUT /api/v1/environments/:id`: what is named is replaced, null empties it, and what is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChangeEnvironment {
    /// Stays what it is once something was deployed.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 100), regex(pattern = ENVIRONMENT_NAME)))]
    pub environment_name: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<EnvironmentType>>"))]
    pub environment_type: Option<EnvironmentType>,
    /// Where people find what is deployed here.
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_048), regex(pattern = ADDRESS)))]
    pub deployment_url: Option<Option<String>>,
    /// Names like those of a shell's variables; values of at most 32 KiB. No secrets.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(schema_with = "crate::schema::variables"))]
    pub environment_variables: Option<BTreeMap<String, String>>,
    /// Kept as given; at most 64 KiB.
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Configuration>"))]
    pub resource_limits: Option<Option<Configuration>>,
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Configuration>"))]
    pub monitoring_config: Option<Option<Configuration>>,
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Configuration>"))]
    pub infrastructure_config: Option<Option<Configuration>>,
    #[serde(default)]
    pub approval_required: Option<bool>,
    /// Replaced as a whole.
    #[serde(default)]
    pub approval: Option<ApprovalSettings>,
    /// Names of other environments, without a circle.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 10)))]
    pub auto_promote_from: Option<Vec<String>>,
    #[serde(default)]
    pub rollback_enabled: Option<bool>,
    /// Replaced as a whole.
    #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<HealthCheckSettings>"))]
    pub health_check: Option<Option<HealthCheckSettings>>,
    #[serde(default)]
    pub is_active: Option<bool>,
}

/// A new environment is one that everything is changed of.
impl From<NewEnvironment> for ChangeEnvironment {
    fn from(new: NewEnvironment) -> Self {
        Self {
            environment_name: Some(new.environment_name),
            environment_type: Some(new.environment_type),
            deployment_url: Some(new.deployment_url),
            environment_variables: new.environment_variables,
            resource_limits: Some(new.resource_limits),
            monitoring_config: Some(new.monitoring_config),
            infrastructure_config: Some(new.infrastructure_config),
            approval_required: new.approval_required,
            approval: new.approval,
            auto_promote_from: new.auto_promote_from,
            rollback_enabled: new.rollback_enabled,
            health_check: Some(new.health_check),
            is_active: new.is_active,
        }
    }
}

/// A member that is there: null is told apart from what is left out.
fn named<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

/// Who may let a deployment pass. What is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ApprovalSettings {
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Word<ApprovalType>>"))]
    #[cfg_attr(feature = "schema", schemars(extend("default" = "manual")))]
    pub approval_type: Option<ApprovalType>,
    /// Of different people; no more than `approvers`, where those are named.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10), extend("default" = 1)))]
    pub required_approvals: Option<u32>,
    /// Names of tokens, or logins at the forge; none: whoever has the role.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 100), inner(length(min = 1, max = 100))))]
    pub approvers: Option<Vec<String>>,
    /// From a minute to 90 days; by default a week.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 60, max = 7_776_000), extend("default" = 604_800)))]
    pub expires_in_seconds: Option<u32>,
}

/// How it is found out whether what was deployed is well. What is left out has its default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthCheckSettings {
    /// http or https, without credentials; its host has to be among the variable `health_check_hosts`.
    #[cfg_attr(feature = "schema", schemars(length(max = 2_048), regex(pattern = ADDRESS)))]
    pub url: String,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 100, max = 599), extend("default" = 200)))]
    pub expect_status: Option<u16>,
    /// Of one request.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 60), extend("default" = 5)))]
    pub timeout_seconds: Option<f64>,
    /// Between two requests.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 0.1, max = 60), extend("default" = 2)))]
    pub interval_seconds: Option<f64>,
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100), extend("default" = 10)))]
    pub attempts: Option<u32>,
    /// Good answers in a row that are wanted; no more than `attempts`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10), extend("default" = 2)))]
    pub successes: Option<u32>,
}

/// `POST /api/v1/environments/:id/lift`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Lift {
    /// One of the environment's `quarantined`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    pub version: String,
}

/// `POST /api/v1/approvals/:id/approve`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Approve {
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 2_000)))]
    pub notes: Option<String>,
}

/// `POST /api/v1/approvals/:id/reject` and `POST /api/v1/deployments/:id/rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WithReason {
    /// 1 to 2000 characters: whoever reads the audit trail wants to know.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 2_000), regex(pattern = SPOKEN)))]
    pub reason: String,
}
