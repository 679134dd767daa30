//! One operation, put together in the order in which a reader thinks of it.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::refusals::Refusal;

pub struct Operation {
    path: &'static str,
    method: &'static str,
    members: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl Operation {
    /// `id` names the operation in generated clients; the path's parameters are found in the path.
    pub fn new(method: &'static str, path: &'static str, id: &str, tag: &str, summary: &str) -> Self {
        let names = path.split(['{', '}']).skip(1).step_by(2);
        let members = json!({ "operationId": id, "tags": [tag], "summary": summary });
        Self {
            path,
            method,
            members: object(members),
            parameters: names.map(path_parameter).collect(),
            responses: Map::new(),
        }
    }

    pub fn about(mut self, description: &str) -> Self {
        self.members.insert("description".to_owned(), json!(description));
        self
    }

    /// Who may ask: names of security schemes, of which any will do. None at all lets everybody in.
    pub fn for_whom(mut self, schemes: &[&str]) -> Self {
        let one = |scheme: &&str| json!({ *scheme: [] });
        self.members.insert("security".to_owned(), schemes.iter().map(one).collect());
        self
    }

    /// Everybody may ask, and a token of this scheme shows more.
    pub fn for_whom_or_everybody(mut self, scheme: &str) -> Self {
        self.members.insert("security".to_owned(), json!([{}, { scheme: [] }]));
        self
    }

    /// A parameter that several operations share, by its name in [`parameters`].
    pub fn shared(mut self, name: &str) -> Self {
        self.parameters.push(json!({ "$ref": format!("#/components/parameters/{name}") }));
        self
    }

    pub fn query(self, name: &str, schema: Value, description: &str) -> Self {
        self.parameter("query", name, schema, description, false)
    }

    /// A header that has to be there.
    pub fn header(self, name: &str, schema: Value, description: &str) -> Self {
        self.parameter("header", name, schema, description, true)
    }

    pub fn optional_header(self, name: &str, schema: Value, description: &str) -> Self {
        self.parameter("header", name, schema, description, false)
    }

    fn parameter(
        mut self,
        place: &str,
        name: &str,
        schema: Value,
        description: &str,
        required: bool,
    ) -> Self {
        let parameter = json!({ "in": place, "name": name, "schema": schema, "description": description, "required": required });
        self.parameters.push(parameter);
        self
    }

    pub fn body(self, schema: Value) -> Self {
        self.body_of("application/json", json!({ "schema": schema }), true)
    }

    /// An empty body counts as `{}`.
    pub fn optional_body(self, schema: Value) -> Self {
        self.body_of("application/json", json!({ "schema": schema }), false)
    }

    pub fn body_of(mut self, content_type: &str, media: Value, required: bool) -> Self {
        let body = json!({ "required": required, "content": { content_type: media } });
        self.members.insert("requestBody".to_owned(), body);
        self
    }

    /// `{"success": true, <members>}`.
    pub fn success<const N: usize>(
        self,
        status: u16,
        description: &str,
        members: [(&str, Value); N],
    ) -> Self {
        let mut required = vec!["success"];
        required.extend(members.iter().map(|(name, _)| *name));
        let mut properties = object(json!({ "success": { "type": "boolean", "const": true } }));
        properties.extend(members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())));
        self.json(
            status,
            description,
            json!({ "type": "object", "properties": properties, "required": required }),
        )
    }

    pub fn json(self, status: u16, description: &str, schema: Value) -> Self {
        self.answers(status, description, json!({ "application/json": { "schema": schema } }))
    }

    pub fn answers(mut self, status: u16, description: &str, content: Value) -> Self {
        self.responses.insert(status.to_string(), json!({ "description": description, "content": content }));
        self
    }

    pub fn empty(mut self, status: u16, description: &str) -> Self {
        self.responses.insert(status.to_string(), json!({ "description": description }));
        self
    }

    /// Headers of an answer that was given before: pairs of a name and its name among the shared headers.
    pub fn with_headers(mut self, status: u16, headers: &[(&str, &str)]) -> Self {
        if let Some(response) = self.responses.get_mut(&status.to_string()) {
            response["headers"] = headers_of(headers);
        }
        self
    }

    /// What it may be refused with.
    pub fn refuses(mut self, groups: &[&[Refusal]]) -> Self {
        let mut by_status: BTreeMap<u16, Vec<&Refusal>> = BTreeMap::new();
        for refusal in groups.iter().copied().flatten() {
            let known = by_status.entry(refusal.status).or_default();
            if !known.iter().any(|k| k.code == refusal.code) {
                known.push(refusal);
            }
        }
        for (status, refusals) in by_status {
            self.responses.insert(status.to_string(), problem(status, &refusals));
        }
        self
    }

    /// Its path, its method, and the rest of it.
    pub fn into_parts(mut self) -> (String, &'static str, Value) {
        if !self.parameters.is_empty() {
            self.members.insert("parameters".to_owned(), Value::Array(self.parameters));
        }
        self.members.insert("responses".to_owned(), Value::Object(self.responses));
        (self.path.to_owned(), self.method, Value::Object(self.members))
    }
}

fn problem(status: u16, refusals: &[&Refusal]) -> Value {
    let lines: Vec<String> = refusals.iter().map(|r| format!("- `{}`: {}", r.code, r.when)).collect();
    let name = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason()).unwrap_or("Refused");
    let mut response = json!({
        "description": format!("{name}. The problem's `code` is one of:\n\n{}", lines.join("\n")),
        "content": { crate::problem::CONTENT_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    if status == 401 {
        response["headers"] = headers_of(&[("WWW-Authenticate", "WwwAuthenticate")]);
    }
    if refusals.iter().any(|r| r.is_worth_another_try) {
        response["headers"] = headers_of(&[("Retry-After", "RetryAfter")]);
    }
    response
}

fn headers_of(headers: &[(&str, &str)]) -> Value {
    let one = |(name, shared): &(&str, &str)| {
        ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{shared}") }))
    };
    Value::Object(headers.iter().map(one).collect())
}

fn path_parameter(name: &str) -> Value {
    let (schema, description) = match name {
        "id" => (json!({ "type": "string", "format": "uuid" }), "Its id, with hyphens."),
        "owner" => {
            (json!({ "type": "string", "minLength": 1 }), "Who the repository belongs to at the forge.")
        }
        _ => (json!({ "type": "string", "minLength": 1 }), "The repository's name at the forge."),
    };
    json!({ "in": "path", "name": name, "required": true, "schema": schema, "description": description })
}

/// The parameters that several operations share.
pub fn parameters() -> Value {
    json!({
        "Limit": {
            "in": "query", "name": "limit", "required": false,
            "description": "The most items that one answer may bear.",
            "schema": { "type": "integer", "minimum": 1, "maximum": 200, "default": 50 },
        },
        "After": {
            "in": "query", "name": "after", "required": false,
            "description": "Where to go on: the `next` of the answer before, which is not to be made up.",
            "schema": { "type": "string" },
        },
        "IdempotencyKey": {
            "in": "header", "name": "Idempotency-Key", "required": false,
            "description": "Within 24 hours the same key with the same request gives the same answer and no second \
                effect. A request that was refused with 4XX leaves its key free; one that failed with 5XX keeps it \
                for a minute, for it may still have come about: then send the same again.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        },
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
