//! The API's document, made of the table of routes, the schemas of records in `schema/`, and those of answers here.

use axum::{Json, response::IntoResponse};
use serde_json::{Map, Value, json};

use super::routes::{self, BYTES, JSON, Needs, Parameter, Route};

/// The schemas of published records, by the name of their file.
const RECORDS: [(&str, &str); 6] = [
    ("session", include_str!("../../../../schema/session.schema.json")),
    ("charge", include_str!("../../../../schema/charge.schema.json")),
    ("command", include_str!("../../../../schema/command.schema.json")),
    ("alert", include_str!("../../../../schema/alert.schema.json")),
    ("dead-letter", include_str!("../../../../schema/dead-letter.schema.json")),
    ("frame", include_str!("../../../../schema/frame.schema.json")),
];
/// The schema of an answer that says what became of a record, or is a problem.
const EITHER: &str = "outcome-or-problem";
/// The schemas of answers and bodies.
const ANSWERS: &str = include_str!("schemas.json");

/// The document.
pub(super) async fn serve() -> impl IntoResponse {
    Json(document())
}

/// The document (OpenAPI 3.1).
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in routes::all() {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation(&route);
    }
    let mut schemas: Map<String, Value> = serde_json::from_str(ANSWERS).unwrap_or_default();
    for (name, text) in RECORDS {
        let mut schema: Value = serde_json::from_str(text).unwrap_or_default();
        within(&mut schema, name);
        schemas.insert(name.to_owned(), schema);
    }
    let token = json!({"type": "http", "scheme": "bearer",
        "description": "A token of the server's list; its role is read, operate or admin (a later one may do more), or device."});
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Parkline",
            "version": "1",
            "description": "Sessions, charges and gates of a city's parking. Instants are RFC 3339, money is a decimal string, what is not known is absent; within version 1 members are only added. Errors are problem documents (RFC 9457) with a stable code. Pages end with `after` where there may be more; a page may hold fewer rows than its limit, even none, and still go on.",
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"}
        },
        "servers": [{"url": "http://127.0.0.1:7580"}],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"token": token}}
    })
}

fn operation(route: &Route) -> Value {
    let named = route.path.split(['{', '}']).skip(1).step_by(2);
    let mut parameters: Vec<Value> = named
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(route.query.iter().map(|given| parameter("query", given)));
    parameters.extend(route.headers.iter().map(|given| parameter("header", given)));
    let mut answers = Map::new();
    for (status, media, schema, description) in &route.answers {
        let description = if description.is_empty() { route.summary } else { *description };
        let mut content = json!({*media: {"schema": reference(schema)}});
        if *schema == EITHER {
            content["application/problem+json"] = json!({"schema": reference("problem")});
        }
        answers.insert(status.to_string(), json!({"description": description, "content": content}));
    }
    let problem = json!({"application/problem+json": {"schema": reference("problem")}});
    answers.insert("default".to_owned(), json!({"description": "a problem", "content": problem}));
    let mut operation = json!({"summary": route.summary, "operationId": name(route), "responses": answers});
    if !parameters.is_empty() {
        operation["parameters"] = Value::Array(parameters);
    }
    if let Some(schema) = route.body {
        let media = if schema == "bytes" { BYTES } else { JSON };
        operation["requestBody"] =
            json!({"required": true, "content": {media: {"schema": reference(schema)}}});
    }
    match route.needs {
        Needs::Nothing => {}
        Needs::Device => operation["security"] = json!([{"token": []}, {}]),
        Needs::Token(role) => {
            operation["security"] = json!([{"token": []}]);
            operation["description"] = format!("Role: {}.", role.word()).into();
        }
    }
    operation
}

/// `get-v1-sessions-session`: what programs that are made of the document call it.
fn name(route: &Route) -> String {
    let words = route.path.split(['/', '{', '}', '.']).filter(|word| !word.is_empty());
    std::iter::once(route.method).chain(words).collect::<Vec<_>>().join("-")
}

fn parameter(place: &str, (name, what, meaning): &Parameter) -> Value {
    let schema = match *what {
        words if words.contains('|') => json!({"enum": words.split('|').collect::<Vec<_>>()}),
        "number" => json!({"type": "integer", "minimum": 0}),
        "instant" => json!({"type": "string", "format": "date-time"}),
        "id" => json!({"type": "string", "pattern": "^[0-9A-Za-z_-]{1,32}$"}),
        _ => json!({"type": "string"}),
    };
    json!({"name": name, "in": place, "description": meaning, "schema": schema})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// A schema that stands alone becomes a part of the document: what it refers to lies elsewhere then.
fn within(schema: &mut Value, name: &str) {
    match schema {
        Value::Object(members) => {
            members.remove("$id");
            members.remove("$schema");
            for (key, value) in members.iter_mut() {
                match value {
                    Value::String(path) if key == "$ref" => {
                        *path = match path.strip_prefix("#/") {
                            Some(rest) => format!("#/components/schemas/{name}/{rest}"),
                            None => format!("#/components/schemas/{}", path.trim_end_matches(".schema.json")),
                        };
                    }
                    _ => within(value, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| within(item, name)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    /// `UPDATE=1 cargo test -p ingest-server --lib openapi` writes the file.
    #[test]
    fn the_checked_in_document_is_the_one_that_is_served() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema/openapi.json");
        let text = format!("{:#}\n", document());
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, &text).unwrap();
        }
        assert!(fs::read_to_string(&file).unwrap() == text, "run this test with UPDATE=1");
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    members.values().for_each(|value| references(value, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let (document, mut found) = (document(), BTreeSet::new());
        references(&document, &mut found);
        for path in &found {
            assert!(document.pointer(path.trim_start_matches('#')).is_some(), "{path}");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(found.contains(&format!("#/components/schemas/{name}")), "{name} is not used");
        }
    }

    #[test]
    fn names_of_operations_are_unique() {
        let names: Vec<String> = routes::all().iter().map(name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
