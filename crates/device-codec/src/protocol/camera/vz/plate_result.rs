//! `PlateResult`: what every transport of the Vzenith family carries about a vehicle.

use parking_types::{Date, Instant, Local, PlateReading, Span, TimeOfDay};

use super::super::{clock, plate};
use super::tables::{self, Dialect};
use crate::{
    base64,
    error::DecodeError,
    json::{Json, Num, Str, first},
    milli::Milli,
    reading::{DeviceTime, Fact, GateState, Reading},
    text::Text,
};

/// How the transport writes text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// As text.
    Plain,
    /// As base64 of UTF-8 (MQTT).
    Base64,
}

/// The fields of a `PlateResult`, as they stand.
#[derive(Default)]
pub(super) struct PlateResult<'a> {
    license: Option<Str<'a>>,
    color_type: Option<i64>,
    plate_type: Option<i64>,
    confidence: Option<Milli>,
    direction: Option<Num<'a>>,
    trigger: Option<i64>,
    pub(super) record: Option<Str<'a>>,
    offline: Option<bool>,
    pub(super) encrypted: bool,
    fake: Option<i64>,
    car_color: Option<i64>,
    /// Brand, type and year, by the maker's numbers.
    car_brand: [Option<i64>; 3],
    plate_box: Option<[i32; 4]>,
    car_box: Option<[i32; 4]>,
    time: Time,
    /// The wall clock in words, which stands beside the result (TCP); it counts where the result has no time.
    pub(super) time_string: Option<Str<'a>>,
    opened_by: Option<i64>,
}

/// The camera's clock: the epoch and, beside it, calendar fields that do not always agree.
#[derive(Default)]
struct Time {
    sec: Option<i64>,
    usec: Option<i64>,
    calendar: Option<[Option<i64>; 6]>,
}

impl<'a> PlateResult<'a> {
    /// Reads the object that comes next.
    pub(super) fn read(&mut self, json: &mut Json<'a>) {
        json.members_if_any(|json, key| match key {
            b"license" => json.first_text(&mut self.license),
            b"confidence" => first(&mut self.confidence, json.take_milli()),
            b"colorType" => first(&mut self.color_type, json.take_int()),
            b"type" => first(&mut self.plate_type, json.take_int()),
            b"direction" => first(&mut self.direction, json.take_num()),
            b"triggerType" => first(&mut self.trigger, json.take_int()),
            b"plateid" => json.first_id(&mut self.record),
            b"isoffline" => first(&mut self.offline, json.take_truth()),
            b"enable_encrypt" | b"is_encrypted" => {
                self.encrypted |= json.take_int().is_some_and(|mode| mode != 0)
            }
            b"is_fake_plate" | b"fake_plate" => first(&mut self.fake, json.take_int()),
            b"carColor" => first(&mut self.car_color, json.take_int()),
            b"location" => first(&mut self.plate_box, tables::rect(json)),
            b"car_location" | b"carlocation" => first(&mut self.car_box, tables::rect(json)),
            b"car_brand" => self.brand(json),
            b"timeStamp" => self.time.read(json),
            b"gioouts" => json.elements_if_any(|json, _| self.output(json)),
            _ => {}
        })
    }

    fn brand(&mut self, json: &mut Json<'a>) {
        let [brand, kind, year] = &mut self.car_brand;
        json.members_if_any(|json, key| match key {
            b"brand" => first(brand, json.take_int()),
            b"type" => first(kind, json.take_int()),
            b"year" => first(year, json.take_int()),
            _ => {}
        })
    }

    /// One of `gioouts`: who switched it. The camera's own white list is told before the server.
    fn output(&mut self, json: &mut Json<'a>) {
        json.members_if_any(|json, key| {
            if key == b"ctrltype" {
                let by = json.take_int().filter(|by| *by == 1 || *by == 2);
                self.opened_by = self.opened_by.max(by);
            }
        })
    }

    /// Puts what the fields say into a reading; it is large, so it is filled where it lies.
    pub(super) fn put(
        &self,
        reading: &mut Reading<'a>,
        dialect: Dialect,
        writing: Writing,
    ) -> Result<(), DecodeError> {
        if let Some(license) = self.license {
            put_license(reading, license, writing, self.encrypted);
        }
        if self.plate_type == Some(tables::UNPLATED) && reading.plate.is_none() {
            reading.plate = Some(PlateReading::Unplated);
        }
        if let Some(code) = self.color_type {
            tables::put_color(reading, code);
        }
        reading.plate_confidence = self.confidence.filter(|c| (0..=100_000).contains(&c.thousandths()));
        if let Some(code) = self.plate_type {
            tables::put_type(reading, dialect, code);
        }
        reading.set(Fact::Direction, self.direction.map(Num::value));
        reading.set(Fact::Record, self.record.map(Str::id).transpose()?);
        reading.offline_upload = self.offline;
        self.time.put(reading);
        if let Some(time) = self.time_string.filter(|_| reading.device_time.is_none()) {
            clock::put(reading, time.decode()?);
        }
        if let Some(trigger) = self.trigger {
            reading.put("trigger", trigger);
        }
        if self.fake.is_some_and(|fake| fake != 0) {
            reading.put("fake_plate", true);
        }
        if let Some(code) = self.car_color {
            tables::put_car_color(reading, code);
        }
        // The largest number of each is the camera's word for "not known".
        for (name, number, unknown) in [
            ("car_brand", self.car_brand[0], 255),
            ("car_model", self.car_brand[1], 255),
            ("car_year", self.car_brand[2], 65535),
        ] {
            if let Some(number) = number.filter(|number| *number != unknown) {
                reading.put(name, number);
            }
        }
        for (name, sides) in [("plate_box", self.plate_box), ("car_box", self.car_box)] {
            if let Some(sides) = sides {
                reading.put(name, sides);
            }
        }
        match self.opened_by {
            Some(2) => {
                reading.gate_state = Some(GateState::Open);
                reading.put("gate_opened_by", "camera");
            }
            Some(_) => reading.put("gate_opened_by", "server"),
            None => {}
        }
        Ok(())
    }
}

/// The plate, or why there is none: encrypted, or bytes that are no text. Both keep what the camera wrote.
fn put_license<'a>(reading: &mut Reading<'a>, license: Str<'a>, writing: Writing, encrypted: bool) {
    if encrypted {
        reading.put("encrypted", true);
        reading.put("raw_plate", license.lossy());
        return;
    }
    match writing {
        Writing::Plain => plate::put_str(reading, license),
        Writing::Base64 => {
            let mut bytes = [0; 128];
            let plain = base64::decode(license.raw(), &mut bytes).and_then(|b| core::str::from_utf8(b).ok());
            match plain {
                Some(plain) => plate::put(reading, Text::own(plain)),
                // An older firmware writes plain text: what is not ASCII is no base64.
                None if !license.raw().is_ascii() => plate::put_str(reading, license),
                None => plate::put_unreadable(reading, license),
            }
        }
    }
}

impl Time {
    fn read(&mut self, json: &mut Json<'_>) {
        json.members_if_any(|json, key| {
            if key == b"Timeval" {
                self.timeval(json)
            }
        })
    }

    fn timeval(&mut self, json: &mut Json<'_>) {
        json.members_if_any(|json, key| {
            let part = match key {
                b"sec" => return first(&mut self.sec, json.take_int()),
                b"usec" => return first(&mut self.usec, json.take_int()),
                b"decyear" => 0,
                b"decmon" => 1,
                b"decday" => 2,
                b"dechour" => 3,
                b"decmin" => 4,
                b"decsec" => 5,
                _ => return,
            };
            if let Some(slot) = self.calendar.get_or_insert_default().get_mut(part) {
                first(slot, json.take_int());
            }
        })
    }

    /// The epoch counts. Where it is missing the calendar fields do; where the two are further apart than any zone,
    /// both are told.
    fn put(&self, reading: &mut Reading<'_>) {
        let calendar = self.local();
        let micros = self.usec.filter(|usec| (0..1_000_000).contains(usec)).unwrap_or(0);
        let at = self.sec.filter(|sec| *sec > 0).and_then(Instant::from_secs);
        let Some(at) = at.map(|at| at + Span::from_nanos(micros * 1000)) else {
            reading.device_time = calendar.map(DeviceTime::Local);
            return;
        };
        reading.device_time = Some(DeviceTime::Utc(at));
        if let Some(local) = calendar
            && local.as_nanos().saturating_sub(at.as_nanos()).saturating_abs()
                > Span::from_hours(15).as_nanos()
        {
            reading.put("device_time_calendar", Text::format(format_args!("{local}")));
        }
    }

    fn local(&self) -> Option<Local> {
        let [year, month, day, hour, minute, second] = self.calendar?;
        let date = Date::from_ymd(
            i32::try_from(year?).ok()?,
            u32::try_from(month?).ok()?,
            u32::try_from(day?).ok()?,
        )?;
        let (hour, minute, second) = (hour?, minute?, second.unwrap_or(0));
        let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        let secs = u32::try_from(hour * 3600 + minute * 60 + second).ok().filter(|_| fits)?;
        Local::new(date, TimeOfDay::from_secs(secs)?)
    }
}
