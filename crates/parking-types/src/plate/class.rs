//! The classes of Chinese plates (GA 36) by their text.

use crate::words;

words! {
    /// What kind of plate a text is, by the layouts of GA 36; colour is told apart in [`PlateColor`](super::PlateColor).
    PlateClass {
        /// Province, office letter and five characters.
        Ordinary = "ordinary",
        /// Small new-energy vehicle: eight characters, the third D A B C E or F G H J K.
        NewEnergySmall = "new_energy_small",
        /// Large new-energy vehicle: eight characters, the last D A B C E or F G H J K.
        NewEnergyLarge = "new_energy_large",
        /// Police (…警).
        Police = "police",
        /// Armed police (WJ…).
        ArmedPolice = "armed_police",
        /// Military.
        Military = "military",
        /// Embassy (…使).
        Embassy = "embassy",
        /// Consulate (…领).
        Consulate = "consulate",
        /// Hong Kong (…港).
        HongKong = "hong_kong",
        /// Macau (…澳).
        Macau = "macau",
        /// Trailer (…挂).
        Trailer = "trailer",
        /// Learner (…学).
        Learner = "learner",
        /// Test vehicle (…试).
        Test = "test",
        /// Over-size vehicle (…超).
        Oversize = "oversize",
        /// Temporary paper plate (…临).
        Temporary = "temporary",
        /// Emergency (…应急).
        Emergency = "emergency",
        /// Civil aviation (民航…).
        CivilAviation = "civil_aviation",
        /// Anything else: foreign, or a layout that GA 36 does not have.
        Foreign = "foreign",
    }
}

const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// The longest GA 36 plate, in characters, and room for one more, so that a longer one fits none of the layouts.
const LONGEST: usize = 10;

/// The class of a canonical text; of plates joined by `|` the first that GA 36 knows.
pub(super) fn of(text: &str) -> PlateClass {
    text.split('|').map(of_one).find(|class| *class != PlateClass::Foreign).unwrap_or(PlateClass::Foreign)
}

fn of_one(text: &str) -> PlateClass {
    let mut chars = ['\0'; LONGEST];
    let mut len = 0;
    for c in text.chars() {
        let Some(slot) = chars.get_mut(len) else { return PlateClass::Foreign };
        *slot = c;
        len += 1;
    }
    layout(chars.get(..len).unwrap_or_default()).unwrap_or(PlateClass::Foreign)
}

fn layout(plate: &[char]) -> Option<PlateClass> {
    match plate {
        ['民', '航', serial @ ..] if is_serial(serial, 5..=5) => Some(PlateClass::CivilAviation),
        ['W', 'J', rest @ ..] => armed_police(rest),
        ['使', number @ ..] if is_number(number, 6) => Some(PlateClass::Embassy),
        [number @ .., '使'] if is_number(number, 6) => Some(PlateClass::Embassy),
        [province, rest @ ..] if PROVINCES.contains(*province) => provincial(rest),
        // The letter pairs of the forces change with each reform, so any is taken; digits behind them are not letters.
        [a, b, number @ ..] if is_letter(*a) && is_letter(*b) && is_number(number, 5) => {
            Some(PlateClass::Military)
        }
        _ => None,
    }
}

/// What follows a province.
fn provincial(rest: &[char]) -> Option<PlateClass> {
    match rest {
        [number @ .., '领'] if is_number(number, 5) => Some(PlateClass::Consulate),
        ['Z', serial @ .., '港'] if is_serial(serial, 4..=4) => Some(PlateClass::HongKong),
        ['Z', serial @ .., '澳'] if is_serial(serial, 4..=4) => Some(PlateClass::Macau),
        [office, rest @ ..] if is_office(*office) => office_plate(rest),
        _ => None,
    }
}

/// What follows a province and an office's letter.
fn office_plate(rest: &[char]) -> Option<PlateClass> {
    let (class, serial, lengths) = match rest {
        [serial @ .., '应', '急'] => (PlateClass::Emergency, serial, 4..=5),
        [serial @ .., '警'] => (PlateClass::Police, serial, 4..=4),
        [serial @ .., '领'] => (PlateClass::Consulate, serial, 4..=4),
        [serial @ .., '挂'] => (PlateClass::Trailer, serial, 4..=4),
        [serial @ .., '学'] => (PlateClass::Learner, serial, 4..=4),
        [serial @ .., '试'] => (PlateClass::Test, serial, 4..=4),
        [serial @ .., '超'] => (PlateClass::Oversize, serial, 4..=4),
        [serial @ .., '临'] | ['临', serial @ ..] => (PlateClass::Temporary, serial, 4..=5),
        [_, _, _, _, _, _] => return new_energy(rest),
        serial => (PlateClass::Ordinary, serial, 5..=5),
    };
    is_serial(serial, lengths).then_some(class)
}

/// Six characters: the letter that says new energy comes first on small vehicles, last on large ones.
fn new_energy(serial: &[char]) -> Option<PlateClass> {
    let kind = |c: char| matches!(c, 'A'..='H' | 'J' | 'K');
    match serial {
        [first, second, number @ ..] if kind(*first) && is_serial_char(*second) && is_number(number, 4) => {
            Some(PlateClass::NewEnergySmall)
        }
        [number @ .., last] if kind(*last) && is_number(number, 5) => Some(PlateClass::NewEnergyLarge),
        _ => None,
    }
}

/// What follows `WJ`: a province or none, four digits, and a digit or a letter of the service.
fn armed_police(rest: &[char]) -> Option<PlateClass> {
    let rest = match rest {
        [province, rest @ ..] if PROVINCES.contains(*province) => rest,
        rest => rest,
    };
    match rest {
        [number @ .., last]
            if is_number(number, 4)
                && matches!(last, '0'..='9' | 'T' | 'D' | 'S' | 'H' | 'B' | 'X' | 'J') =>
        {
            Some(PlateClass::ArmedPolice)
        }
        _ => None,
    }
}

/// A letter of a serial: never I or O, which look like digits.
fn is_letter(c: char) -> bool {
    c.is_ascii_uppercase() && c != 'I' && c != 'O'
}

/// A letter of an office: O stands on some old ones.
fn is_office(c: char) -> bool {
    c.is_ascii_uppercase() && c != 'I'
}

fn is_serial_char(c: char) -> bool {
    c.is_ascii_digit() || is_letter(c)
}

fn is_serial(text: &[char], lengths: core::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.iter().all(|c| is_serial_char(*c))
}

fn is_number(text: &[char], len: usize) -> bool {
    text.len() == len && text.iter().all(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_each_layout() {
        for (text, class) in [
            ("粤B12345", PlateClass::Ordinary),
            ("鄂OTBU7Z", PlateClass::Ordinary),
            ("粤BD12345", PlateClass::NewEnergySmall),
            ("藏CFF7440", PlateClass::NewEnergySmall),
            ("甘G23459F", PlateClass::NewEnergyLarge),
            ("京A1234警", PlateClass::Police),
            ("WJ京1234X", PlateClass::ArmedPolice),
            ("WJ12345", PlateClass::ArmedPolice),
            ("VA12345", PlateClass::Military),
            ("434404使", PlateClass::Embassy),
            ("使123456", PlateClass::Embassy),
            ("宁47916领", PlateClass::Consulate),
            ("沪A1234领", PlateClass::Consulate),
            ("粤Z901Z港", PlateClass::HongKong),
            ("粤ZTY67澳", PlateClass::Macau),
            ("藏SF1G2挂", PlateClass::Trailer),
            ("云F5MTG学", PlateClass::Learner),
            ("京A1234试", PlateClass::Test),
            ("京A1234超", PlateClass::Oversize),
            ("京A临12345", PlateClass::Temporary),
            ("京A1234应急", PlateClass::Emergency),
            ("民航12345", PlateClass::CivilAviation),
            ("粤ZJ068澳|MX7742|ZM127", PlateClass::Macau),
            ("MX7742|粤ZJ068澳", PlateClass::Macau),
        ] {
            assert_eq!(of(text), class, "{text}");
        }
    }

    #[test]
    fn what_fits_no_layout_is_foreign() {
        for text in [
            "",
            "京",
            "京A",
            "宁AD1234555555",
            "浙苏H6F681",
            "粤BI2345",
            "粤B1O345",
            "粤IA2345",
            "AB12CDE",
            "湘18EZZG1",
            "12345",
            "WJ",
            "粤Z12345港",
            "京A12警",
            "MX7742|ZM127",
            "京A123456",
        ] {
            assert_eq!(of(text), PlateClass::Foreign, "{text}");
        }
    }
}
