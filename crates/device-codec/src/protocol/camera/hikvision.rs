//! `hikvision-isapi`: what cameras and recorders post to a listening host, and answer to our calls.
//!
//! Elements are known by their local names, misspelt ones as the vendor misspells them. Sources: captured documents
//! of six firmware generations; see `tests/data/README.md`.

use parking_types::PlateReading;

use super::{clock, multipart::Multipart, plate};
use crate::{
    context::Context,
    error::{DecodeError, ErrorCode},
    milli::Milli,
    protocol::{Out, Payload, ProtocolInfo},
    reader::Reader,
    reading::{Fact, GateState, Kind, Proof, Reading},
    text::Text,
    trace::Trace,
    xml::{Event, Xml, XmlText},
};

pub(in crate::protocol) const INFO: ProtocolInfo = ProtocolInfo {
    title: "Hikvision 海康 cameras and recorders, ISAPI",
    payload: Payload::Text,
    says: &[
        "plate",
        "plate_color",
        "plate_confidence",
        "vehicle_text",
        "device",
        "device_time",
        "record",
        "offline_upload",
        "heartbeat",
        "gate",
        "debug",
        "gate_state",
        "at_limit",
        "loop",
    ],
    commands: crate::command::HIKVISION,
    acknowledges: true,
    ..ProtocolInfo::JSON
};

/// A listening host's body, an alert stream's part, or the answer to a call of ours.
pub(in crate::protocol) fn decode<'a, T: Trace>(
    frame: Reader<'a, T>,
    context: &Context<'a>,
    out: Out<'_, 'a>,
) -> Result<(), DecodeError> {
    let (xml, base) = document(frame.all(), context)?;
    let shift = |e: DecodeError| DecodeError { offset: e.offset + base, ..e };
    let mut readings = Vec::new();
    read(&mut Xml::new(xml), &mut readings).map_err(shift)?;
    if crate::command::is_backlog(context.route) {
        readings
            .iter_mut()
            .filter(|reading| reading.kind == Kind::Plate)
            .for_each(|reading| reading.offline_upload = Some(true));
    }
    readings.iter().for_each(out);
    Ok(())
}

/// The XML document: the body, or the part of a multipart body that begins like one.
fn document<'a>(bytes: &'a [u8], context: &Context<'a>) -> Result<(&'a [u8], usize), DecodeError> {
    let begins_xml = |bytes: &[u8]| {
        bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start().starts_with(b"<")
    };
    if begins_xml(bytes) {
        return Ok((bytes, 0));
    }
    let missing = DecodeError::new(ErrorCode::Syntax, 0, "anpr.xml");
    let body = Multipart::of(bytes, context.content_type).ok_or(missing)?;
    let mut found = None;
    body.each(|part| {
        if found.is_none() && !part.is_photo() && begins_xml(part.body) {
            found = Some((part.body, part.at));
        }
        Ok(())
    })?;
    found.ok_or(DecodeError::new(ErrorCode::Missing, 0, "anpr.xml"))
}

fn read<'a>(xml: &mut Xml<'a>, readings: &mut Vec<Reading<'a>>) -> Result<(), DecodeError> {
    match xml.next()? {
        Some(Event::Open(b"EventNotificationAlert")) => {
            let mut alert = Alert::default();
            leaves(xml, 1, |path, name, text| alert.leaf(path, name, text))?;
            readings.push(alert.into_reading()?);
        }
        Some(Event::Open(b"Plates")) => polled(xml, readings)?,
        Some(Event::Open(b"ResponseStatus")) => readings.push(status(xml)?),
        Some(Event::Open(b"BarrierGate")) => readings.push(told(xml)?),
        Some(Event::Open(b"BarrierGateStatus")) => readings.push(barrier(xml)?),
        Some(Event::Leaf(b"Plates", _)) => {}
        _ => return Err(DecodeError::new(ErrorCode::Kind, 0, "EventNotificationAlert")),
    }
    while xml.next()?.is_some() {}
    Ok(())
}

/// Shows each leaf until the element at `depth` ends, with the name of the element that `ANPR` is in at that place.
fn leaves<'a>(
    xml: &mut Xml<'a>,
    depth: usize,
    mut visit: impl FnMut(Place, &'a [u8], XmlText<'a>) -> Result<(), DecodeError>,
) -> Result<(), DecodeError> {
    let mut place = Place::default();
    while let Some(event) = xml.next()? {
        match event {
            Event::Open(b"ANPR") => place.anpr = xml.depth(),
            Event::Open(b"vehicleInfo") => place.vehicle = xml.depth(),
            Event::Open(_) => {}
            Event::Leaf(name, text) => visit(place, name, text)?,
            Event::Close if xml.depth() < depth => return Ok(()),
            Event::Close => {
                place.anpr = if xml.depth() < place.anpr { 0 } else { place.anpr };
                place.vehicle = if xml.depth() < place.vehicle { 0 } else { place.vehicle };
            }
        }
    }
    Ok(())
}

/// In which elements a leaf stands: the depth at which they began, 0 outside.
#[derive(Clone, Copy, Default)]
struct Place {
    anpr: usize,
    vehicle: usize,
}

/// An `EventNotificationAlert`.
#[derive(Default)]
struct Alert<'a> {
    event: Option<XmlText<'a>>,
    state: Option<XmlText<'a>>,
    plate: Option<XmlText<'a>>,
    /// A plate's element stood there, with nothing in it.
    empty_plate: bool,
    confidence: Option<XmlText<'a>>,
    direction: Option<XmlText<'a>>,
    color: Option<XmlText<'a>>,
    vehicle: Option<XmlText<'a>>,
    time: Option<XmlText<'a>>,
    retransmitted: Option<XmlText<'a>>,
    uuid: Option<XmlText<'a>>,
    picture: Option<XmlText<'a>>,
    mac: Option<XmlText<'a>>,
    device: Option<XmlText<'a>>,
    target: Option<XmlText<'a>>,
    /// By the names that readings give them.
    more: [(&'static str, Option<XmlText<'a>>); MORE.len()],
}

/// What has no field of its own: the vendor's element, and the name that readings give it.
const MORE: [(&[u8], &str); 14] = [
    (b"line", "lane"),
    (b"plateType", "plate_type"),
    (b"plateCharBelieve", "per_char"),
    (b"absTime", "abs_time"),
    (b"activePostCount", "active_post_count"),
    (b"barrierGateCtrlType", "gate_ctrl"),
    (b"vehicleListName", "list"),
    (b"color", "vehicle_color"),
    (b"country", "country"),
    (b"originalLicensePlate", "original_plate"),
    // The codes of the Ministry's tables (GA); the first is misspelt by the vendor.
    (b"palteTypeByGAT", "plate_type_gat"),
    (b"plateTypeByGAT", "plate_type_gat"),
    (b"plateColorByGAT", "plate_color_gat"),
    (b"vehicleTypeByGAT", "vehicle_type_gat"),
];

impl<'a> Alert<'a> {
    /// Of a name that stands several times the first counts: the list of plates repeats the event's own.
    fn leaf(&mut self, place: Place, name: &'a [u8], text: XmlText<'a>) -> Result<(), DecodeError> {
        let slot = match name {
            b"eventType" => &mut self.event,
            b"eventState" => &mut self.state,
            b"licensePlate" if place.anpr > 0 => {
                self.empty_plate |= text.raw().trim_ascii().is_empty();
                &mut self.plate
            }
            b"confidenceLevel" if place.anpr > 0 => &mut self.confidence,
            b"direction" if place.anpr > 0 => &mut self.direction,
            b"plateColor" => &mut self.color,
            b"vehicleType" if place.vehicle == 0 => &mut self.vehicle,
            b"dateTime" => &mut self.time,
            b"isDataRetransmission" => &mut self.retransmitted,
            b"UUID" | b"uuid" => &mut self.uuid,
            b"pId" => &mut self.picture,
            b"macAddress" => &mut self.mac,
            b"deviceID" | b"deviceUUID" => &mut self.device,
            b"detectionTarget" => &mut self.target,
            b"listType" => return self.other(b"vehicleListName", text),
            b"color" if place.vehicle == 0 => return Ok(()),
            _ => return self.other(name, text),
        };
        if slot.is_none() && !text.raw().is_empty() {
            *slot = Some(text);
        }
        Ok(())
    }

    fn other(&mut self, name: &[u8], text: XmlText<'a>) -> Result<(), DecodeError> {
        let Some(index) = MORE.iter().position(|(known, _)| *known == name) else { return Ok(()) };
        if let (Some(slot), Some((_, ours))) = (self.more.get_mut(index), MORE.get(index))
            && slot.1.is_none()
            && !text.raw().is_empty()
        {
            *slot = (ours, Some(text));
        }
        Ok(())
    }

    fn into_reading(self) -> Result<Reading<'a>, DecodeError> {
        let event = self.event.ok_or(DecodeError::new(ErrorCode::Missing, 0, "eventType"))?.decode()?;
        let is_anpr = event.eq_ignore_ascii_case("ANPR");
        let mut reading = Reading::new(if is_anpr { Kind::Plate } else { Kind::Debug });
        if is_anpr {
            self.put_plate(&mut reading)?;
        } else {
            self.put_event(&mut reading, event)?;
        }
        reading.set(Fact::Device, self.mac.or(self.device).map(XmlText::decode).transpose()?);
        match (self.time, self.picture_time()) {
            (Some(time), _) => clock::put(&mut reading, time.decode()?),
            // The picture's time is the camera's wall clock.
            (None, Some(time)) if is_anpr => clock::put(&mut reading, time.decode()?),
            _ => {}
        }
        reading.set(Fact::Record, self.uuid.or(self.picture).map(XmlText::decode).transpose()?);
        reading.offline_upload = self.retransmitted.map(|text| text.raw() == b"true");
        for (name, text) in self.more {
            if let Some(text) = text {
                reading.put(name, text.decode()?);
            }
        }
        Ok(reading)
    }

    fn picture_time(&self) -> Option<XmlText<'a>> {
        self.more.iter().find(|(name, _)| *name == "abs_time").and_then(|(_, text)| *text)
    }

    fn put_plate(&self, reading: &mut Reading<'a>) -> Result<(), DecodeError> {
        if let Some(color) = self.color {
            plate::put_color(reading, color.decode()?);
        }
        match self.plate {
            Some(text) => put_plate(reading, text),
            None if self.empty_plate => reading.plate = Some(PlateReading::Unplated),
            None => {}
        }
        reading.plate_confidence = self
            .confidence
            .and_then(|c| Milli::parse(&c.decode().ok()?))
            .filter(|c| (0..=100_000).contains(&c.thousandths()));
        reading.set(Fact::Direction, self.direction.map(XmlText::decode).transpose()?);
        reading.set(Fact::VehicleText, self.vehicle.map(XmlText::decode).transpose()?);
        Ok(())
    }

    /// An event without a plate. A vehicle at a line or in a field is as good as a loop; an inactive `videoloss` is
    /// how the stream says that it lives.
    fn put_event(&self, reading: &mut Reading<'a>, event: Text<'a>) -> Result<(), DecodeError> {
        let inactive = self.state.is_some_and(|state| state.raw() == b"inactive");
        if inactive && event.as_str() == "videoloss" || event.eq_ignore_ascii_case("heartBeat") {
            reading.kind = Kind::Heartbeat;
        }
        reading.put("event", event);
        if let Some(target) = self.target {
            if target.raw() == b"vehicle" && !inactive {
                reading.on_loop = Some(true);
            }
            reading.put("target", target.decode()?);
        }
        Ok(())
    }
}

/// The plate without the colour that Chinese firmware writes before it. That colour counts where no other is stated.
fn put_plate<'a>(reading: &mut Reading<'a>, text: XmlText<'a>) {
    let Ok(written) = text.decode() else {
        reading.put("plate_error", "encoding");
        reading.put("raw_plate", Text::own(&String::from_utf8_lossy(text.raw())));
        return;
    };
    let Some((color, rest)) = plate::without_color(&written) else {
        plate::put(reading, written);
        return;
    };
    if reading.plate_color.is_none_or(|known| known == parking_types::PlateColor::Unknown) {
        reading.plate_color = Some(color);
    }
    plate::put(reading, Text::own(rest));
    reading.put("raw_plate", written);
}

/// The answer to a poll: one reading a plate.
fn polled<'a>(xml: &mut Xml<'a>, readings: &mut Vec<Reading<'a>>) -> Result<(), DecodeError> {
    while let Some(event) = xml.next()? {
        match event {
            Event::Open(b"Plate") => {
                let depth = xml.depth();
                let mut reading = Reading::new(Kind::Plate);
                leaves(xml, depth, |_, name, text| polled_leaf(&mut reading, name, text))?;
                readings.push(reading);
            }
            Event::Open(_) | Event::Leaf(..) => {}
            Event::Close if xml.depth() == 0 => return Ok(()),
            Event::Close => {}
        }
    }
    Ok(())
}

fn polled_leaf<'a>(reading: &mut Reading<'a>, name: &[u8], text: XmlText<'a>) -> Result<(), DecodeError> {
    match name {
        b"plateNumber" | b"licensePlate" => put_plate(reading, text),
        b"captureTime" => clock::put(reading, text.decode()?),
        b"picName" => reading.set(Fact::Record, Some(text.decode()?)),
        b"direction" => reading.set(Fact::Direction, Some(text.decode()?)),
        b"laneNo" => reading.put("lane", text.decode()?),
        b"country" => reading.put("country", text.decode()?),
        b"matchingResult" => reading.put("list", text.decode()?),
        _ => {}
    }
    Ok(())
}

/// `ResponseStatus`: 1 is "took it", also of a locked gate that will not move.
fn status<'a>(xml: &mut Xml<'a>) -> Result<Reading<'a>, DecodeError> {
    let mut reading = Reading::new(Kind::Gate);
    let mut code = None;
    leaves(xml, 1, |_, name, text| {
        match name {
            b"statusCode" => {
                let bad = DecodeError::new(ErrorCode::Value, text.at(), "statusCode");
                code = Some(text.decode()?.parse::<i64>().map_err(|_| bad)?);
            }
            b"statusString" => reading.put("status_text", text.decode()?),
            b"subStatusCode" => reading.put("status_detail", text.decode()?),
            b"requestURL" => reading.put("request", text.decode()?),
            _ => {}
        }
        Ok(())
    })?;
    let code = code.ok_or(DecodeError::new(ErrorCode::Missing, 0, "statusCode"))?;
    let proof = if code == 1 { Proof::Accepted } else { Proof::Refused };
    reading.proof = Some(proof);
    reading.put("status", code);
    Ok(reading)
}

/// A command to the gate, as a log of the line has it.
fn told<'a>(xml: &mut Xml<'a>) -> Result<Reading<'a>, DecodeError> {
    let mut reading = Reading::new(Kind::Debug);
    leaves(xml, 1, |_, name, text| {
        if name == b"ctrlMode" {
            reading.put("sent", text.decode()?);
        }
        Ok(())
    })?;
    Ok(reading)
}

/// `barrierGateStatus`: 0 no signal, 1 at the closed limit, 2 at the open limit.
fn barrier<'a>(xml: &mut Xml<'a>) -> Result<Reading<'a>, DecodeError> {
    let mut reading = Reading::new(Kind::Gate);
    leaves(xml, 1, |_, name, text| {
        if name == b"barrierGateStatus" {
            reading.gate_state = match text.raw() {
                b"0" => Some(GateState::Unknown),
                b"1" => Some(GateState::Closed),
                b"2" => Some(GateState::Open),
                _ => {
                    reading.put("gate_status", text.decode()?);
                    Some(GateState::Unknown)
                }
            };
        }
        Ok(())
    })?;
    let state = reading.gate_state.ok_or(DecodeError::new(ErrorCode::Missing, 0, "barrierGateStatus"))?;
    reading.at_limit = (state != GateState::Unknown).then_some(true);
    Ok(reading)
}
