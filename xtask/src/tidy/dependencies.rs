//! Which crate may use which. ARCHITECTURE.md draws the same arrows.

use super::Finding;
use serde_json::Value;

const NOUNS: &[&str] = &["parking-types"];
const PURE: &[&str] = &["parking-types", "device-codec", "tariff-engine", "session-core"];
const ALL: &[&str] = &["parking-types", "device-codec", "tariff-engine", "session-core", "parkline"];

/// Each package of the workspace and those of its siblings that its code may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("parking-types", &[]),
    ("device-codec", NOUNS),
    ("tariff-engine", NOUNS),
    ("session-core", NOUNS),
    ("parkline", PURE),
    ("ingest-server", ALL),
    ("xtask", &[]),
];

/// What reads clocks, sockets or random numbers: not for the pure crates, unless behind a feature that is off by default.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio-util",
    "hyper",
    "axum",
    "reqwest",
    "rdkafka",
    "rand",
    "getrandom",
    "rumqttc",
    "rustix",
    "mio",
];

/// Reads the output of `cargo metadata --no-deps`.
pub(super) fn check(metadata: &Value) -> Vec<Finding> {
    packages(metadata).flat_map(|package| of_package(package, metadata)).collect()
}

/// The workspace's packages.
pub(super) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// A package's name.
pub(super) fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap_or("?")
}

fn of_package(package: &Value, metadata: &Value) -> Vec<Finding> {
    let from = name(package);
    let Some((_, allowed)) = ARROWS.iter().find(|(listed, _)| *listed == from) else {
        return vec![Finding::of(
            from,
            "no arrows are given for this package: add it to xtask and ARCHITECTURE.md",
        )];
    };
    let used = package["dependencies"].as_array().into_iter().flatten();
    used.filter_map(|dependency| {
        let to = name(dependency);
        let sibling = packages(metadata).any(|package| name(package) == to);
        // Benches and examples of the root package stand above the server.
        let above = from == "parkline" && dependency["kind"] == "dev";
        if sibling && !above && to != from && !allowed.contains(&to) {
            return Some(Finding::of(from, &format!("may not use {to}")));
        }
        let shipped = dependency["kind"].is_null() && dependency["optional"] != true;
        let pure = PURE.contains(&from) || from == "parkline";
        (pure && shipped && IMPURE.contains(&to))
            .then(|| Finding::of(from, &format!("is a pure crate and may not use {to}")))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(from: &str, to: &str, kind: Value) -> usize {
        let names =
            ["parking-types", "device-codec", "tariff-engine", "session-core", "parkline", "ingest-server"];
        let package = |name: &str| {
            let uses = json!([{ "name": to, "kind": kind, "optional": false }]);
            json!({ "name": name, "dependencies": if name == from { uses } else { json!([]) } })
        };
        check(&json!({ "packages": names.map(package) })).len()
    }

    #[test]
    fn arrows_up_and_sideways_are_caught() {
        assert_eq!(found("device-codec", "parking-types", Value::Null), 0);
        assert_eq!(found("parkline", "session-core", Value::Null), 0);
        assert_eq!(found("parking-types", "device-codec", Value::Null), 1);
        assert_eq!(found("session-core", "tariff-engine", Value::Null), 1);
        assert_eq!(found("session-core", "device-codec", json!("dev")), 1);
        assert_eq!(found("parkline", "ingest-server", Value::Null), 1);
        assert_eq!(found("parkline", "ingest-server", json!("dev")), 0);
    }

    #[test]
    fn sockets_in_pure_crates_are_caught() {
        assert_eq!(found("parkline", "tokio", Value::Null), 1);
        assert_eq!(found("parkline", "tokio", json!("dev")), 0);
        assert_eq!(found("ingest-server", "tokio", Value::Null), 0);
    }

    #[test]
    fn a_package_without_arrows_is_caught() {
        assert_eq!(check(&json!({ "packages": [{ "name": "new", "dependencies": [] }] })).len(), 1);
    }
}
