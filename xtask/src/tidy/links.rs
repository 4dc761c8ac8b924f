//! Relative links of Markdown documents lead to files and headings that exist.

use super::Finding;
use crate::tree::File;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
    let documents = || files.iter().filter(|file| file.ends(".md"));
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        documents().map(|file| (file.path.as_str(), anchors(&file.text))).collect();
    let broken = |file: &File, target: &str| -> Option<&'static str> {
        let (path, anchor) =
            target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
        let path = if path.is_empty() { file.path.clone() } else { resolve(&file.path, path)? };
        let folder = format!("{}/", path.trim_end_matches('/'));
        if !paths.contains(path.as_str()) && !paths.iter().any(|known| known.starts_with(&folder)) {
            return Some("no such file");
        }
        let wanted = anchor?;
        let known = anchors.get(path.as_str())?;
        (!known.contains(wanted)).then_some("no such heading")
    };
    let mut findings = Vec::new();
    for file in documents() {
        for (number, target) in links(&file.text) {
            if let Some(why) = broken(file, &target) {
                findings.push(Finding::at(&file.path, number, &format!("{why}: {target}")));
            }
        }
    }
    findings
}

/// The path of `link` from the root, when it is written in the document `from`; `None` when it leaves the repository,
/// which a hosted README may do to reach the forge's own pages.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The lines outside fenced code, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Relative link targets: `](target)` and `[name]: target`, code spans left out.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let inline = plain.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        let defined =
            plain.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target.trim());
        for target in inline.chain(defined) {
            let foreign = target.contains("://") || target.starts_with("mailto:") || target.starts_with('<');
            if !foreign && !target.is_empty() {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// The anchors that a forge makes for the headings: lower case, blanks to `-`, punctuation dropped, repeats numbered.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let letters = title.trim().chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        });
        let slug: String = letters.flat_map(char::to_lowercase).collect();
        let numbered = (1..).map(|n| format!("{slug}-{n}")).find(|name| !seen.contains(name));
        let free = if seen.contains(&slug) { numbered.unwrap_or_default() } else { slug };
        seen.insert(free);
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::file;

    fn found(text: &str) -> usize {
        let other = file("docs/other.md", "# The other\n## 2. Two words, `code`\n## Twice\n## Twice\n");
        check(&[file("docs/a.md", text), other, file("src/lib.rs", "")]).len()
    }

    #[test]
    fn good_links_pass() {
        assert_eq!(
            found("[x](other.md) [y](../src/lib.rs) [z](https://example.org/none) [f](../src) [e](../src/)"),
            0
        );
        assert_eq!(found("[x](other.md#2-two-words-code) [y](other.md#twice-1)\n# Here\n[h](#here)"), 0);
        assert_eq!(found("`[x](none.md)`\n```\n[x](none.md)\n```\n"), 0);
        assert_eq!(found("[x]: other.md\n"), 0);
    }

    #[test]
    fn broken_links_are_caught() {
        assert_eq!(found("[x](none.md)"), 1);
        assert_eq!(found("[x](other.md#three) and [y](#nowhere)"), 2);
        assert_eq!(found("[x]: none.md\n"), 1);
    }
}
