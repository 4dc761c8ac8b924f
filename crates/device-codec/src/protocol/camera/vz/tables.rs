//! The numbers of the Vzenith family.
//!
//! Source: the vendor's HTTP document and `VzClientSDK_LPDefine.h`. Qianyi took the JSON over and changed the numbers
//! of the plate types, so the table goes with the protocol's name and is never guessed from the frame.

use parking_types::{PlateColor, VehicleClass};

use crate::{
    json::{Json, first},
    reading::{Fact, Reading},
    text::Text,
};

/// The `type` of a vehicle without a plate.
pub(super) const UNPLATED: i64 = 31;

/// What a plate type says: the vendor's words, and the class of vehicle where the words name one.
#[derive(Clone, Copy)]
struct PlateType {
    words: &'static str,
    vehicle: Option<VehicleClass>,
}

const fn kind(words: &'static str) -> PlateType {
    PlateType { words, vehicle: None }
}

const fn class(words: &'static str, vehicle: VehicleClass) -> PlateType {
    PlateType { words, vehicle: Some(vehicle) }
}

/// Whose numbers a frame uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Vzenith,
    Qianyi,
}

/// Puts a plate's type into the reading: the number, the words, the class.
pub(super) fn put_type(reading: &mut Reading<'_>, dialect: Dialect, code: i64) {
    reading.put("plate_type", code);
    if let Some(kind) = plate_type(dialect, code) {
        reading.vehicle = kind.vehicle;
        reading.set(Fact::VehicleText, Some(Text::Borrowed(kind.words)));
    }
}

/// The words for a `type`; nothing for 0 (unknown) and numbers that no document names.
fn plate_type(dialect: Dialect, code: i64) -> Option<PlateType> {
    match dialect {
        Dialect::Vzenith => vzenith(code),
        Dialect::Qianyi => qianyi(code),
    }
}

fn vzenith(code: i64) -> Option<PlateType> {
    Some(match code {
        1 => class("蓝牌小汽车", VehicleClass::Small),
        2 => class("黑牌小汽车", VehicleClass::Small),
        3 => kind("单排黄牌"),
        4 => kind("双排黄牌"),
        5 => kind("警车车牌"),
        6 => kind("武警车牌"),
        7 => kind("个性化车牌"),
        8 => kind("单排军车牌"),
        9 => kind("双排军车牌"),
        10 => kind("使馆车牌"),
        11 => kind("香港进出中国大陆车牌"),
        12 => kind("农用车牌"),
        13 => kind("教练车牌"),
        14 => kind("澳门进出中国大陆车牌"),
        15 => kind("双层武警车牌"),
        16 => kind("武警总队车牌"),
        17 => kind("双层武警总队车牌"),
        18 => kind("民航车牌"),
        19 => class("新能源车牌", VehicleClass::Small),
        20 => class("大型新能源", VehicleClass::Large),
        21 => kind("应急车"),
        22 => kind("领事馆"),
        23 => kind("新标准燃油车"),
        24 => kind("新标准新能源"),
        25 => kind("机场车牌"),
        26 => kind("海外车牌"),
        29 => kind("假车牌"),
        30 => kind("车标"),
        UNPLATED => kind("无牌车"),
        _ => return None,
    })
}

/// Only the numbers that differ are documented; the first six are shared, the others are not claimed.
fn qianyi(code: i64) -> Option<PlateType> {
    match code {
        1..=6 => vzenith(code),
        7 => Some(kind("双层武警车牌")),
        11 => Some(class("新能源车牌", VehicleClass::Small)),
        12 => Some(class("大型新能源", VehicleClass::Large)),
        _ => None,
    }
}

/// The colour for a `colorType`.
fn color(code: i64) -> Option<PlateColor> {
    Some(match code {
        0 => PlateColor::Unknown,
        1 => PlateColor::Blue,
        2 => PlateColor::Yellow,
        3 => PlateColor::White,
        4 => PlateColor::Black,
        5 => PlateColor::Green,
        6 => PlateColor::YellowGreen,
        _ => return None,
    })
}

/// Puts the plate's colour into the reading, or its code where no document names it.
pub(super) fn put_color(reading: &mut Reading<'_>, code: i64) {
    reading.plate_color = color(code);
    if reading.plate_color.is_none() {
        reading.put("plate_color_code", code);
    }
}

/// A rectangle in pixels: `RECT` with its sides, or the sides themselves; all at 0 is none.
pub(super) fn rect(json: &mut Json<'_>) -> Option<[i32; 4]> {
    let mut sides = [None; 4];
    json.members_if_any(|json, key| match key {
        b"RECT" => json.members_if_any(|json, key| side(json, key, &mut sides)),
        _ => side(json, key, &mut sides),
    });
    let [Some(left), Some(top), Some(right), Some(bottom)] = sides else { return None };
    stated_rect([left, top, right, bottom])
}

fn side(json: &mut Json<'_>, key: &[u8], [left, top, right, bottom]: &mut [Option<i32>; 4]) {
    let side = match key {
        b"left" => left,
        b"top" => top,
        b"right" => right,
        b"bottom" => bottom,
        _ => return,
    };
    first(side, json.take_int().and_then(|number| i32::try_from(number).ok()));
}

/// All at 0 is a camera's word for none.
pub(super) fn stated_rect(sides: [i32; 4]) -> Option<[i32; 4]> {
    (sides != [0; 4]).then_some(sides)
}

/// Puts the colour of the vehicle's body into the reading, or its code where that has no name; 255 is the camera's word
/// for "not known".
pub(super) fn put_car_color(reading: &mut Reading<'_>, code: i64) {
    const NAMES: [&str; 9] = ["white", "silver", "yellow", "pink", "red", "green", "blue", "brown", "black"];
    match usize::try_from(code).ok().and_then(|code| NAMES.get(code)) {
        _ if code == 255 => {}
        Some(color) => reading.put("vehicle_color", *color),
        None => reading.put("vehicle_color", code),
    }
}
