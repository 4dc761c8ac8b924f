//! `gat1400`: GA/T 1400 (视图库) over HTTP, between platforms and from cameras that speak it.
//!
//! Vehicles are found where they stand: in the standard's list object, in an analysis server's list, or alone.

use parking_types::{PlateColor, PlateReading};

use super::{clock, plate};
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    json::{Json, Kind as JsonKind, Scalar, Str, first},
    protocol::{Out, ProtocolInfo},
    reader::Reader,
    reading::{Fact, Kind, Proof, Reading, Value},
    trace::Trace,
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "GA/T 1400 view libraries (视图库)",
    says: &[
        "plate",
        "plate_color",
        "vehicle_text",
        "device",
        "device_time",
        "record",
        "heartbeat",
        "config",
        "debug",
    ],
    ..ProtocolInfo::JSON
};

/// A posted list, a keep-alive, a registration, or the answer to one of ours.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    _: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let mut json = Json::new(frame.all());
    let mut found = Found::default();
    found.value(&mut json, b"")?;
    json.finish()?;
    if found.readings.is_empty() && !found.known {
        return Err(DecodeError::new(ErrorCode::Kind, 0, "MotorVehicleListObject"));
    }
    found.readings.iter().for_each(out);
    Ok(())
}

/// What a document holds.
#[derive(Default)]
struct Found<'a> {
    readings: Vec<Reading<'a>>,
    /// A list of the standard's, maybe an empty one.
    known: bool,
}

/// The fields of one object, whatever it turns out to be.
#[derive(Default)]
struct Fields<'a> {
    id: Option<Str<'a>>,
    plate: Option<Str<'a>>,
    has_plate: Option<bool>,
    color: Option<i64>,
    time: Option<Str<'a>>,
    device: Option<Str<'a>>,
    brand: Option<Str<'a>>,
    status: Option<i64>,
    status_id: Option<Str<'a>>,
    status_text: Option<Str<'a>>,
    answered_at: Option<Str<'a>>,
    side: Option<Str<'a>>,
    ape: Option<Str<'a>>,
    door: Option<Str<'a>>,
    name: Option<Str<'a>>,
    more: [Option<Scalar<'a>>; MORE.len()],
}

/// What has no field of its own: the standard's key, and the name that readings give it.
const MORE: [(&[u8], &str); 11] = [
    (b"PlateColor", "plate_color_code"),
    (b"PlateClass", "plate_class"),
    (b"VehicleClass", "vehicle_class"),
    (b"VehicleColor", "vehicle_color"),
    (b"ParkingInOutType", "parking_in_out"),
    (b"LaneNo", "lane"),
    (b"TollgateID", "tollgate"),
    (b"PlateReliability", "plate_reliability"),
    (b"StorageUrl1", "image"),
    (b"IPAddr", "ip"),
    (b"IsOnline", "online"),
];

impl<'a> Found<'a> {
    /// Any value; objects may be what is looked for, or hold it.
    fn value(&mut self, json: &mut Json<'a>, key: &[u8]) -> Result<(), DecodeError> {
        match json.peek()? {
            JsonKind::Object => self.object(json, key),
            JsonKind::Array => json.array(|json, _| self.value(json, key)),
            _ => json.skip(),
        }
    }

    fn object(&mut self, json: &mut Json<'a>, own: &[u8]) -> Result<(), DecodeError> {
        let mut fields = Fields::default();
        self.known |= own.ends_with(b"ListObject") || matches!(own, b"KeepaliveObject" | b"RegisterObject");
        self.known |= own == b"CarInfoList";
        json.object(|json, key| {
            // The photos' list has device ids and times of its own.
            if key == b"SubImageList" {
                return json.skip();
            }
            match json.peek()? {
                JsonKind::Object | JsonKind::Array => self.value(json, key),
                _ => fields.read(json, key),
            }
        })?;
        if matches!(own, b"KeepaliveObject" | b"RegisterObject" | b"UnRegisterObject") {
            let mut reading = Reading::new(Kind::Heartbeat);
            reading.set(Fact::Device, fields.device.map(Str::decode).transpose()?);
            self.readings.push(reading);
        } else if let Some(reading) = fields.into_reading(own)? {
            self.readings.push(reading);
        }
        Ok(())
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self, json: &mut Json<'a>, key: &[u8]) -> Result<(), DecodeError> {
        let value = json.scalar()?;
        match key {
            b"MotorVehicleID" => first(&mut self.id, value.id()),
            b"PlateNo" => first(&mut self.plate, value.text()),
            b"HasPlate" => first(&mut self.has_plate, value.truth()),
            b"PassTime" => first(&mut self.time, value.id()),
            b"DeviceID" => first(&mut self.device, value.id()),
            b"VehicleBrand" => first(&mut self.brand, value.text()),
            b"StatusCode" => first(&mut self.status, value.int()),
            b"Id" => first(&mut self.status_id, value.id()),
            b"LocalTime" => first(&mut self.answered_at, value.id()),
            b"InOut" | b"ParkingInOutType" => first(&mut self.side, value.id()),
            b"StatusString" => first(&mut self.status_text, value.text()),
            b"ApeID" => first(&mut self.ape, value.id()),
            b"DoorID" => first(&mut self.door, value.id()),
            b"Name" => first(&mut self.name, value.id()),
            _ => {}
        }
        if key == b"PlateColor" {
            first(&mut self.color, value.int());
        }
        if let Some(index) = MORE.iter().position(|(known, _)| *known == key)
            && let Some(slot) = self.more.get_mut(index)
        {
            first(slot, Some(value));
        }
        Ok(())
    }

    fn into_reading(self, own: &[u8]) -> Result<Option<Reading<'a>>, DecodeError> {
        // A car that is registered with a community did not pass anywhere.
        if own == b"CarInfo" {
            let mut reading = Reading::new(Kind::Config);
            if let Some(plate) = self.plate.filter(|plate| !plate.raw().is_empty()) {
                reading.put("listed_plate", plate.decode()?);
            }
            return Ok(Some(reading));
        }
        if self.plate.is_some() || self.has_plate.is_some() {
            return self.vehicle().map(Some);
        }
        if let Some(status) = self.status {
            return self.answer(status).map(Some);
        }
        let described = self.ape.or(self.door).or(self.device.filter(|_| own == b"DoorDeviceObject"));
        if described.is_some() {
            let mut reading = Reading::new(Kind::Config);
            reading.set(Fact::Device, described.map(Str::decode).transpose()?);
            if let Some(name) = self.name {
                reading.put("name", name.decode()?);
            }
            self.put_more(&mut reading)?;
            return Ok(Some(reading));
        }
        Ok(None)
    }

    fn vehicle(self) -> Result<Reading<'a>, DecodeError> {
        let mut reading = Reading::new(Kind::Plate);
        match self.plate.filter(|_| self.has_plate != Some(false)) {
            Some(text) => plate::put_str(&mut reading, text),
            None => reading.plate = Some(PlateReading::Unplated),
        }
        // Class 99 is "other": a platform that writes it to every plate writes one colour to every plate too.
        let class = self.more.get(1).copied().flatten().and_then(Scalar::int);
        reading.plate_color = self.color.filter(|_| class != Some(99)).and_then(color);
        reading
            .set(Fact::Direction, self.side.filter(|side| side.raw() != b"-1").map(Str::decode).transpose()?);
        reading.set(Fact::Record, self.id.map(Str::decode).transpose()?);
        reading.set(Fact::Device, self.device.map(Str::decode).transpose()?);
        if let Some(time) = self.time.filter(|time| time.raw() != b"-1") {
            clock::put(&mut reading, time.decode()?);
        }
        if let Some(brand) = self.brand.filter(|brand| !matches!(brand.raw(), b"" | b"0")) {
            reading.set(Fact::VehicleText, Some(brand.decode()?));
        }
        self.put_more(&mut reading)?;
        Ok(reading)
    }

    fn answer(self, status: i64) -> Result<Reading<'a>, DecodeError> {
        let mut reading = Reading::new(Kind::Debug);
        let proof = if status == 0 { Proof::Accepted } else { Proof::Refused };
        reading.set(Fact::Command, self.status_id.map(Str::decode).transpose()?);
        reading.proof = Some(proof);
        reading.put("status", status);
        if let Some(text) = self.status_text {
            reading.put("status_text", text.decode()?);
        }
        if let Some(time) = self.answered_at {
            clock::put(&mut reading, time.decode()?);
        }
        Ok(reading)
    }

    /// Fields as they stand, strings or numbers; empty ones and −1 say nothing.
    fn put_more(&self, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
        for ((_, name), value) in MORE.iter().zip(self.more) {
            match value {
                Some(Scalar::Text(text)) if !text.raw().is_empty() => reading.put(name, text.decode()?),
                Some(Scalar::Number(number)) if number.raw() != b"-1" => reading.put(name, number.text()),
                Some(Scalar::Bool(truth)) => reading.put(name, Value::Bool(truth)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The standard's colours as far as plates have them. One platform writes 6 for everything, so the code is told too.
fn color(code: i64) -> Option<PlateColor> {
    Some(match code {
        1 => PlateColor::Black,
        2 => PlateColor::White,
        5 => PlateColor::Blue,
        6 => PlateColor::Yellow,
        9 => PlateColor::Green,
        99 => PlateColor::Unknown,
        _ => return None,
    })
}
