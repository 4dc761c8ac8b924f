//! Files stay small enough to be read in one sitting.

use super::Finding;
use crate::tree::File;

/// Lines of one Rust file, its unit tests included; integration tests under `tests/` may be longer.
const RUST_LINES: usize = 600;
/// Bytes of any file: the recordings under `examples/data` are the largest.
const BYTES: u64 = 5_000_000;

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    files.iter().filter_map(of_file).collect()
}

fn of_file(file: &File) -> Option<Finding> {
    if file.bytes > BYTES {
        return Some(Finding::of(&file.path, &format!("{} bytes, more than {BYTES}", file.bytes)));
    }
    let lines = file.text.lines().count();
    let judged = file.ends(".rs") && !file.under("tests");
    (judged && lines > RUST_LINES).then(|| {
        Finding::of(&file.path, &format!("{lines} lines, more than {RUST_LINES}: split it by concern"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::file;

    #[test]
    fn long_sources_and_large_data_are_caught() {
        let long = "x\n".repeat(RUST_LINES + 1);
        assert_eq!(check(&[file("src/a.rs", &"x\n".repeat(RUST_LINES)), file("a/tests/b.rs", &long)]), []);
        assert_eq!(check(&[file("src/a.rs", &long)]).len(), 1);
        assert_eq!(check(&[file("d.jsonl", &"x".repeat(5_000_001))]).len(), 1);
    }
}
