//! The repository's files as the checks see them.

use std::{fs, path::Path, process::Command};

/// One file that is, or would be, committed.
pub(crate) struct File {
    /// Its path from the repository's root, with `/`.
    pub(crate) path: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its text; empty for what is not UTF-8.
    pub(crate) text: String,
}

impl File {
    /// Whether the path has this ending, for instance `.rs`.
    pub(crate) fn ends(&self, ending: &str) -> bool {
        self.path.ends_with(ending)
    }

    /// Whether a directory of this name lies on the path.
    pub(crate) fn under(&self, directory: &str) -> bool {
        let mut parts = self.path.split('/').rev().skip(1);
        parts.any(|part| part == directory)
    }
}

/// All files that git knows or would add, in the order of their paths.
///
/// # Errors
/// A message when git cannot be run.
pub(crate) fn read(root: &Path) -> Result<Vec<File>, String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    if !listed.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut paths: Vec<&str> = names.split('\0').filter(|path| !path.is_empty()).collect();
    paths.sort_unstable();
    paths.dedup();
    // A file that was removed but not yet committed is listed and cannot be read.
    Ok(paths.into_iter().filter_map(|path| open(root, path)).collect())
}

fn open(root: &Path, path: &str) -> Option<File> {
    let content = fs::read(root.join(path)).ok()?;
    let bytes = content.len() as u64;
    Some(File { path: path.to_owned(), bytes, text: String::from_utf8(content).unwrap_or_default() })
}

/// A file for the tests of the checks.
#[cfg(test)]
pub(crate) fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), bytes: text.len() as u64, text: text.to_owned() }
}
