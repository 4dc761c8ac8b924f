//! What every package shares, and the one Rust version that all documents name.

use super::{
    Finding,
    dependencies::{name, packages},
};
use crate::tree::File;
use serde_json::Value;

/// The one package with lints of its own: the workspace's, but that one file of it may have `unsafe`.
const OWN_LINTS: &str = "crates/device-codec/Cargo.toml";

/// Every package takes the workspace's lints, Rust version and licence.
pub(super) fn check(files: &[File], metadata: &Value) -> Vec<Finding> {
    let wanted = version(metadata);
    let versions = packages(metadata)
        .filter(|package| {
            package["rust_version"].as_str() != wanted || package["license"] != "Apache-2.0 OR MIT"
        })
        .map(|package| {
            Finding::of(name(package), "does not take rust-version and license from the workspace")
        });
    let manifests = files.iter().filter(|file| file.ends("Cargo.toml") && !file.under("fuzz"));
    let lints = manifests
        .filter(|file| !has_table(&file.text, "[lints]", "workspace = true"))
        .filter(|file| file.path != OWN_LINTS || own_lints(&file.text) != shared_lints(files))
        .map(|file| Finding::of(&file.path, "does not take the workspace's [lints]"));
    versions.chain(lints).collect()
}

/// The lines of a package's own tables of lints.
fn own_lints(toml: &str) -> Vec<String> {
    tables(toml, "[lints.").map(str::to_owned).collect()
}

/// The same lines, as they have to be by the workspace's tables.
fn shared_lints(files: &[File]) -> Vec<String> {
    let root = files.iter().find(|file| file.path == "Cargo.toml");
    let lines = root.into_iter().flat_map(|root| tables(&root.text, "[workspace.lints."));
    lines
        .map(|line| {
            line.replace("[workspace.lints.", "[lints.")
                .replace("unsafe_code = \"forbid\"", "unsafe_code = \"deny\"")
        })
        .collect()
}

/// The lines of the tables whose names begin like this, without empty ones.
fn tables<'a>(toml: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    toml.lines().filter(move |line| {
        if line.starts_with('[') {
            inside = line.starts_with(name);
        }
        inside && !line.is_empty()
    })
}

fn version(metadata: &Value) -> Option<&str> {
    packages(metadata).find(|package| name(package) == "parking-types")?["rust_version"].as_str()
}

fn has_table(toml: &str, table: &str, entry: &str) -> bool {
    let mut lines = toml.lines().skip_while(|line| line.trim() != table).skip(1);
    lines.find(|line| !line.trim().is_empty()).is_some_and(|line| line.trim() == entry)
}

/// Documents that name a Rust version name the one of `Cargo.toml`, and the README names it.
pub(super) fn rust_version(files: &[File], metadata: &Value) -> Vec<Finding> {
    let Some(wanted) = version(metadata) else {
        return vec![Finding::of("Cargo.toml", "no rust-version")];
    };
    let mut findings = Vec::new();
    let documents = files.iter().filter(|file| file.ends(".md") && file.path != "CHANGELOG.md");
    for (file, number, named) in documents.flat_map(mentions) {
        if named != wanted {
            let what = format!("names Rust {named}, Cargo.toml says {wanted}");
            findings.push(Finding::at(&file.path, number, &what));
        }
    }
    if !files.iter().filter(|file| file.path == "README.md").flat_map(mentions).any(|(_, _, v)| v == wanted) {
        findings.push(Finding::of("README.md", &format!("does not name Rust {wanted}")));
    }
    findings
}

/// Each `Rust 1.N` of a document with its line number.
fn mentions(file: &File) -> impl Iterator<Item = (&File, usize, &str)> {
    file.text.lines().enumerate().flat_map(move |(index, line)| {
        line.match_indices("Rust 1.").filter_map(move |(at, _)| {
            let rest = line.get(at + "Rust ".len()..)?;
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            Some((file, index + 1, rest.get(..end)?.trim_end_matches('.')))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::file;
    use serde_json::json;

    fn workspace(rust_version: &str) -> Value {
        let package =
            |name, version| json!({ "name": name, "rust_version": version, "license": "Apache-2.0 OR MIT" });
        json!({ "packages": [package("parking-types", "1.95"), package("other", rust_version)] })
    }

    #[test]
    fn a_package_with_its_own_version_or_lints_is_caught() {
        let good = file("a/Cargo.toml", "[package]\n\n[lints]\nworkspace = true\n");
        assert_eq!(check(&[good], &workspace("1.95")), []);
        assert_eq!(check(&[], &workspace("1.90")).len(), 1);
        assert_eq!(
            check(&[file("a/Cargo.toml", "[lints.rust]\nunsafe_code = \"allow\"\n")], &workspace("1.95"))
                .len(),
            1
        );
    }

    #[test]
    fn lints_of_its_own_are_the_workspaces() {
        let root = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\nmissing_docs = \"warn\"\n\n[package]\n";
        let own = |more| format!("[lints.rust]\nunsafe_code = \"deny\"\n{more}\n[[bench]]\nname = \"a\"\n");
        let findings = |own: &str| {
            let files =
                [file("Cargo.toml", &format!("{root}[lints]\nworkspace = true\n")), file(OWN_LINTS, own)];
            check(&files, &workspace("1.95")).len()
        };
        assert_eq!(findings(&own("missing_docs = \"warn\"\n")), 0);
        assert_eq!(findings(&own("")), 1);
    }

    #[test]
    fn documents_that_disagree_are_caught() {
        let readme = |text| [file("README.md", text)];
        assert_eq!(rust_version(&readme("Needs Rust 1.95."), &workspace("1.95")), []);
        assert_eq!(rust_version(&readme("Needs Rust 1.95 (not Rust 1.9)"), &workspace("1.95")).len(), 1);
        assert_eq!(rust_version(&readme("Needs Rust."), &workspace("1.95")).len(), 1);
    }
}
