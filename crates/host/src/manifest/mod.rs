//! From `spin.toml` to an [`Application`] in which every name resolves, or to everything that is wrong with it.
//!
//! Reads the manifest and nothing else: no component, no mounted file.

mod schema;
mod template;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use schema::Files;
pub use variables::check_name as check_variable_name;

use crate::allowed_hosts::AllowedHost;
use crate::error::{HostError, Problems};
use crate::routes::Route;
use template::Template;

/// Larger than any manifest that a person maintains.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// What is to be run.
#[derive(Debug)]
pub struct Application {
    pub name: String,
    /// Public routes, each with the index of its component.
    pub routes: Vec<(Route, usize)>,
    pub components: Vec<Component>,
}

/// A component and what it is granted.
#[derive(Debug, Default)]
pub struct Component {
    pub id: String,
    pub source: PathBuf,
    /// Whether a trigger names it: only then can it be called, from inside as from outside.
    pub triggered: bool,
    pub variables: BTreeMap<String, String>,
    pub environment: Vec<(String, String)>,
    pub files: Vec<Files>,
    pub exclude_files: Vec<String>,
    pub outbound: Vec<AllowedHost>,
    pub key_value_stores: BTreeSet<String>,
    pub sqlite_databases: BTreeSet<String>,
}

impl Application {
    /// Reads the manifest; `given` are application variables below those of `environment`.
    pub fn load(
        path: &Path,
        given: &BTreeMap<String, String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, HostError> {
        let unreadable = |source| HostError::ReadManifest { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(unreadable)?.len() > MAX_MANIFEST_BYTES {
            let message = format!("the manifest is larger than {MAX_MANIFEST_BYTES} bytes");
            return Err(HostError::Manifest { path: path.to_owned(), message });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder, given, environment).map_err(|errors| match errors {
            Errors::Shape(message) => HostError::Manifest { path: path.to_owned(), message },
            Errors::Names(errors) => HostError::Invalid { path: path.to_owned(), errors },
        })
    }

    fn parse(
        text: &str,
        folder: &Path,
        given: &BTreeMap<String, String>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Errors> {
        let version = toml::from_str::<Version>(text).map_err(|e| Errors::Shape(e.to_string()))?;
        if version.spin_manifest_version.as_integer() != Some(2) {
            let wrong = "spin_manifest_version must be 2; earlier versions are not served".to_owned();
            return Err(Errors::Shape(wrong));
        }
        let manifest: schema::Manifest = toml::from_str(text).map_err(|e| Errors::Shape(e.to_string()))?;
        let mut problems = vec![];
        let base = manifest.application.trigger.get("http").and_then(|http| http.get("base"));
        if base.is_some_and(|base| base.as_str() != Some("/")) {
            problems.push("[application.trigger.http] base: put it before each `route` instead".to_owned());
        }
        let values = variables::resolve(&manifest.variables, given, environment, &mut problems);
        let mut components: Vec<_> = manifest
            .components
            .into_iter()
            .map(|(id, component)| component.resolve(id, folder, &values, &mut problems))
            .collect();
        let routes = resolve_triggers(manifest.triggers, &mut components, &mut problems);
        if problems.is_empty() {
            Ok(Self { name: manifest.application.name, routes, components })
        } else {
            Err(Errors::Names(Problems(problems)))
        }
    }
}

enum Errors {
    Shape(String),
    Names(Problems),
}

#[derive(serde::Deserialize)]
struct Version {
    spin_manifest_version: toml::Value,
}

impl schema::Component {
    fn resolve(
        self,
        id: String,
        folder: &Path,
        values: &BTreeMap<String, String>,
        problems: &mut Vec<String>,
    ) -> Component {
        let mut wrong = |what: String| problems.push(format!("[component.{id}] {what}"));
        if !is_kebab(&id) {
            wrong("a component's id is words of letters and digits with `-` between".to_owned());
        }
        self.refuse_what_is_not_served(&mut wrong);
        let source = self.source.as_str().unwrap_or_default();
        let mut variables = BTreeMap::new();
        for (name, text) in &self.variables {
            match variables::check_name(name).and_then(|()| fill(text, values)) {
                Ok(value) => _ = variables.insert(name.clone(), value),
                Err(e) => wrong(format!("variables.{name}: {e}")),
            }
        }
        let mut outbound = vec![];
        for entry in &self.allowed_outbound_hosts {
            match parse_allowed(entry, values) {
                Ok(allowed) => outbound.extend(allowed),
                Err(e) => wrong(format!("allowed_outbound_hosts {entry:?}: {e}")),
            }
        }
        for label in self.sqlite_databases.iter().chain(&self.key_value_stores) {
            if !is_label(label) {
                wrong(format!("{label:?}: a label is words of letters and digits with `-` or `_` between"));
            }
        }
        Component {
            source: folder.join(source),
            triggered: false,
            variables,
            environment: self.environment.into_iter().collect(),
            files: self.files,
            exclude_files: self.exclude_files,
            outbound,
            key_value_stores: self.key_value_stores.into_iter().collect(),
            sqlite_databases: self.sqlite_databases.into_iter().collect(),
            id,
        }
    }

    /// What Spin accepts and this host can't do is refused, never ignored.
    fn refuse_what_is_not_served(&self, wrong: &mut impl FnMut(String)) {
        if self.source.as_str().is_none_or(str::is_empty) {
            wrong("source must be the path of a .wasm file; fetch a remote component first".to_owned());
        }
        if self.dependencies_inherit_configuration == Some(true) {
            wrong("dependencies_inherit_configuration = true is not served; remove it".to_owned());
        }
        if !self.dependencies.is_empty() {
            wrong("dependencies are not served; compose them into the component at build time".to_owned());
        }
        if !self.ai_models.is_empty() {
            wrong("ai_models are not served; remove them".to_owned());
        }
        if !self.allowed_http_hosts.is_empty() {
            wrong("allowed_http_hosts is not served; write allowed_outbound_hosts".to_owned());
        }
        if self.environment.iter().any(|(k, v)| k.is_empty() || k.contains(['=', '\0']) || v.contains('\0')) {
            wrong("environment has a name or value that no environment can hold".to_owned());
        }
    }
}

fn fill(text: &str, values: &BTreeMap<String, String>) -> Result<String, String> {
    Template::parse(text)?.fill(values)
}

fn parse_allowed(entry: &str, values: &BTreeMap<String, String>) -> Result<Option<AllowedHost>, String> {
    let template = Template::parse(entry)?;
    if template.is_literal() {
        return AllowedHost::parse(entry).map(Some);
    }
    AllowedHost::parse_filled(&template.fill(values)?)
}

fn resolve_triggers(
    triggers: BTreeMap<String, Vec<toml::Table>>,
    components: &mut [Component],
    problems: &mut Vec<String>,
) -> Vec<(Route, usize)> {
    let mut routes: Vec<(Route, usize, String)> = vec![];
    for (kind, tables) in triggers {
        if kind != "http" {
            problems.push(format!("[[trigger.{kind}]]: only http triggers are served; remove it"));
            continue;
        }
        for (i, table) in tables.into_iter().enumerate() {
            let place = format!("[[trigger.http]] number {}", i + 1);
            match resolve_trigger(table, components) {
                Err(problem) => problems.push(format!("{place}: {problem}")),
                Ok(None) => {}
                Ok(Some((route, target, raw))) => {
                    match routes.iter().find(|(earlier, ..)| earlier.same_paths(&route)) {
                        Some((.., earlier)) => problems.push(format!(
                            "{place}: the route {raw:?} has the same paths as {earlier:?}; remove one of the two"
                        )),
                        None => routes.push((route, target, raw)),
                    }
                }
            }
        }
    }
    routes.into_iter().map(|(route, target, _)| (route, target)).collect()
}

/// The route that the trigger makes public; none for a private one.
fn resolve_trigger(
    table: toml::Table,
    components: &mut [Component],
) -> Result<Option<(Route, usize, String)>, String> {
    let trigger: schema::HttpTrigger =
        table.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
    if trigger.static_response.is_some() || !trigger.components.is_empty() || !trigger.dependencies.is_empty()
    {
        return Err("static responses and middleware are not served; let a component answer".to_owned());
    }
    if trigger.executor.is_some_and(|e| e.kind != "http" && e.kind != "spin") {
        return Err("only the executor `http` is served".to_owned());
    }
    let id = match &trigger.component {
        Some(toml::Value::String(id)) => id,
        _ => return Err("`component` must be the id of a [component.<id>] table".to_owned()),
    };
    let Some(target) = components.iter().position(|c| c.id == *id) else {
        let known: Vec<_> = components.iter().map(|c| c.id.as_str()).collect();
        return Err(format!("there is no component `{id}`; there are: {}", known.join(", ")));
    };
    components[target].triggered = true;
    match trigger.route {
        schema::Route::Private(private) if private.private => Ok(None),
        schema::Route::Private(_) => {
            Err("a route is a path or `{ private = true }`, never `{ private = false }`".to_owned())
        }
        schema::Route::Path(raw) => {
            let route = Route::parse(&raw).map_err(|e| format!("route {raw:?}: {e}"))?;
            Ok(Some((route, target, raw)))
        }
    }
}

/// Words with `-` between, each of one case and beginning with a letter, as in Spin.
fn is_kebab(id: &str) -> bool {
    id.split('-').all(is_word)
}

fn is_label(label: &str) -> bool {
    is_kebab(label) || label.split('_').all(is_word)
}

fn is_word(word: &str) -> bool {
    let one_case = |is: fn(&u8) -> bool| word.bytes().all(|b| is(&b) || b.is_ascii_digit());
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && (one_case(u8::is_ascii_lowercase) || one_case(u8::is_ascii_uppercase))
}

#[cfg(test)]
mod tests;
