//! The repository's own rules. Each check takes what it looks at and gives findings; each has a test that it catches.

mod dependencies;
mod links;
mod manifests;
mod sizes;
mod source;
mod words;

use crate::tree::{self, File};
use std::{path::Path, process::Command};

/// Something that breaks a rule: where, and what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding(pub(crate) String);

impl Finding {
    pub(crate) fn at(path: &str, line: usize, what: &str) -> Self {
        Self(format!("{path}:{line}: {what}"))
    }
    pub(crate) fn of(path: &str, what: &str) -> Self {
        Self(format!("{path}: {what}"))
    }
}

type Check = fn(&[File], &serde_json::Value) -> Vec<Finding>;

const CHECKS: [(&str, Check); 10] = [
    ("dependency direction", |_, metadata| dependencies::check(metadata)),
    ("manifests", manifests::check),
    ("file sizes", |files, _| sizes::check(files)),
    ("links in documents", |files, _| links::check(files)),
    ("clock", |files, _| source::clock(files)),
    ("floats near money", |files, _| source::floats(files)),
    ("unsafe", |files, _| source::let_unsafe(files)),
    ("leftovers", |files, _| source::leftovers(files)),
    ("private words", |files, _| words::check(files)),
    ("Rust version in documents", manifests::rust_version),
];

/// Runs every check, prints what it finds, and says whether all is well.
///
/// # Errors
/// A message when git or cargo cannot be run.
pub(crate) fn run(root: &Path) -> Result<bool, String> {
    let (files, metadata) = (tree::read(root)?, metadata(root)?);
    let mut count = 0;
    for (name, check) in CHECKS {
        let findings = check(&files, &metadata);
        println!("tidy: {name}: {}", if findings.is_empty() { "ok" } else { "NOT OK" });
        for Finding(text) in &findings {
            println!("  {text}");
        }
        count += findings.len();
    }
    println!("tidy: {} files, {} checks, {count} findings", files.len(), CHECKS.len());
    Ok(count == 0)
}

fn metadata(root: &Path) -> Result<serde_json::Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}
