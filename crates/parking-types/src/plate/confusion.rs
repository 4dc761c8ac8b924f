//! Characters that optical readers take for one another.

use super::Plate;

/// Groups of characters that readers confuse; a character may stand in several.
const GROUPS: [&str; 14] =
    ["0DOQ", "0C", "8B", "83", "1ILT7", "2Z", "27", "5S", "6G", "4A", "UV", "MNWH", "KX", "EF"];
const MORE: [&str; 1] = ["PR"];

/// Whether one group holds both.
fn confused(a: char, b: char) -> bool {
    GROUPS.iter().chain(&MORE).any(|group| group.contains(a) && group.contains(b))
}

/// Whether two texts differ in at most one character, within one group.
fn one_apart(a: &str, b: &str) -> bool {
    let (mut left, mut right) = (a.chars(), b.chars());
    let mut differing = 0;
    loop {
        match (left.next(), right.next()) {
            (None, None) => return differing <= 1,
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) if confused(x, y) => differing += 1,
            _ => return false,
        }
    }
}

pub(super) fn resembles(a: &Plate, b: &Plate) -> bool {
    one_apart(a.as_str(), b.as_str()) || a.parts().any(|part| b.parts().any(|other| part == other))
}
