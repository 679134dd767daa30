//! `spin.toml`, as far as it says who may what.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use toml::{Table, Value};

/// What one component may.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Public ones; `private` for the route that no request from outside takes.
    pub routes: BTreeSet<String>,
    pub stores: BTreeSet<String>,
    pub variables: BTreeSet<String>,
    pub may_call: BTreeSet<String>,
}

pub struct Manifest(Table);

/// # Panics
/// Where it is not the manifest that the host reads.
pub fn read(path: &Path) -> Manifest {
    let text = fs::read_to_string(path).expect("the manifest can be read");
    Manifest(text.parse().expect("the manifest is TOML"))
}

fn texts(value: Option<&Value>) -> BTreeSet<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.map(|text| text.as_str().expect("text").to_owned()).collect()
}

impl Manifest {
    fn components(&self) -> &Table {
        self.0["component"].as_table().expect("components")
    }

    /// The components' files, relative to the manifest.
    pub fn sources(&self) -> Vec<String> {
        let source = |component: &Value| component["source"].as_str().expect("a path").to_owned();
        self.components().values().map(source).collect()
    }

    /// Route and component of every trigger; None for a private one.
    pub fn routes(&self) -> Vec<(Option<String>, String)> {
        let triggers = self.0["trigger"]["http"].as_array().expect("triggers");
        let read = |trigger: &Value| {
            let component = trigger["component"].as_str().expect("a component's name").to_owned();
            let route = trigger["route"].as_str().map(str::to_owned);
            let is_private = trigger["route"].get("private").and_then(Value::as_bool) == Some(true);
            assert!(route.is_some() || is_private, "a route that is neither public nor private");
            (route, component)
        };
        triggers.iter().map(read).collect()
    }

    /// Variables that are marked as secret.
    pub fn secrets(&self) -> BTreeSet<String> {
        let variables = self.0["variables"].as_table().expect("variables");
        let is_secret = |value: &Value| value.get("secret").and_then(Value::as_bool) == Some(true);
        variables.iter().filter(|(_, value)| is_secret(value)).map(|(name, _)| name.clone()).collect()
    }

    /// What each component is granted.
    pub fn grants(&self) -> BTreeMap<String, Grants> {
        let mut all = BTreeMap::new();
        for (name, component) in self.components() {
            let mut stores = BTreeSet::new();
            for (kind, member) in [("sqlite", "sqlite_databases"), ("kv", "key_value_stores")] {
                stores
                    .extend(texts(component.get(member)).into_iter().map(|store| format!("{kind} {store}")));
            }
            let variables = component.get("variables").and_then(Value::as_table);
            let routes = self.routes().into_iter().filter(|(_, to)| to == name);
            let grants = Grants {
                routes: routes.map(|(route, _)| route.unwrap_or_else(|| "private".to_owned())).collect(),
                stores,
                variables: variables.into_iter().flat_map(Table::keys).cloned().collect(),
                may_call: texts(component.get("allowed_outbound_hosts")),
            };
            all.insert(name.clone(), grants);
        }
        all
    }

    /// What a component's variable is filled with.
    pub fn template(&self, component: &str, variable: &str) -> &str {
        self.components()[component]["variables"][variable].as_str().expect("a template")
    }
}
