//! Stages from a pipeline's configuration, where it has no file: built, tested by type, scanned, gated and deployed.
//!
//! The members are read within their bounds, with everything that is wrong told at once, and written out as the text
//! of a pipeline file: from there on such a pipeline is like any other, and can be read, changed and kept in the
//! repository.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The members, as they are given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Configuration<'a> {
    pub build: Option<&'a Value>,
    pub test: Option<&'a Value>,
    pub quality_gates: Option<&'a Value>,
    pub deployment: Option<&'a Value>,
}

/// What is wrong with a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationProblem {
    /// JSON pointer, such as `/test_configuration/max_retries`.
    pub pointer: String,
    pub message: String,
}

const BUILD: &str = "build_configuration";
const TEST: &str = "test_configuration";
const GATES: &str = "quality_gates";
const DEPLOYMENT: &str = "deployment_configuration";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Build {
    build_tool: String,
    install_command: Option<String>,
    build_command: String,
    output_directory: String,
    node_version: String,
    environment_variables: BTreeMap<String, String>,
    timeout: Option<i64>,
}

impl Default for Build {
    fn default() -> Self {
        Self {
            build_tool: "npm".to_owned(),
            install_command: None,
            build_command: "npm run build".to_owned(),
            output_directory: "dist".to_owned(),
            node_version: "18".to_owned(),
            environment_variables: BTreeMap::new(),
            timeout: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Test {
    test_command: String,
    coverage_threshold: f64,
    test_types: Vec<String>,
    parallel_execution: bool,
    max_retries: i64,
    /// Seconds.
    timeout: i64,
    /// Where the tests leave their reports: only with them can coverage be held to its threshold.
    reports: BTreeMap<String, String>,
    /// What scans for vulnerabilities; without it nothing is scanned.
    security_command: Option<String>,
}

impl Default for Test {
    fn default() -> Self {
        Self {
            test_command: "npm test".to_owned(),
            coverage_threshold: 80.0,
            test_types: vec!["unit".to_owned(), "integration".to_owned()],
            parallel_execution: true,
            max_retries: 2,
            timeout: 1_800,
            reports: BTreeMap::new(),
            security_command: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Deployment {
    strategy: String,
    environments: Vec<Environment>,
    deploy_command: Option<String>,
    /// Asked after each deployment; of several, the first.
    health_checks: Vec<HealthCheck>,
}

impl Default for Deployment {
    fn default() -> Self {
        Self {
            strategy: "rolling".to_owned(),
            environments: vec![],
            deploy_command: None,
            health_checks: vec![],
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Environment {
    Name(String),
    Full {
        name: String,
        #[serde(default)]
        deploy_command: Option<String>,
        #[serde(default)]
        health_check: Option<HealthCheck>,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum HealthCheck {
    Url(String),
    Full { url: String },
}

impl HealthCheck {
    fn url(&self) -> &str {
        match self {
            Self::Url(url) | Self::Full { url } => url,
        }
    }
}

/// The text of the pipeline file that the configuration stands for; JSON, which is YAML as well. None where there is no
/// configuration.
///
/// # Errors
/// Everything that is wrong. That the text is a right pipeline is found out by parsing it.
pub fn definition_from(
    configuration: Configuration<'_>,
) -> Option<Result<String, Vec<ConfigurationProblem>>> {
    let Configuration { build, test, quality_gates, deployment } = configuration;
    build.or(test).or(quality_gates).or(deployment)?;
    let mut writer = Writer::default();
    writer.build(build);
    writer.tests(test);
    writer.gates(quality_gates);
    writer.deployments(deployment);
    if writer.stages.is_empty() && writer.problems.is_empty() {
        writer.wrong("", "it has nothing to do: give at least build_configuration or test_configuration");
    }
    if !writer.problems.is_empty() {
        return Some(Err(writer.problems));
    }
    let file = json!({ "stages": writer.stages });
    Some(Ok(serde_json::to_string_pretty(&file).unwrap_or_default()))
}

#[derive(Default)]
struct Writer {
    stages: Vec<Value>,
    problems: Vec<ConfigurationProblem>,
}

impl Writer {
    fn wrong(&mut self, pointer: &str, message: &str) {
        let (pointer, message) = (pointer.to_owned(), message.to_owned());
        self.problems.push(ConfigurationProblem { pointer, message });
    }

    fn read<T: DeserializeOwned>(&mut self, member: &str, given: Option<&Value>) -> Option<T> {
        match T::deserialize(given?) {
            Ok(read) => Some(read),
            Err(error) => {
                self.wrong(&format!("/{member}"), &error.to_string());
                None
            }
        }
    }

    fn within(&mut self, member: &str, field: &str, value: f64, least: f64, most: f64) {
        if !(least..=most).contains(&value) {
            self.wrong(
                &format!("/{member}/{field}"),
                &format!("is from {least} to {most}, and this is {value}"),
            );
        }
    }

    fn has(&self, name: &str) -> bool {
        self.stages.iter().any(|s| s["name"] == name)
    }

    /// The names of the stages that are there, of those.
    fn after(&self, of_type: &str) -> Vec<Value> {
        self.stages.iter().filter(|s| s["type"] == of_type).map(|s| s["name"].clone()).collect()
    }

    fn build(&mut self, given: Option<&Value>) {
        let Some(build) = self.read::<Build>(BUILD, given) else { return };
        let install = build.install_command.or_else(|| match build.build_tool.as_str() {
            "npm" => Some("npm ci".to_owned()),
            "yarn" => Some("yarn install --frozen-lockfile".to_owned()),
            "pnpm" => Some("pnpm install --frozen-lockfile".to_owned()),
            _ => None,
        });
        let mut variables = build.environment_variables;
        variables.insert("NODE_VERSION".to_owned(), build.node_version);
        variables.insert("OUTPUT_DIRECTORY".to_owned(), build.output_directory);
        let steps: Vec<_> = install.into_iter().chain([build.build_command]).collect();
        let mut job = json!({ "name": "build", "variables": variables, "steps": steps });
        if let Some(seconds) = build.timeout {
            self.within(BUILD, "timeout", seconds as f64, 300.0, 7_200.0);
            job["timeout"] = json!(format!("{seconds}s"));
        }
        self.stages.push(json!({ "name": "Build", "type": "build", "jobs": [job] }));
    }

    fn tests(&mut self, given: Option<&Value>) {
        let Some(test) = self.read::<Test>(TEST, given) else { return };
        self.within(TEST, "coverage_threshold", test.coverage_threshold, 0.0, 100.0);
        self.within(TEST, "max_retries", test.max_retries as f64, 0.0, 5.0);
        self.within(TEST, "timeout", test.timeout as f64, 300.0, 7_200.0);
        let mut before = self.after("build");
        for test_type in &test.test_types {
            let name = format!("{} Tests", capitalised(test_type));
            if self.has(&name) {
                self.wrong(&format!("/{TEST}/test_types"), &format!("`{test_type}` is there twice"));
                continue;
            }
            let mut job = json!({
                "name": test_type,
                "variables": { "TEST_TYPE": test_type },
                "steps": [test.test_command],
                "timeout": format!("{}s", test.timeout),
                "retry": test.max_retries,
            });
            if !test.reports.is_empty() {
                let mut reports: Map<String, Value> =
                    test.reports.iter().map(|(format, path)| (format.clone(), json!(path))).collect();
                reports.insert("test_type".to_owned(), json!(test_type));
                job["reports"] = Value::Object(reports);
            }
            self.stages.push(json!({ "name": name, "type": "test", "depends_on": before, "jobs": [job] }));
            if !test.parallel_execution {
                before = vec![json!(name)];
            }
        }
        if let Some(command) = test.security_command {
            let job = json!({ "name": "scan", "steps": [command] });
            let after = self.after("build");
            self.stages.push(
                json!({ "name": "Security Scan", "type": "security_scan", "depends_on": after, "jobs": [job] }),
            );
        }
        if test.reports.contains_key("lcov") {
            self.gate_stage(json!({
                "coverage": { "type": "test_coverage", "threshold": test.coverage_threshold } }));
        }
    }

    fn gates(&mut self, given: Option<&Value>) {
        let Some(gates) = self.read::<Map<String, Value>>(GATES, given) else { return };
        if gates.is_empty() {
            return;
        }
        let with_type = |(name, mut gate): (String, Value)| {
            if let Some(gate) = gate.as_object_mut() {
                gate.entry("type").or_insert_with(|| json!("test_coverage"));
            }
            (name, gate)
        };
        self.gate_stage(Value::Object(gates.into_iter().map(with_type).collect()));
    }

    /// Gates given by name stand over the one of the tests' own threshold.
    fn gate_stage(&mut self, gates: Value) {
        if let Some(stage) = self.stages.iter_mut().find(|s| s["name"] == "Quality Gates") {
            if let (Some(all), Value::Object(more)) = (stage["gates"].as_object_mut(), gates) {
                all.extend(more);
            }
            return;
        }
        let tests = self.after("test");
        let after = if tests.is_empty() { self.after("build") } else { tests };
        self.stages.push(
            json!({ "name": "Quality Gates", "type": "quality_check", "depends_on": after, "gates": gates }),
        );
    }

    /// One after the other, in the order in which they are given: what fails in one never comes to the next.
    fn deployments(&mut self, given: Option<&Value>) {
        let Some(deployment) = self.read::<Deployment>(DEPLOYMENT, given) else { return };
        let last = ["quality_check", "security_scan", "test", "build"];
        let mut before: Vec<Value> = match self.has("Quality Gates") {
            true => [self.after("quality_check"), self.after("security_scan")].concat(),
            false => last.iter().map(|of| self.after(of)).find(|after| !after.is_empty()).unwrap_or_default(),
        };
        for (index, environment) in deployment.environments.iter().enumerate() {
            let (name, command, check) = match environment {
                Environment::Name(name) => (name, None, None),
                Environment::Full { name, deploy_command, health_check } => {
                    (name, deploy_command.as_ref(), health_check.as_ref())
                }
            };
            let Some(command) = command.or(deployment.deploy_command.as_ref()) else {
                let message = "what deploys is missing: give deploy_command here, or for all environments";
                self.wrong(&format!("/{DEPLOYMENT}/environments/{index}"), message);
                continue;
            };
            let mut deploy = json!({ "environment": name, "strategy": deployment.strategy });
            if let Some(check) = check.or(deployment.health_checks.first()) {
                deploy["health_check"] = json!({ "url": check.url() });
            }
            let stage = format!("Deploy to {name}");
            let job = json!({ "name": "deploy", "steps": [command] });
            self.stages.push(
                json!({ "name": stage, "type": "deploy", "depends_on": before, "deploy": deploy, "jobs": [job] }),
            );
            before = vec![json!(stage)];
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_whole_configuration_becomes_a_pipeline_that_parses() {
        let (build, test) = (
            json!({ "build_command": "make", "build_tool": "make", "environment_variables": { "MODE": "release" } }),
            json!({ "test_types": ["unit", "e2e"], "max_retries": 1, "reports": { "lcov": "lcov.info" } }),
        );
        let gates = json!({ "tests": { "type": "code_quality", "metric": "failed_tests" } });
        let deployment = json!({
            "environments": ["staging", { "name": "production", "health_check": "https://example.org/healthz" }],
            "deploy_command": "./deploy.sh" });
        let text = definition_from(Configuration {
            build: Some(&build),
            test: Some(&test),
            quality_gates: Some(&gates),
            deployment: Some(&deployment),
        });
        let parsed = crate::parse(&text.unwrap().unwrap());
        assert_eq!(parsed.errors().map(|d| &d.message).collect::<Vec<_>>(), Vec::<&String>::new());
        let stages = parsed.definition.unwrap().stages;
        let told: Vec<_> = stages
            .iter()
            .map(|s| format!("{} ({}) after [{}]", s.name, s.stage_type, s.depends_on.join(", ")))
            .collect();
        expect![[r#"
            Build (build) after []
            Unit Tests (test) after [Build]
            E2e Tests (test) after [Build]
            Quality Gates (quality_check) after [Unit Tests, E2e Tests]
            Deploy to staging (deploy) after [Quality Gates]
            Deploy to production (deploy) after [Deploy to staging]"#]]
        .assert_eq(&told.join("\n"));
    }

    #[test]
    fn everything_out_of_its_bounds_is_told_at_once() {
        let test = json!({ "coverage_threshold": 101, "max_retries": 6, "timeout": 299 });
        let deployment = json!({ "environments": ["staging"] });
        let configuration =
            Configuration { test: Some(&test), deployment: Some(&deployment), ..Configuration::default() };
        let problems = definition_from(configuration).unwrap().unwrap_err();
        let told: Vec<_> = problems.iter().map(|p| format!("{} {}", p.pointer, p.message)).collect();
        expect![[r#"
            /test_configuration/coverage_threshold is from 0 to 100, and this is 101
            /test_configuration/max_retries is from 0 to 5, and this is 6
            /test_configuration/timeout is from 300 to 7200, and this is 299
            /deployment_configuration/environments/0 what deploys is missing: give deploy_command here, or for all environments"#]]
        .assert_eq(&told.join("\n"));
    }

    #[test]
    fn without_any_of_the_members_there_is_no_definition_and_an_unknown_member_is_told() {
        assert!(definition_from(Configuration::default()).is_none());
        let build = json!({ "build_comand": "make" });
        let configuration = Configuration { build: Some(&build), ..Configuration::default() };
        let problems = definition_from(configuration).unwrap().unwrap_err();
        assert!(problems[0].message.contains("build_comand"), "{problems:?}");
    }
}
