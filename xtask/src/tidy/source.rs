//! Words that must not stand in Rust sources.

use super::Finding;
use crate::tree::File;

/// The one file that may ask for the time.
const CLOCK: &str = "crates/ingest-server/src/clock.rs";
/// Crates in which money, or the time that money is counted by, is calculated.
const EXACT: [&str; 3] =
    ["crates/parking-types/src/", "crates/tariff-engine/src/", "crates/session-core/src/"];

/// The one file with `unsafe`, which says why; its package's lints are the only ones that let it.
const UNSAFE: &str = "crates/device-codec/src/crc32c.rs";

// Taken apart so that this file is not its own finding.
const NOW: [&str; 2] = [concat!("::", "now("), concat!(".", "elapsed(")];
const LEFT: [&str; 4] =
    [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!("), concat!("#[", "ignore")];
const LET: &str = concat!("allow(", "unsafe_code");
/// A note to come back, wherever it stands.
const NOTE: &str = concat!("FIX", "ME");

/// Nothing that ships asks for the time, but for one file of the server.
pub(super) fn clock(files: &[File]) -> Vec<Finding> {
    let shipped = |file: &&File| {
        let exempt = ["tests", "benches", "examples", "fuzz", "xtask"].iter().any(|d| file.under(d));
        !exempt && file.path != CLOCK && !file.ends("/tests.rs")
    };
    lines(
        files.iter().filter(shipped),
        |line| !comment(line) && NOW.iter().any(|now| line.contains(now)),
        "asks for the time",
    )
}

/// One place is let have `unsafe`; the compiler forbids or refuses it elsewhere.
pub(super) fn let_unsafe(files: &[File]) -> Vec<Finding> {
    let mut seen = 0;
    lines(files.iter(), |line| line.contains(LET), "lets `unsafe` in")
        .into_iter()
        .filter(|Finding(text)| {
            seen += u32::from(text.starts_with(UNSAFE));
            !text.starts_with(UNSAFE) || seen > 1
        })
        .collect()
}

/// No floating point in the crates that count money.
pub(super) fn floats(files: &[File]) -> Vec<Finding> {
    let exact = |file: &&File| EXACT.iter().any(|start| file.path.starts_with(start));
    lines(
        files.iter().filter(exact),
        |line| word(line, "f32") || word(line, "f64"),
        "floating point near money",
    )
}

/// Nothing unfinished and no test that is switched off.
pub(super) fn leftovers(files: &[File]) -> Vec<Finding> {
    let code = |line: &str| !comment(line) && LEFT.iter().any(|left| line.contains(left));
    lines(files.iter(), |line| line.contains(NOTE) || code(line), "left behind")
}

fn lines<'a>(files: impl Iterator<Item = &'a File>, bad: impl Fn(&str) -> bool, what: &str) -> Vec<Finding> {
    let numbered = files
        .filter(|file| file.ends(".rs"))
        .flat_map(|file| (1..).zip(file.text.lines()).map(move |l| (file, l)));
    numbered
        .filter(|(_, (_, line))| bad(line))
        .map(|(file, (number, _))| Finding::at(&file.path, number, what))
        .collect()
}

fn comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

/// Whether `word` stands in `line` with no letter, digit or `_` beside it; `1f64` counts.
fn word(line: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphabetic() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(letter) && !after.is_some_and(|c| letter(c) || c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::file;

    #[test]
    fn a_second_unsafe_is_caught() {
        let line = format!("#[{LET})]\n");
        assert_eq!(let_unsafe(&[file(UNSAFE, &line)]), []);
        assert_eq!(let_unsafe(&[file(UNSAFE, &line.repeat(2))]).len(), 1);
        assert_eq!(let_unsafe(&[file("src/a.rs", &line)]).len(), 1);
    }

    #[test]
    fn the_time_is_asked_for_in_one_file() {
        let text = format!("let t = std::time::Instant{});\n", NOW[0]);
        for fine in [CLOCK, "crates/a/tests/b.rs", "benches/c.rs", "examples/d.rs"] {
            assert_eq!(clock(&[file(fine, &text)]), [], "{fine}");
        }
        assert_eq!(clock(&[file("src/a.rs", &format!("// {text}"))]), []);
        assert_eq!(clock(&[file("src/a.rs", &text)]), [Finding::at("src/a.rs", 1, "asks for the time")]);
        assert_eq!(clock(&[file("crates/ingest-server/src/worker.rs", &text)]).len(), 1);
        assert_eq!(clock(&[file("src/a.rs", &format!("since{})", NOW[1]))]).len(), 1);
        assert_eq!(clock(&[file("src/a.rs", "clock.now()")]), []);
    }

    #[test]
    fn floats_are_caught_where_money_is_counted() {
        let at = |path, text| floats(&[file(path, text)]).len();
        assert_eq!(at("crates/tariff-engine/src/a.rs", "let x: f64 = 1.0;"), 1);
        assert_eq!(at("crates/parking-types/src/a.rs", "let x = 1f32;"), 1);
        assert_eq!(at("crates/tariff-engine/src/a.rs", "let buf64 = 0; let f640 = 0;"), 0);
        assert_eq!(at("crates/device-codec/src/a.rs", "let x: f64 = 1.0;"), 0);
    }

    #[test]
    fn leftovers_are_caught() {
        for left in LEFT {
            assert_eq!(leftovers(&[file("src/a.rs", &format!("fn a() {{ {left} }}"))]).len(), 1, "{left}");
        }
        assert_eq!(leftovers(&[file("src/a.rs", &format!("// {NOTE}: later"))]).len(), 1);
        assert_eq!(leftovers(&[file("src/a.rs", &format!("fn todo() {{}} // not {}", LEFT[0]))]).len(), 1);
        assert_eq!(leftovers(&[file("src/a.rs", &format!("// never {}\nfn todo() {{}}", LEFT[0]))]), []);
    }
}
