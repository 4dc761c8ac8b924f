//! The same work as others would write it.
#![allow(clippy::type_complexity, clippy::unwrap_used)]
#![allow(unreachable_pub, dead_code, unused_imports, reason = "each bench uses a part")]

use binrw::BinRead;
use nom::IResult;
use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::number::complete::{be_i16, be_u8, be_u16, le_i8, le_i16, le_i64, le_u8, le_u16, le_u32, le_u64};

pub struct Owned {
    pub device: String,
    pub seq: u32,
    pub occupied: Option<bool>,
    pub battery: f64,
    pub payload: Vec<u8>,
}

pub fn nom_native(bytes: &[u8]) -> Option<u64> {
    fn parse(input: &[u8]) -> IResult<&[u8], Owned> {
        let (input, _) = tag(&b"\xf5PK\x0a"[..]).parse(input)?;
        let (input, crc) = le_u32(input)?;
        if crc32c::crc32c(input) != crc {
            return Err(nom::Err::Failure(nom::error::Error::new(input, nom::error::ErrorKind::Verify)));
        }
        let (input, (_, _, _, _, _, len)) = (le_u8, le_u8, le_u16, le_u16, le_u16, le_u32).parse(input)?;
        let (input, (_, device, _, seq, _)) = (le_u32, le_u64, le_u32, le_u32, le_i64).parse(input)?;
        let (input, payload) = take(len).parse(input)?;
        let (_, (_, _, battery, _, state, _, _, _)) =
            (le_u32, le_u32, le_u16, le_i16, le_u8, le_u8, le_i8, le_u8).parse(payload)?;
        let occupied = match state {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        };
        let battery = f64::from(battery) / 1000.0;
        Ok((
            input,
            Owned { device: format!("{device:016x}"), seq, occupied, battery, payload: payload.to_vec() },
        ))
    }
    let (_, frame) = parse(bytes).ok()?;
    Some(
        u64::from(frame.seq)
            + frame.device.len() as u64
            + frame.payload.len() as u64
            + u64::from(frame.occupied?)
            + frame.battery as u64,
    )
}

#[derive(BinRead)]
#[br(little, magic = b"\xf5PK\x0a")]
#[allow(dead_code, reason = "read to be measured")]
pub struct Native {
    crc: u32,
    major: u8,
    words: u8,
    flags: u16,
    message: u16,
    fixed_len: u16,
    payload_len: u32,
    key_id: u32,
    device: u64,
    boot: u32,
    pub seq: u32,
    sent_at: i64,
    queued: u32,
    oldest: u32,
    battery: u16,
    temperature: i16,
    state: u8,
    clock: u8,
    rssi: i8,
    loops: u8,
}

pub fn nom_dingtek(bytes: &[u8]) -> Option<u64> {
    fn parse(input: &[u8]) -> IResult<&[u8], (u16, u8, u8, u16, Vec<i16>, u16)> {
        let (input, _) = tag(&b"\x80\x00\x02"[..]).parse(input)?;
        let (input, (_, _, level, a, b, volt)) = (be_u8, be_u8, be_u16, be_u8, be_u8, be_u16).parse(input)?;
        let (input, axes) = nom::multi::count(be_i16, 3).parse(input)?;
        let (input, counter) = be_u16(input)?;
        Ok((input, (level, a, b, volt, axes, counter)))
    }
    let (_, (level, a, b, volt, axes, counter)) = parse(bytes).ok()?;
    Some(
        u64::from(level)
            + u64::from(a)
            + u64::from(b)
            + u64::from(volt)
            + axes.len() as u64
            + u64::from(counter),
    )
}

#[derive(BinRead)]
#[br(big, magic = b"\x80\x00\x02")]
#[allow(dead_code, reason = "read to be measured")]
pub struct Dingtek {
    data_type: u8,
    length: u8,
    level: u16,
    alarms: u8,
    more_alarms: u8,
    volt: u16,
    axes: [i16; 3],
    pub counter: u16,
    reserved: u8,
    end: u8,
}

/// The codec's own checksums, which it does not show.
#[path = "../../src/checksum.rs"]
pub mod checksum;

/// CRC-16 as most do it.
pub fn crc16_by_byte(bytes: &[u8]) -> u16 {
    checksum::by_byte(0xffff, bytes)
}

/// A camera's push without photos.
pub const CAMERA: &str = r#"{"AlarmInfoPlate":{"channel":0,"deviceName":"IVS","ipaddr":"192.168.1.100","result":{"PlateResult":{"license":"粤B12345","colorType":1,"type":1,"confidence":97,"direction":4,"plateid":4711,"isoffline":0,"timeStamp":{"Timeval":{"sec":1772409600,"usec":12}}}},"serialno":"0be9c2-a"}}"#;
pub const YUNCITYS: &str = r#"{"msgType":1,"id":"gw","deviceId":"m-1","2_devTypeCode":"212","type":"U","data":"01","countTopicId":1,"2_spaceStatus":"1","2_deviceTime":"2026-03-02 08:00:00","2_clockState":"0","2_packageSerialNumberHead":1}"#;

/// What a consumer of serde_json's `Value` would take out of it.
pub fn value(text: &str) -> usize {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let plate = &value["AlarmInfoPlate"]["result"]["PlateResult"];
    plate["license"].as_str().map_or(0, str::len) + plate["plateid"].as_u64().unwrap_or(1) as usize
}
