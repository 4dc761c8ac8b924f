//! One event, whichever way it was written.

use parking_types::{Instant, Span};

use super::super::{clock, plate};
use crate::{
    milli::Milli,
    reading::{DeviceTime, Fact, Kind, Reading},
    text::Text,
};

/// What an event can say. Keys are those of the vendor's paths, without the array in front.
#[derive(Clone, Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) code: Option<Text<'a>>,
    pub(super) plate: Option<Text<'a>>,
    pub(super) color: Option<Text<'a>>,
    pub(super) confidence: Option<Text<'a>>,
    pub(super) direction: Option<Text<'a>>,
    pub(super) device: Option<Text<'a>>,
    pub(super) group: Option<Text<'a>>,
    pub(super) index: Option<Text<'a>>,
    pub(super) real_utc: Option<Text<'a>>,
    pub(super) real_utc_ms: Option<Text<'a>>,
    pub(super) locale_time: Option<Text<'a>>,
    pub(super) utc: Option<Text<'a>>,
    pub(super) more: Vec<(&'static str, Text<'a>)>,
}

/// What has no field of its own: the vendor's path, and the name that readings give it.
const MORE: [(&str, &str); 14] = [
    ("TrafficCar.PlateType", "plate_type"),
    ("TrafficCar.VehicleColor", "vehicle_color"),
    ("TrafficCar.VehicleSign", "vehicle_sign"),
    ("TrafficCar.Speed", "speed"),
    ("TrafficCar.Lane", "lane"),
    ("Lane", "lane"),
    ("CommInfo.SnapCategory", "category"),
    ("CommInfo.Country", "country"),
    ("EventID", "event_id"),
    ("Action", "action"),
    ("EventBaseInfo.Action", "action"),
    ("TrafficCar.DeviceAddress", "address"),
    ("Summary.TrafficCar.PlateColor", "plate_color"),
    ("EndTime", "end_time"),
];

impl<'a> Event<'a> {
    /// Takes the value at a path; of a path that comes twice the first counts.
    pub(super) fn set(&mut self, path: &str, value: Text<'a>) {
        if value.is_empty() && !path.ends_with("PlateNumber") {
            return;
        }
        let slot = match path {
            "Code" | "EventBaseInfo.Code" => &mut self.code,
            "TrafficCar.PlateNumber" => &mut self.plate,
            "TrafficCar.PlateColor" => &mut self.color,
            "Object.Confidence" => &mut self.confidence,
            "TrafficCar.DrivingDirection[0]" => &mut self.direction,
            "TrafficCar.MachineName" | "DeviceID" => &mut self.device,
            "GroupID" => &mut self.group,
            "IndexInGroup" => &mut self.index,
            "RealUTC" => &mut self.real_utc,
            "RealUTCMS" => &mut self.real_utc_ms,
            "LocaleTime" | "StartTime" => &mut self.locale_time,
            "UTC" => &mut self.utc,
            _ => {
                if let Some((_, name)) = MORE.iter().find(|(known, _)| *known == path)
                    && !self.more.iter().any(|(known, _)| known == name)
                {
                    self.more.push((name, value));
                }
                return;
            }
        };
        if slot.is_none() {
            *slot = Some(value);
        }
    }

    /// A traffic event with a plate or a word for none is a plate; a block about a car alone proves no car, recorded
    /// clips carry a constant one.
    pub(super) fn into_reading(self) -> Reading<'a> {
        let traffic = self.code.as_deref().is_some_and(|code| code.starts_with("Traffic"));
        let says_plate = self.plate.as_deref().is_some_and(|plate| !plate.trim().is_empty());
        let motor = !self.more.iter().any(|(name, value)| *name == "category" && *value == "NonMotor");
        let is_plate =
            traffic && motor && self.plate.is_some() || says_plate && (traffic || self.code.is_none());
        let mut reading = Reading::new(if is_plate { Kind::Plate } else { Kind::Debug });
        reading.device_time = self.time();
        if let Some(code) = self.code {
            reading.put("event", code);
        }
        if is_plate {
            if let Some(text) = self.plate {
                plate::put(&mut reading, text);
            }
            if let Some(color) = self.color {
                plate::put_color(&mut reading, color);
            }
            let confidence = self.confidence.as_deref().and_then(Milli::parse);
            // 160 was seen, on objects that are no plates.
            reading.plate_confidence = confidence.filter(|c| (0..=100_000).contains(&c.thousandths()));
            reading.set(Fact::Direction, self.direction);
        }
        reading.set(Fact::Device, self.device);
        let record = match (self.group, &self.index) {
            (Some(group), Some(index)) => Some(Text::format(format_args!("{group}-{index}"))),
            (group, _) => group,
        };
        reading.set(Fact::Record, record);
        for (name, value) in self.more {
            reading.put(name, value);
        }
        reading
    }

    /// `RealUTC` is UTC; `UTC` is the wall clock counted as if it stood in Greenwich, so it is local time.
    fn time(&self) -> Option<DeviceTime> {
        let number = |text: &Option<Text<'_>>| text.as_deref().and_then(|text| text.parse::<i64>().ok());
        if let Some(secs) = number(&self.real_utc).filter(|secs| *secs > 0) {
            let millis = number(&self.real_utc_ms).filter(|ms| (0..1000).contains(ms)).unwrap_or(0);
            return Instant::from_secs(secs).map(|at| DeviceTime::Utc(at + Span::from_millis(millis)));
        }
        let local = self.locale_time.as_deref().and_then(clock::parse);
        local.or_else(|| number(&self.utc).and_then(clock::local_secs))
    }
}
