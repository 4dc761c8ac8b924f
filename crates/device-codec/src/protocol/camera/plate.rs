//! From a vendor's plate text to a reading's plate.

use parking_types::{PlateColor, PlateReading};

use crate::{json::Str, reading::Reading, text::Text};

/// The provinces of GA 36 and the other characters that a mainland, Hong Kong or Macau plate begins with.
const FIRST: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Puts the plate into the reading, and the vendor's text beside it where that is another one: text is never
/// corrected, and what is no plate stays readable for people.
pub(super) fn put<'a>(reading: &mut Reading<'a>, text: Text<'a>) {
    match PlateReading::parse(&text) {
        Ok(plate) => {
            reading.plate = Some(plate);
            let same = matches!(plate, PlateReading::Plate(plate) if plate.as_str() == text.as_str());
            if !same && !text.is_empty() {
                reading.put("raw_plate", text);
            }
        }
        Err(_) => reading.put("raw_plate", text),
    }
}

/// Puts a plate that stands in a JSON document.
pub(super) fn put_str<'a>(reading: &mut Reading<'a>, text: Str<'a>) {
    match text.decode() {
        Ok(text) => put(reading, text),
        Err(_) => put_unreadable(reading, text),
    }
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

/// The colour that a word names, in the vendors' English and Chinese.
pub(super) fn color(word: &str) -> Option<PlateColor> {
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
    fn what_is_no_plate_stays_readable() {
        let mut reading = Reading::new(Kind::Plate);
        put(&mut reading, Text::Borrowed("\u{fffd}\u{fffd}AF0236"));
        assert_eq!(reading.plate, None);
        assert_eq!(reading.get("raw_plate"), Some(&"\u{fffd}\u{fffd}AF0236".into()));
        let mut reading = Reading::new(Kind::Plate);
        put(&mut reading, Text::Borrowed(""));
        assert_eq!((reading.plate, reading.more.len()), (Some(PlateReading::Unplated), 0));
    }
}
