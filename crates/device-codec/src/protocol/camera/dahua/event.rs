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
    /// Of the plate and of the vehicle, in 8192nds of the picture.
    boxes: [[Option<i32>; 4]; 2],
    pub(super) more: Vec<(&'static str, Text<'a>)>,
}

/// What has no field of its own: the vendor's path, and the name that readings give it.
const MORE: [(&str, &str); 15] = [
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
    // The place in a table of zones, not hours.
    ("TimeZone", "time_zone_index"),
];

/// Where rectangles stand, side by side, and what readings call them.
const BOXES: [(&str, &str); 2] = [("Object.BoundingBox[", "plate_box"), ("Vehicle.BoundingBox[", "car_box")];

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
            _ if path.ends_with(']') => return self.side(path, &value),
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

    /// Takes a side of a rectangle.
    fn side(&mut self, path: &str, value: &str) {
        for ((start, _), sides) in BOXES.iter().zip(&mut self.boxes) {
            let place = path.strip_prefix(start).and_then(|rest| rest.strip_suffix(']')?.parse().ok());
            if let Some(side) = place.and_then(|place: usize| sides.get_mut(place)) {
                *side = side.or_else(|| value.parse().ok());
            }
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
            for ((_, name), sides) in BOXES.iter().zip(self.boxes) {
                // All at 0 is none.
                if let [Some(left), Some(top), Some(right), Some(bottom)] = sides
                    && sides != [Some(0); 4]
                {
                    reading.put(name, [left, top, right, bottom]);
                }
            }
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
