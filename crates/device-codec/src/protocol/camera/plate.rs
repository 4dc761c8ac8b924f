//! From a vendor's plate text to a reading's plate.

use parking_types::{PlateColor, PlateError, PlateReading};

use crate::{base64, json::Str, reading::Reading, text::Text};

/// The provinces of GA 36 and the other characters that a mainland, Hong Kong or Macau plate begins with.
const FIRST: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Puts the plate into the reading, and the vendor's text beside it where that is another one: text is never
/// corrected, and what is no plate stays readable for people.
pub(in crate::protocol) fn put<'a>(reading: &mut Reading<'a>, text: Text<'a>) {
    match PlateReading::parse(&text) {
        Ok(plate) => put_parsed(reading, plate, text),
        Err(error) => put_unparsed(reading, text, error),
    }
}

fn put_parsed<'a>(reading: &mut Reading<'a>, plate: PlateReading, text: Text<'a>) {
    let plate = if is_placeholder(&text) { PlateReading::Unplated } else { plate };
    reading.plate = Some(plate);
    let same = matches!(plate, PlateReading::Plate(plate) if plate == *text.as_str());
    if !same && !text.is_empty() {
        reading.put("raw_plate", text);
    }
}

fn put_unparsed<'a>(reading: &mut Reading<'a>, text: Text<'a>, error: PlateError) {
    reading.put("plate_error", reason(error));
    reading.put("raw_plate", text);
}

/// Why a text is no plate.
fn reason(error: PlateError) -> &'static str {
    match error {
        PlateError::Empty => "empty",
        PlateError::TooLong => "too_long",
        PlateError::Character { .. } => "character",
    }
}

/// Whether a text stands for "no plate" in the form 无 or 虚 and six characters, which some lots make up.
fn is_placeholder(text: &str) -> bool {
    let rest = text.strip_prefix('无').or_else(|| text.strip_prefix('虚'));
    rest.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Puts a plate that stands in a JSON document.
#[inline]
pub(super) fn put_str<'a>(reading: &mut Reading<'a>, text: Str<'a>) {
    // A placeholder begins with 虚; what begins with 无 is not taken here.
    let plain = text.stands_as_it_is() && !text.raw().starts_with("虚".as_bytes());
    if !plain || !PlateReading::plain_into(&mut reading.plate, text.raw()) {
        put_rarer(reading, text);
    }
}

#[inline(never)]
fn put_rarer<'a>(reading: &mut Reading<'a>, text: Str<'a>) {
    match text.decode() {
        Ok(text) => match PlateReading::parse(&text) {
            Ok(plate) => put_parsed(reading, plate, text),
            Err(error) => put_base64(reading, text, error),
        },
        Err(_) => put_unreadable(reading, text),
    }
}

/// Some firmware writes base64 where others write text: `=`, `+` and `/` stand in no plate.
fn put_base64<'a>(reading: &mut Reading<'a>, text: Text<'a>, error: PlateError) {
    let mut bytes = [0; 64];
    let plain = base64::decode(text.as_bytes(), &mut bytes).and_then(|b| core::str::from_utf8(b).ok());
    let Some(plate) = plain.and_then(|plain| PlateReading::parse(plain).ok()) else {
        return put_unparsed(reading, text, error);
    };
    reading.plate = Some(plate);
    reading.put("raw_plate", text);
}

/// Says that the plate's bytes are no text in the protocol's charset, and shows them as far as they are.
pub(super) fn put_unreadable<'a>(reading: &mut Reading<'a>, text: Str<'a>) {
    reading.put("plate_error", "encoding");
    reading.put("raw_plate", text.lossy());
}

/// Takes off the character for the colour that some Chinese firmware writes before the plate (`蓝皖A7XG66`), where a
/// province follows it.
pub(super) fn without_color(text: &str) -> Option<(PlateColor, &str)> {
    let mut chars = text.chars();
    let color = match chars.next()? {
        '蓝' => PlateColor::Blue,
        '黄' => PlateColor::Yellow,
        '绿' => PlateColor::Green,
        '白' => PlateColor::White,
        // 黑 is a province too: only what follows tells.
        '黑' => PlateColor::Black,
        _ => return None,
    };
    let rest = chars.as_str();
    rest.chars().next().filter(|c| FIRST.contains(*c)).map(|_| (color, rest))
}

/// Puts the colour that a word names into the reading, or the word itself where it names none that plates have.
pub(super) fn put_color<'a>(reading: &mut Reading<'a>, word: Text<'a>) {
    reading.plate_color = color(&word);
    if reading.plate_color.is_none() && !word.is_empty() {
        reading.put("plate_color_text", word);
    }
}

/// The colour that a word names, in the vendors' English and Chinese.
fn color(word: &str) -> Option<PlateColor> {
    let eq = |name: &str| word.eq_ignore_ascii_case(name);
    let color = match word {
        "蓝" | "蓝色" | "蓝牌" => PlateColor::Blue,
        "黄" | "黄色" | "黄牌" => PlateColor::Yellow,
        "绿" | "绿色" | "绿牌" | "渐变绿色" | "渐变绿" => PlateColor::Green,
        "黄绿" | "黄绿色" | "黄绿双拼" | "黄绿双拼色" => PlateColor::YellowGreen,
        "白" | "白色" | "白牌" => PlateColor::White,
        "黑" | "黑色" | "黑牌" => PlateColor::Black,
        _ if eq("blue") => PlateColor::Blue,
        _ if eq("yellow") => PlateColor::Yellow,
        _ if eq("green") || eq("newenergygreen") || eq("gradientgreen") => PlateColor::Green,
        _ if eq("yellowgreen") || eq("yellow_green") || eq("newenergyyellowgreen") => PlateColor::YellowGreen,
        _ if eq("white") => PlateColor::White,
        _ if eq("black") => PlateColor::Black,
        _ if eq("unknown") || eq("other") || eq("unknow") => PlateColor::Unknown,
        _ => return None,
    };
    Some(color)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Kind;

    #[test]
    fn only_a_color_before_a_province_is_taken_off() {
        assert_eq!(without_color("蓝皖A7XG66"), Some((PlateColor::Blue, "皖A7XG66")));
        assert_eq!(without_color("黑黑A12345"), Some((PlateColor::Black, "黑A12345")));
        assert_eq!(without_color("黑A12345"), None);
        assert_eq!(without_color("粤B12345"), None);
        assert_eq!(without_color("蓝"), None);
    }

    #[test]
    fn words_and_placeholders_for_no_plate() {
        for word in ["无A1B2C3", "虚123456", "无牌车", "NoPlate"] {
            let mut reading = Reading::new(Kind::Plate);
            put(&mut reading, Text::Borrowed(word));
            assert_eq!(reading.plate, Some(PlateReading::Unplated), "{word}");
            assert_eq!(reading.get("raw_plate"), Some(&word.into()));
        }
    }

    #[test]
    fn base64_where_text_is_due() {
        let mut reading = Reading::new(Kind::Plate);
        put_base64(&mut reading, Text::Borrowed("X+aXoF8="), PlateError::Character { at: 1 });
        assert_eq!(reading.plate, Some(PlateReading::Unplated));
        let mut reading = Reading::new(Kind::Plate);
        let text = Text::Borrowed("ANX9Q3ftqPOVPJd1Tox8SQ==");
        put_base64(&mut reading, text, PlateError::Character { at: 22 });
        assert_eq!((reading.plate, reading.get("plate_error")), (None, Some(&"character".into())));
    }

    #[test]
    fn what_is_no_plate_stays_readable() {
        let mut reading = Reading::new(Kind::Plate);
        put(&mut reading, Text::Borrowed("\u{fffd}\u{fffd}AF0236"));
        assert_eq!(reading.plate, None);
        assert_eq!(reading.get("raw_plate"), Some(&"\u{fffd}\u{fffd}AF0236".into()));
        assert_eq!(reading.get("plate_error"), Some(&"character".into()));
        let mut reading = Reading::new(Kind::Plate);
        put(&mut reading, Text::Borrowed(""));
        assert_eq!((reading.plate, reading.more().count()), (Some(PlateReading::Unplated), 0));
    }
}
