//! Bay cameras behind the gateway: one camera watches up to three bays, and reads their plates.

use parking_types::PlateColor;

use super::super::camera::put_plate;
use super::state;
use crate::error::{DecodeError, ErrorCode};
use crate::reader::Reader;
use crate::reading::{Kind, Reading};
use crate::text::Text;
use crate::trace::Trace;

mod at {
    pub(super) const MAKE: usize = 0;
    pub(super) const STATE: usize = 3;
    pub(super) const BAY: usize = 4;
    pub(super) const COLOR: usize = 5;
    pub(super) const PLATE_LEN: usize = 6;
    pub(super) const PLATE: usize = 7;
}

/// The last colour code that the handler's comment names.
const OTHER: u8 = 4;

/// Dahua: the plate is GBK.
const DAHUA: u8 = 0x60;
/// Vzenith: the plate's first byte is an index into [`FIRST`], the rest is ASCII.
const VZENITH: u8 = 0x61;

/// What stands first on a plate, by Vzenith's index.
const FIRST: [&str; 39] = [
    "京", "津", "冀", "晋", "蒙", "辽", "吉", "黑", "沪", "苏", "浙", "皖", "闽", "赣", "鲁", "豫", "鄂",
    "湘", "粤", "桂", "琼", "渝", "川", "贵", "云", "藏", "陕", "甘", "青", "宁", "新", "港", "澳", "台",
    "警", "使", "WJ", "领", "学",
];

pub(super) fn read<T: Trace>(payload: &Reader<'_, T>, reading: &mut Reading<'_>) -> Result<(), DecodeError> {
    reading.kind = Kind::State;
    let make = payload.u8(at::MAKE, "make")?;
    payload.means(|| match make {
        DAHUA => "Dahua".to_owned(),
        VZENITH => "Vzenith".to_owned(),
        _ => "unknown".to_owned(),
    });
    if make != DAHUA && make != VZENITH {
        return Err(payload.error(ErrorCode::Kind, at::MAKE, "make"));
    }
    reading.occupied = Some(state(payload, at::STATE)?);
    let bay = payload.u8(at::BAY, "bay")?;
    if !(1..=3).contains(&bay) {
        return Err(payload.error(ErrorCode::Value, at::BAY, "bay"));
    }
    reading.berth_no = Some(u32::from(bay));
    let color = payload.u8(at::COLOR, "plate_color")?;
    payload.means(|| plate_color(color).to_string());
    let len = usize::from(payload.u8(at::PLATE_LEN, "plate_length")?);
    if len > 0 {
        let text = payload.slice(at::PLATE, len, "plate")?;
        // What is no plate does not cost the bay's state.
        match plate(make, text) {
            Some(plate) => {
                payload.means(|| plate.as_str().to_owned());
                put_plate(reading, plate);
            }
            None => {
                reading.put("plate_error", "encoding");
                reading.put("raw_plate", Text::hex(text));
            }
        }
        reading.plate_color = Some(plate_color(color));
        if color > OTHER {
            reading.put("plate_color_code", color);
        }
    }
    Ok(())
}

/// From a comment in the platform's handler; not seen on a device.
fn plate_color(code: u8) -> PlateColor {
    match code {
        0 => PlateColor::Blue,
        1 => PlateColor::Yellow,
        2 => PlateColor::Black,
        3 => PlateColor::White,
        _ => PlateColor::Unknown,
    }
}

fn plate(make: u8, text: &[u8]) -> Option<Text<'static>> {
    if make == DAHUA {
        return Text::gbk(text).map(Text::into_owned);
    }
    let (first, rest) = text.split_first()?;
    let first = FIRST.get(usize::from(*first))?;
    if !rest.is_ascii() {
        return None;
    }
    let rest = core::str::from_utf8(rest).ok()?;
    Some(Text::format(format_args!("{first}{rest}")))
}
