//! JSON: ITSAPI notifications, events of the RPC stream, and the data of coded lines.

use parking_types::PlateReading;

use super::super::{clock, plate};
use super::event::Event;
use crate::{
    error::{DecodeError, ErrorCode},
    json::{Json, Kind as JsonKind, Scalar, Str, first},
    reading::{Fact, Kind, Proof, Reading, Value},
    text::Text,
};

pub(super) fn read<'a>(bytes: &'a [u8], readings: &mut Vec<Reading<'a>>) -> Result<(), DecodeError> {
    let mut json = Json::new(bytes);
    let mut note = Notification::default();
    let mut events = Vec::new();
    let whole = json.object(|json, key| match key {
        b"params" => json.object_if_any(|json, key| {
            if key == b"eventList" {
                return json.array_if_any(|json, _| events_entry(json, &mut events));
            }
            Ok(())
        }),
        _ => note.root(json, key),
    });
    match whole.and_then(|()| json.finish()) {
        // Logs of the RPC stream lose a comma behind the events; the events are whole.
        Err(e) if e.code == ErrorCode::Syntax && !events.is_empty() && is_behind(bytes, e.offset) => {}
        outcome => outcome?,
    }
    if events.is_empty() {
        readings.push(note.into_reading()?);
    }
    readings.extend(events.into_iter().map(Event::into_reading));
    Ok(())
}

/// Whether what breaks is the envelope behind `params`: only `session` and an end stand there.
fn is_behind(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(|rest| rest.starts_with(b"\"session\""))
}

/// The data of a coded line.
pub(super) fn data<'a>(bytes: &'a [u8], event: &mut Event<'a>) -> Result<(), DecodeError> {
    let mut json = Json::new(bytes);
    paths(&mut json, &mut String::new(), event)?;
    json.finish()
}

fn events_entry<'a>(json: &mut Json<'a>, events: &mut Vec<Event<'a>>) -> Result<(), DecodeError> {
    let mut event = Event::default();
    json.object_if_any(|json, key| match key {
        b"Data" => paths(json, &mut String::new(), &mut event),
        b"Code" | b"Action" => {
            let name = if key == b"Code" { "Code" } else { "Action" };
            if let Some(word) = json.text()? {
                event.set(name, word.decode()?);
            }
            Ok(())
        }
        _ => Ok(()),
    })?;
    events.push(event);
    Ok(())
}

/// Each value by its path, as the text form writes it.
fn paths<'a>(json: &mut Json<'a>, path: &mut String, event: &mut Event<'a>) -> Result<(), DecodeError> {
    let len = path.len();
    match json.peek()? {
        JsonKind::Object => json.object(|json, key| {
            if len > 0 {
                path.push('.');
            }
            path.push_str(&String::from_utf8_lossy(key));
            let outcome = paths(json, path, event);
            path.truncate(len);
            outcome
        }),
        JsonKind::Array => json.array(|json, index| {
            path.push_str(&format!("[{index}]"));
            let outcome = paths(json, path, event);
            path.truncate(len);
            outcome
        }),
        _ => {
            match json.scalar()? {
                Scalar::Text(text) => event.set(path, text.decode()?),
                Scalar::Number(number) => event.set(path, number.text()),
                Scalar::Bool(_) | Scalar::Null | Scalar::Nested => {}
            }
            Ok(())
        }
    }
}

/// An ITSAPI notification. No captured body was at hand: the fields are those of the vendor's document.
#[derive(Default)]
struct Notification<'a> {
    plate: Option<Str<'a>>,
    exists: Option<bool>,
    color: Option<Str<'a>>,
    confidence: Option<Scalar<'a>>,
    vehicle: Option<Str<'a>>,
    time: Option<Str<'a>>,
    exact_time: Option<Str<'a>>,
    direction: Option<Str<'a>>,
    device: Option<Str<'a>>,
    active: Option<Scalar<'a>>,
    result: Option<bool>,
    is_snap: bool,
    is_sign_of_life: bool,
    is_berth: bool,
    record: Option<Str<'a>>,
    plate_box: [Option<i32>; 4],
    flags: Vec<(&'static str, Scalar<'a>)>,
}

impl<'a> Notification<'a> {
    fn root(&mut self, json: &mut Json<'a>, key: &[u8]) -> Result<(), DecodeError> {
        match key {
            b"Picture" => {
                self.is_snap = true;
                return json.object_if_any(|json, key| self.picture(json, key));
            }
            b"SnapInfo" => {
                self.is_snap = true;
                return json.object_if_any(|json, key| self.snap(json, key));
            }
            b"ParkingInfo" => {
                self.is_berth = true;
                return json.object_if_any(|json, key| self.parking(json, key));
            }
            b"Active" | b"DeviceName" | b"DeviceModel" => {
                self.is_sign_of_life = true;
                if key == b"Active" {
                    first(&mut self.active, Some(json.scalar()?));
                }
            }
            b"DeviceID" => first(&mut self.device, json.scalar()?.id()),
            b"Result" | b"result" => first(&mut self.result, json.scalar()?.truth()),
            _ => {}
        }
        Ok(())
    }

    fn picture(&mut self, json: &mut Json<'a>, key: &[u8]) -> Result<(), DecodeError> {
        match key {
            b"Plate" => json.object_if_any(|json, key| {
                match key {
                    // The document has both spellings.
                    b"IsExist" | b"IsExit" => first(&mut self.exists, json.scalar()?.truth()),
                    b"PlateNumber" => first(&mut self.plate, json.text()?),
                    b"PlateColor" => first(&mut self.color, json.text()?),
                    b"Confidence" => first(&mut self.confidence, Some(json.scalar()?)),
                    b"PlateType" => self.flags.push(("plate_type", json.scalar()?)),
                    b"Region" => self.flags.push(("region", json.scalar()?)),
                    b"Channel" => self.flags.push(("channel", json.scalar()?)),
                    b"BoundingBox" if json.is_array() => json.array(|json, index| {
                        let side = json.scalar()?.int().and_then(|side| i32::try_from(side).ok());
                        if let Some(slot) = self.plate_box.get_mut(index) {
                            *slot = side;
                        }
                        Ok(())
                    })?,
                    _ => {}
                }
                Ok(())
            }),
            b"Vehicle" => json.object_if_any(|json, key| {
                match key {
                    b"VehicleType" => first(&mut self.vehicle, json.text()?),
                    b"VehicleColor" => self.flags.push(("vehicle_color", json.scalar()?)),
                    b"VehicleSign" => self.flags.push(("vehicle_sign", json.scalar()?)),
                    // The document spells it so; later firmware may not.
                    b"VehocleSeries" | b"VehicleSeries" => {
                        self.flags.push(("vehicle_series", json.scalar()?))
                    }
                    b"Speed" => self.flags.push(("speed", json.scalar()?)),
                    _ => {}
                }
                Ok(())
            }),
            b"SnapInfo" => json.object_if_any(|json, key| self.snap(json, key)),
            _ => Ok(()),
        }
    }

    fn snap(&mut self, json: &mut Json<'a>, key: &[u8]) -> Result<(), DecodeError> {
        match key {
            b"SnapTime" => first(&mut self.time, json.text()?),
            b"AccurateTime" => first(&mut self.exact_time, json.text()?),
            b"Direction" => first(&mut self.direction, json.scalar()?.id()),
            b"DeviceID" => first(&mut self.device, json.scalar()?.id()),
            b"DefenceCode" => first(&mut self.record, json.scalar()?.id()),
            b"LanNo" => self.flags.push(("lane", json.scalar()?)),
            b"OpenStrobe" => self.flags.push(("open_strobe", json.scalar()?)),
            b"AllowUser" => self.flags.push(("allow_user", json.scalar()?)),
            b"BlockUser" => self.flags.push(("block_user", json.scalar()?)),
            b"TriggerSource" => self.flags.push(("trigger", json.scalar()?)),
            // The place in a table of zones, and minutes or a word that the document does not explain: kept raw.
            b"TimeZone" => self.flags.push(("time_zone_index", json.scalar()?)),
            b"DSTTune" => self.flags.push(("dst_tune", json.scalar()?)),
            _ => {}
        }
        Ok(())
    }

    fn parking(&mut self, json: &mut Json<'a>, key: &[u8]) -> Result<(), DecodeError> {
        match key {
            b"ParkingStallsNo" => self.flags.push(("berth", json.scalar()?)),
            b"ParkingStatus" => self.flags.push(("parking_status", json.scalar()?)),
            b"Direction" => first(&mut self.direction, json.scalar()?.id()),
            b"inRecordId" => first(&mut self.record, json.scalar()?.id()),
            _ => {}
        }
        Ok(())
    }

    fn into_reading(self) -> Result<Reading<'a>, DecodeError> {
        let mut reading = if self.is_snap {
            self.plate()?
        } else if self.is_berth {
            // The values of `ParkingStatus` are not published: it is told, and judged by nobody.
            let mut reading = Reading::new(Kind::State);
            reading.set(Fact::Direction, self.direction.map(Str::decode).transpose()?);
            reading.set(Fact::Record, self.record.map(Str::decode).transpose()?);
            reading
        } else if self.is_sign_of_life {
            Reading::new(Kind::Heartbeat)
        } else if let Some(done) = self.result {
            let mut reading = Reading::new(Kind::Gate);
            let proof = if done { Proof::Accepted } else { Proof::Refused };
            reading.proof = Some(proof);
            reading
        } else {
            return Err(DecodeError::new(ErrorCode::Kind, 0, "Picture"));
        };
        reading.set(Fact::Device, self.device.map(Str::decode).transpose()?);
        for (name, value) in self.flags {
            match value {
                Scalar::Text(text) if !text.raw().is_empty() => reading.put(name, text.decode()?),
                Scalar::Number(number) => reading.put(name, number.text()),
                Scalar::Bool(truth) => reading.put(name, Value::Bool(truth)),
                Scalar::Text(_) | Scalar::Null | Scalar::Nested => {}
            }
        }
        Ok(reading)
    }

    fn plate(&self) -> Result<Reading<'a>, DecodeError> {
        let mut reading = Reading::new(Kind::Plate);
        match self.plate {
            Some(text) if self.exists != Some(false) => plate::put_str(&mut reading, text),
            _ => reading.plate = Some(PlateReading::Unplated),
        }
        if let Some(color) = self.color {
            plate::put_color(&mut reading, color.decode()?);
        }
        reading.plate_confidence =
            self.confidence.and_then(Scalar::milli).filter(|c| (0..=100_000).contains(&c.thousandths()));
        reading.set(
            Fact::VehicleText,
            self.vehicle.map(Str::decode).transpose()?.filter(|text: &Text<'_>| !text.is_empty()),
        );
        reading.set(Fact::Direction, self.direction.map(Str::decode).transpose()?);
        reading.set(Fact::Record, self.record.map(Str::decode).transpose()?);
        if let [Some(left), Some(top), Some(right), Some(bottom)] = self.plate_box
            && self.plate_box != [Some(0); 4]
        {
            reading.put("plate_box", [left, top, right, bottom]);
        }
        let stated = |time: &Str<'_>| !time.raw().is_empty();
        if let Some(time) = self.exact_time.filter(stated).or(self.time) {
            clock::put(&mut reading, time.decode()?);
        }
        Ok(reading)
    }
}
