//! What is answered beside what the OpenAPI document says of it.

use std::path::Path;

use serde_json::Value;

use crate::figures::{WEB, installation};

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/openapi.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Where the value is not what the schema says, or has a member that it does not name.
fn faults(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return faults(document, document.pointer(name.trim_start_matches('#')).unwrap(), value, at);
    }
    if let Some(schemas) = schema["anyOf"].as_array() {
        let each = schemas.iter().map(|schema| faults(document, schema, value, at));
        return each.min_by_key(Vec::len).unwrap_or_default();
    }
    if let Some(words) = schema["enum"].as_array() {
        return if words.contains(value) { vec![] } else { vec![format!("{at}: {value} is no word of it")] };
    }
    let (kind, also) = match value {
        Value::Null => ("null", ""),
        Value::Bool(_) => ("boolean", ""),
        Value::Number(n) => (if n.is_u64() { "integer" } else { "number" }, "number"),
        Value::String(_) => ("string", ""),
        Value::Array(_) => ("array", ""),
        Value::Object(_) => ("object", ""),
    };
    let is_kind = |allowed: &Value| allowed == kind || allowed == also;
    if !is_kind(&schema["type"]) && !schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(is_kind))
    {
        return vec![format!("{at}: {value} is no {}", schema["type"])];
    }
    match value {
        Value::Array(items) => {
            items.iter().flat_map(|item| faults(document, &schema["items"], item, at)).collect()
        }
        Value::Object(members) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing = required.filter(|name| !members.contains_key(*name));
            let mut found: Vec<_> = missing.map(|name| format!("{at}/{name} is missing")).collect();
            for (name, member) in members {
                let at = format!("{at}/{name}");
                match schema["properties"].get(name) {
                    Some(schema) => found.extend(faults(document, schema, member, &at)),
                    None => found.push(format!("{at} is not described")),
                }
            }
            found
        }
        _ => vec![],
    }
}

#[test]
fn the_answers_are_what_the_document_says() {
    let (document, native) = (document(), installation());
    let of_web = format!("?pipeline_id={WEB}&time_range=90d");
    for (path, query) in [
        ("/api/v1/metrics", ""),
        ("/api/v1/metrics", of_web.as_str()),
        ("/api/v1/analytics/dashboard", ""),
        ("/api/v1/analytics/dashboard", "?time_range=24h"),
    ] {
        let content = &document["paths"][path]["get"]["responses"]["200"]["content"];
        let answer = native.get(&format!("{path}{query}")).json();
        let found = faults(&document, &content["application/json"]["schema"], &answer, "");
        assert_eq!(found, Vec::<String>::new(), "{path}{query}");
    }
}

#[test]
fn every_range_that_can_be_asked_for_is_in_the_document() {
    let document = document();
    for path in ["/api/v1/metrics", "/api/v1/analytics/dashboard"] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let range = parameters.iter().find(|p| p["name"] == "time_range").unwrap();
        let known = penstock_metrics::TimeRange::ALL.map(|range| Value::from(range.as_str()));
        assert_eq!(range["schema"]["enum"].as_array().unwrap(), &known);
        let asked = installation().get(path).json();
        let shown = if path.ends_with("dashboard") { &asked["dashboard"] } else { &asked["summary"] };
        assert_eq!(range["schema"]["default"], shown["time_range"], "{path}");
    }
}

#[test]
fn what_differs_from_the_document_is_found() {
    let document = document();
    let content = &document["paths"]["/api/v1/analytics/dashboard"]["get"]["responses"]["200"]["content"];
    let schema = &content["application/json"]["schema"];
    let good = installation().get("/api/v1/analytics/dashboard").json();
    type Spoil = fn(&mut Value);
    let spoilers: [(Spoil, &str); 4] = [
        (|d| d["dora"]["changes"] = Value::Null, "/dashboard/dora/changes: null is no \"integer\""),
        (|d| d["time_range"] = "1y".into(), "/dashboard/time_range: \"1y\" is no word of it"),
        (|d| d["more"] = 1.into(), "/dashboard/more is not described"),
        (
            |d| drop(d["recent_activity"][0].as_object_mut().unwrap().remove("title")),
            "/dashboard/recent_activity/title is missing",
        ),
    ];
    for (spoil, fault) in spoilers {
        let mut answer = good.clone();
        spoil(&mut answer["dashboard"]);
        assert_eq!(faults(&document, schema, &answer, ""), [fault]);
    }
}
