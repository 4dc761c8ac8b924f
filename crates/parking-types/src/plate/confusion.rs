//! Characters that optical readers take for one another.

use super::Plate;

/// Groups of characters that readers confuse; a character may stand in several. The two provinces were seen for one
/// car in one vendor's record.
const GROUPS: [&str; 17] = [
    "0DOQ", "0C", "08", "8B", "83", "1ILT7", "2Z", "27", "5S", "6G", "4A", "UV", "MNWH", "KX", "EF", "PR",
    "鲁豫",
];

/// Whether one group holds both.
fn confused(a: char, b: char) -> bool {
    GROUPS.iter().any(|group| group.contains(a) && group.contains(b))
}

/// Whether two texts differ in at most one character, within one group.
fn one_apart(a: &str, b: &str) -> bool {
    let (mut left, mut right) = (a.chars(), b.chars());
    let mut odd = None;
    loop {
        match (left.next(), right.next()) {
            // Most texts differ at once and in more than one place, so the groups are looked at last.
            (None, None) => return odd.is_none_or(|(x, y)| confused(x, y)),
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) if odd.is_none() => odd = Some((x, y)),
            _ => return false,
        }
    }
}

/// Whether two texts differ in more bytes than one character has; then nothing else needs to be looked at.
/// All characters of a group are equally long.
fn far_apart(a: &Plate, b: &Plate) -> bool {
    if a.len != b.len {
        return true;
    }
    let words = a.bytes.as_chunks::<8>().0.iter().zip(b.bytes.as_chunks::<8>().0);
    let differ = |(x, y): (&[u8; 8], &[u8; 8])| u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
    // The bits of a word that differ, and where it stands.
    let mut odd = words.map(differ).enumerate().filter(|(_, bits)| *bits != 0);
    let first = odd.clone().next().map(|(at, bits)| at * 8 + bits.trailing_zeros() as usize / 8);
    let last = odd.next_back().map(|(at, bits)| at * 8 + 7 - bits.leading_zeros() as usize / 8);
    first.zip(last).is_some_and(|(first, last)| last - first > 3)
}

pub(super) fn resembles(a: &Plate, b: &Plate) -> bool {
    let parted = |plate: &Plate| plate.bytes.contains(&b'|');
    !far_apart(a, b) && one_apart(a.as_str(), b.as_str())
        || (parted(a) || parted(b)) && a.parts().any(|part| b.parts().any(|other| part == other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        Plate::parse(a).unwrap().resembles(&Plate::parse(b).unwrap())
    }

    #[test]
    fn one_character_of_one_group() {
        for (a, b) in [
            ("粤B12345", "粤B12345"),
            ("粤B1D345", "粤B10345"),
            ("粤B8Z345", "粤BBZ345"),
            ("鲁NQ061C", "豫NQ061C"),
        ] {
            assert!(alike(a, b), "{a} {b}");
        }
        for (a, b) in [
            ("粤B12345", "粤B1234"),
            ("粤B12345", "粤B12346"),
            ("粤B0D345", "粤BD0345"),
            ("粤B12345", "湘B12345"),
        ] {
            assert!(!alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn plates_of_one_car_are_alike_by_one_of_them() {
        assert!(alike("粤ZJ068澳|MX7742", "MX7742"));
        assert!(!alike("粤ZJ068澳|MX7742", "MX7743"));
    }

    #[test]
    fn characters_of_a_group_are_equally_long() {
        for group in GROUPS {
            let first = group.chars().next().map(char::len_utf8);
            assert!(group.chars().all(|c| Some(c.len_utf8()) == first), "{group}");
        }
    }

    proptest! {
        #[test]
        fn the_quick_answer_is_the_whole_one(a in "[粤鲁豫][AB8][01DOQ8]{4}", b in "[粤鲁豫][AB8][01DOQ8]{3,4}") {
            prop_assert_eq!(alike(&a, &b), one_apart(&a, &b));
        }

        #[test]
        fn both_ways(a in "[粤鲁豫][A-Z][0-9A-Z]{5}", b in "[粤鲁豫][A-Z][0-9A-Z]{5}") {
            prop_assert_eq!(alike(&a, &b), alike(&b, &a));
            prop_assert!(alike(&a, &a));
        }
    }
}
