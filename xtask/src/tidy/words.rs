//! No path of one machine and no word of a private workshop in a public repository.

use super::Finding;
use crate::tree::File;

// Taken apart so that this file is not its own finding.
const PRIVATE: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/tmp/bash", "_jobs"),
    concat!("../sha", "red"),
    concat!("sub", "agent"),
    concat!("closing", " note"),
];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let read = files.iter().filter(|file| !file.ends(".lock"));
    let numbered = read.flat_map(|file| (1..).zip(file.text.lines()).map(move |l| (file, l)));
    numbered
        .filter_map(|(file, (number, line))| {
            let word = PRIVATE.iter().find(|word| line.contains(*word))?;
            Some(Finding::at(&file.path, number, &format!("private word {word:?}")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::file;

    #[test]
    fn private_words_are_caught() {
        assert_eq!(check(&[file("README.md", "The network is shared.\n")]), []);
        for word in PRIVATE {
            assert_eq!(check(&[file("a.py", &format!("x = '{word}x'\n"))]).len(), 1, "{word}");
        }
    }
}
