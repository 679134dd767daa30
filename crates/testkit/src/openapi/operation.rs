//! Which described operation a call is of, and whether its parameters fit.

use http::{Method, StatusCode};
use serde_json::Value;

use super::schema::resolve;

pub(super) struct Operation<'a> {
    description: &'a Value,
    /// Of the path: it may bear parameters for all its methods.
    path: &'a Value,
    operation: &'a Value,
}

/// The operation whose path fits with the most literal parts.
pub(super) fn find<'a>(description: &'a Value, method: &Method, path: &str) -> Option<Operation<'a>> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let method = method.as_str().to_ascii_lowercase();
    let paths = description["paths"].as_object()?.iter();
    let fitting = paths.filter_map(|(template, path)| {
        let operation = Operation { description, path, operation: path.get(&method)? };
        let wanted: Vec<&str> = template.trim_start_matches('/').split('/').collect();
        let literal = wanted.iter().filter(|part| !part.starts_with('{')).count();
        fits(&wanted, &parts, &|name| operation.is_multi_segment(name)).then_some((literal, operation))
    });
    fitting.max_by_key(|(literal, _)| *literal).map(|(_, operation)| operation)
}

/// A part in braces takes one part of the path, or several where it is described so.
fn fits(wanted: &[&str], given: &[&str], multi: &dyn Fn(&str) -> bool) -> bool {
    let Some((want, wanted)) = wanted.split_first() else { return given.is_empty() };
    let Some((first, rest)) = given.split_first() else { return false };
    match want.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        None => want == first && fits(wanted, rest, multi),
        Some(_) if first.is_empty() => false,
        Some(name) if multi(name) => (1..=given.len()).any(|taken| fits(wanted, &given[taken..], multi)),
        Some(_) => fits(wanted, rest, multi),
    }
}

impl<'a> Operation<'a> {
    fn parameters(&self) -> impl Iterator<Item = &'a Value> {
        let of = |at: &'a Value| at["parameters"].as_array().into_iter().flatten();
        let description = self.description;
        of(self.path).chain(of(self.operation)).map(move |parameter| resolve(description, parameter))
    }

    fn is_multi_segment(&self, name: &str) -> bool {
        self.parameters().any(|p| p["in"] == "path" && p["name"] == name && p["x-multi-segment"] == true)
    }

    pub fn parameter_faults(&self, query: &str, headers: &[(String, String)]) -> Vec<String> {
        let given: Vec<&str> = query.split('&').filter(|p| !p.is_empty()).map(before_equals).collect();
        let named = |place: &str| {
            let place = place.to_owned();
            self.parameters()
                .filter(move |p| p["in"] == *place)
                .map(|p| (p["name"].as_str().unwrap_or_default(), p))
        };
        let unknown = given.iter().filter(|name| !named("query").any(|(known, _)| known == **name));
        let mut faults: Vec<_> = unknown.map(|name| format!("the query's `{name}` is not known")).collect();
        let required = |p: &Value| p["required"] == true;
        for (name, _) in named("query").filter(|(_, p)| required(p)) {
            if !given.contains(&name) {
                faults.push(format!("the query lacks `{name}`"));
            }
        }
        for (name, _) in named("header").filter(|(_, p)| required(p)) {
            if !headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
                faults.push(format!("the header `{name}` is missing"));
            }
        }
        faults
    }

    pub fn request_body(&self) -> Option<&'a Value> {
        self.operation.get("requestBody").map(|body| resolve(self.description, body))
    }

    pub fn response(&self, status: StatusCode) -> Option<&'a Value> {
        let answer = self.operation["responses"].get(status.as_str())?;
        Some(resolve(self.description, answer))
    }
}

fn before_equals(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(name, _)| name)
}
