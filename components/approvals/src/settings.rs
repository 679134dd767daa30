//! What an environment may be: a change brought to it, and everything that is wrong with what comes of that.

use penstock_api::problem::FieldError;
use penstock_api::release::request::{ApprovalSettings, ChangeEnvironment, HealthCheckSettings};
use penstock_api::release::{ApprovalRules, Configuration, Environment, EnvironmentHealthCheck};
use penstock_pipeline::check_address;
use penstock_pipeline::limits::{
    DEFAULT_HEALTH_ATTEMPTS, DEFAULT_HEALTH_INTERVAL_MS, DEFAULT_HEALTH_STATUS, DEFAULT_HEALTH_SUCCESSES,
    DEFAULT_HEALTH_TIMEOUT_MS, MAX_HEALTH_ATTEMPTS, MAX_HEALTH_INTERVAL_MS, MAX_HEALTH_SUCCESSES,
    MAX_HEALTH_TIMEOUT_MS, MAX_NAME_CHARS, MAX_VALUE_BYTES, MAX_VARIABLES, MIN_HEALTH_INTERVAL_MS,
    MIN_TIMEOUT_MS,
};
use penstock_release::{MAX_APPROVERS, MAX_EXPIRY_SECONDS, MAX_REQUIRED};
use penstock_store::Promotion;

/// Each is looked at when a deployment asks for leave.
const MAX_PROMOTIONS: usize = 10;
/// As in a pipeline's parameters.
const MAX_VARIABLE_NAME_BYTES: usize = 128;
/// Of one configuration: they are kept, and told, as a whole.
const MAX_CONFIGURATION_BYTES: usize = 64 * 1024;
/// Below this nobody sees that they are asked.
const MIN_EXPIRY_SECONDS: u32 = 60;

/// The environment with what the change names replaced.
pub fn changed(before: Environment, wanted: ChangeEnvironment) -> Environment {
    Environment {
        environment_name: wanted.environment_name.unwrap_or(before.environment_name),
        environment_type: wanted.environment_type.unwrap_or(before.environment_type),
        deployment_url: wanted.deployment_url.unwrap_or(before.deployment_url),
        environment_variables: wanted.environment_variables.unwrap_or(before.environment_variables),
        resource_limits: wanted.resource_limits.unwrap_or(before.resource_limits),
        monitoring_config: wanted.monitoring_config.unwrap_or(before.monitoring_config),
        infrastructure_config: wanted.infrastructure_config.unwrap_or(before.infrastructure_config),
        approval_required: wanted.approval_required.unwrap_or(before.approval_required),
        approval: wanted.approval.map_or(before.approval, approval),
        auto_promote_from: wanted.auto_promote_from.unwrap_or(before.auto_promote_from),
        rollback_enabled: wanted.rollback_enabled.unwrap_or(before.rollback_enabled),
        health_check: wanted.health_check.map_or(before.health_check, |named| named.map(health_check)),
        is_active: wanted.is_active.unwrap_or(before.is_active),
        ..before
    }
}

pub fn default_approval() -> ApprovalRules {
    approval(ApprovalSettings::default())
}

fn approval(wanted: ApprovalSettings) -> ApprovalRules {
    let default = penstock_release::ApprovalRules::default();
    ApprovalRules {
        approval_type: wanted.approval_type.unwrap_or(default.approval_type),
        required_approvals: wanted.required_approvals.unwrap_or(default.required_approvals),
        approvers: wanted.approvers.unwrap_or(default.approvers),
        expires_in_seconds: wanted.expires_in_seconds.unwrap_or(default.expires_in_seconds),
    }
}

#[allow(clippy::cast_precision_loss, reason = "at most a minute")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn health_check(wanted: HealthCheckSettings) -> EnvironmentHealthCheck {
    let attempts = wanted.attempts.unwrap_or(DEFAULT_HEALTH_ATTEMPTS);
    EnvironmentHealthCheck {
        url: wanted.url,
        expect_status: wanted.expect_status.unwrap_or(DEFAULT_HEALTH_STATUS),
        timeout_seconds: wanted.timeout_seconds.unwrap_or_else(|| seconds(DEFAULT_HEALTH_TIMEOUT_MS)),
        interval_seconds: wanted.interval_seconds.unwrap_or_else(|| seconds(DEFAULT_HEALTH_INTERVAL_MS)),
        attempts,
        successes: wanted.successes.unwrap_or_else(|| DEFAULT_HEALTH_SUCCESSES.min(attempts)),
    }
}

/// Everything that is wrong with it, among all environments, itself perhaps one of them.
pub fn check(environment: &Environment, others: &[Promotion]) -> Vec<FieldError> {
    let mut found = Findings::default();
    let name = environment.environment_name.as_str();
    if !is_name(name) {
        let message = format!("a name has 1 to {MAX_NAME_CHARS} letters, digits and `_ . -`");
        found.wrong("/environment_name", message);
    }
    found.address("/deployment_url", environment.deployment_url.as_deref());
    found.variables(environment);
    for (pointer, configuration) in [
        ("/resource_limits", &environment.resource_limits),
        ("/monitoring_config", &environment.monitoring_config),
        ("/infrastructure_config", &environment.infrastructure_config),
    ] {
        found.configuration(pointer, configuration.as_ref());
    }
    found.approval(&environment.approval);
    found.promotions(environment, others);
    if let Some(check) = &environment.health_check {
        found.health_check(check);
    }
    found.0
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_CHARS).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= MAX_VARIABLE_NAME_BYTES
}

#[derive(Default)]
struct Findings(Vec<FieldError>);

impl Findings {
    fn wrong(&mut self, pointer: &str, message: impl Into<String>) {
        self.0.push(FieldError::invalid_value(pointer, message));
    }

    fn address(&mut self, pointer: &str, url: Option<&str>) {
        if let Some(Err(bad)) = url.map(check_address) {
            self.wrong(pointer, format!("the URL {bad}"));
        }
    }

    fn variables(&mut self, environment: &Environment) {
        let variables = &environment.environment_variables;
        if variables.len() > MAX_VARIABLES {
            self.wrong("/environment_variables", format!("at most {MAX_VARIABLES} variables"));
        }
        for (name, value) in variables.iter().take(MAX_VARIABLES) {
            let pointer = format!("/environment_variables/{}", name.replace('~', "~0").replace('/', "~1"));
            if !is_variable(name) {
                let message = "a variable's name has letters, digits and `_`, and begins with no digit";
                self.wrong(&pointer, message);
            } else if value.len() > MAX_VALUE_BYTES || value.contains('\0') {
                self.wrong(&pointer, format!("a value has at most {MAX_VALUE_BYTES} bytes, and no NUL"));
            }
        }
    }

    fn configuration(&mut self, pointer: &str, configuration: Option<&Configuration>) {
        let bytes = configuration.and_then(|c| serde_json::to_vec(c).ok()).map_or(0, |text| text.len());
        if bytes > MAX_CONFIGURATION_BYTES {
            self.wrong(pointer, format!("at most {} KiB of JSON", MAX_CONFIGURATION_BYTES / 1024));
        }
    }

    fn approval(&mut self, rules: &ApprovalRules) {
        let named = rules.approvers.len();
        if named > MAX_APPROVERS {
            self.wrong("/approval/approvers", format!("at most {MAX_APPROVERS} approvers"));
        }
        for (index, name) in rules.approvers.iter().take(MAX_APPROVERS).enumerate() {
            let pointer = format!("/approval/approvers/{index}");
            let is_fine = !name.trim().is_empty()
                && name.chars().count() <= MAX_NAME_CHARS
                && !name.contains(char::is_control);
            if !is_fine {
                self.wrong(
                    &pointer,
                    format!("a token's name or a login, of 1 to {MAX_NAME_CHARS} characters"),
                );
            } else if rules.approvers[..index].iter().any(|n| n.eq_ignore_ascii_case(name)) {
                self.wrong(&pointer, format!("{name} is named twice"));
            }
        }
        let required = rules.required_approvals;
        if !(1..=MAX_REQUIRED).contains(&required) {
            self.wrong("/approval/required_approvals", format!("from 1 to {MAX_REQUIRED}"));
        } else if named > 0 && required as usize > named {
            let message =
                format!("{named} approvers can't give {required} approvals; name more, or ask for fewer");
            self.wrong("/approval/required_approvals", message);
        }
        if !(MIN_EXPIRY_SECONDS..=MAX_EXPIRY_SECONDS).contains(&rules.expires_in_seconds) {
            let message =
                format!("from {MIN_EXPIRY_SECONDS} to {MAX_EXPIRY_SECONDS} seconds, which are 90 days");
            self.wrong("/approval/expires_in_seconds", message);
        }
    }

    fn promotions(&mut self, environment: &Environment, others: &[Promotion]) {
        let from = &environment.auto_promote_from;
        if from.len() > MAX_PROMOTIONS {
            self.wrong("/auto_promote_from", format!("at most {MAX_PROMOTIONS} environments"));
        }
        let others: Vec<&Promotion> = others.iter().filter(|o| o.id != environment.id).collect();
        for (index, name) in from.iter().take(MAX_PROMOTIONS).enumerate() {
            let pointer = format!("/auto_promote_from/{index}");
            if *name == environment.environment_name {
                self.wrong(&pointer, "an environment can't take over from itself");
            } else if !others.iter().any(|o| o.environment_name == *name) {
                self.wrong(&pointer, format!("there is no environment of the name {name:?}"));
            } else if from[..index].contains(name) {
                self.wrong(&pointer, format!("{name} is named twice"));
            } else if takes_over(name, &environment.environment_name, &others) {
                let message = format!("{name} takes over from this one, directly or by way of others");
                self.wrong(&pointer, message);
            }
        }
    }

    fn health_check(&mut self, check: &EnvironmentHealthCheck) {
        self.address("/health_check/url", Some(&check.url));
        if !(100..=599).contains(&check.expect_status) {
            self.wrong("/health_check/expect_status", "from 100 to 599");
        }
        for (pointer, value, least_ms, most_ms) in [
            ("/health_check/timeout_seconds", check.timeout_seconds, MIN_TIMEOUT_MS, MAX_HEALTH_TIMEOUT_MS),
            (
                "/health_check/interval_seconds",
                check.interval_seconds,
                MIN_HEALTH_INTERVAL_MS,
                MAX_HEALTH_INTERVAL_MS,
            ),
        ] {
            let (least, most) = (seconds(least_ms), seconds(most_ms));
            if !(least..=most).contains(&value) {
                self.wrong(pointer, format!("from {least} to {most} seconds"));
            }
        }
        if !(1..=MAX_HEALTH_ATTEMPTS).contains(&check.attempts) {
            self.wrong("/health_check/attempts", format!("from 1 to {MAX_HEALTH_ATTEMPTS}"));
        }
        if !(1..=MAX_HEALTH_SUCCESSES).contains(&check.successes) {
            self.wrong("/health_check/successes", format!("from 1 to {MAX_HEALTH_SUCCESSES}"));
        } else if check.successes > check.attempts {
            let (attempts, successes) = (check.attempts, check.successes);
            let message = format!("{attempts} attempts can't have {successes} successes in a row");
            self.wrong("/health_check/successes", message);
        }
    }
}

/// Whether `name` takes over from `target`, directly or by way of others.
fn takes_over(name: &str, target: &str, all: &[&Promotion]) -> bool {
    let mut seen = vec![name];
    let mut next = 0;
    while let Some(name) = seen.get(next).copied() {
        next += 1;
        let from = all.iter().find(|o| o.environment_name == name).map(|o| o.auto_promote_from.as_slice());
        for further in from.unwrap_or_default() {
            if further == target {
                return true;
            }
            if !seen.contains(&further.as_str()) {
                seen.push(further);
            }
        }
    }
    false
}
