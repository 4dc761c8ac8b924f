//! What is known of each device itself: when it was heard, its battery, signal and firmware, what is wrong with it, and
//! every change of that with its time and frame.
//!
//! It is a function of the log like everything else: of the frames that were applied and of the alerts that the session
//! machine opened and closed.

use std::{collections::VecDeque, sync::Arc};

use device_codec::{Kind, Milli};
use parking_types::{Id, Instant, Span};
use serde::{Deserialize, Serialize};
use session_core::{AlertKind, AlertRecord, FrameName};

use crate::{
    hash::{IdMap, IdTable},
    site::{Device, Sim, Site},
};

/// How many changes of a device are remembered; all of them can be had by replaying the log.
const CHANGES: usize = 64;
/// A plan with less than a fifth left, or less than two weeks, is ending.
const ENDING_SHARE: u64 = 5;
const ENDING_SPAN: Span = Span::from_days(14);

/// A device is published at every change, and when it is heard so long after it was published.
const PUBLISH: Span = Span::from_hours(1);

/// What one frame says of its device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Vitals {
    /// It states something beside being alive.
    reports: bool,
    restart: bool,
    battery_v: Option<Milli>,
    battery_pct: Option<Milli>,
    temperature_c: Option<Milli>,
    rssi_dbm: Option<Milli>,
    snr_db: Option<Milli>,
    firmware: Option<Box<str>>,
}

impl Vitals {
    /// One more reading of the frame.
    pub(crate) fn add(&mut self, said: &device_codec::Reading<'_>) {
        self.reports |= !matches!(said.kind, Kind::Heartbeat | Kind::Startup | Kind::Config | Kind::Debug);
        self.restart |= said.kind == Kind::Startup;
        self.battery_v = said.battery_v.or(self.battery_v);
        self.battery_pct = said.battery_pct.or(self.battery_pct);
        self.temperature_c = said.temperature_c.or(self.temperature_c);
        self.rssi_dbm = said.rssi_dbm.or(self.rssi_dbm);
        self.snr_db = said.snr_db.or(self.snr_db);
        if let Some(firmware) = said.firmware() {
            self.firmware = Some((&*firmware).into());
        }
    }

    /// What the network measured, where the device does not say it itself.
    pub(crate) fn network(&mut self, rssi: Option<Milli>) {
        self.rssi_dbm = self.rssi_dbm.or(rssi);
    }
}

/// A frame and when it was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// Which.
    pub frame: FrameName,
}

/// A change of a device's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When it happened.
    pub at: Instant,
    /// The record with which it became known; a tick where it became known by silence.
    pub record: FrameName,
    /// What changed.
    pub what: What,
}

/// What can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// It was heard for the first time.
    First,
    /// It started anew.
    Restarted,
    /// It says that it has another firmware.
    Firmware(Box<str>),
    /// Something is wrong with it from now on.
    Wrong(AlertKind),
    /// … and is not any more.
    Cured(AlertKind),
}

/// A device as it is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The last frame of any kind.
    pub heard: Heard,
    /// The last that stated something beside being alive.
    pub report: Option<Heard>,
    /// The last that did not.
    pub heartbeat: Option<Heard>,
    /// Battery, thousandths of a volt.
    pub battery_mv: Option<i32>,
    /// Battery, thousandths of a per cent.
    pub battery_pct: Option<i32>,
    /// Temperature, thousandths of a degree.
    pub temperature_c: Option<i32>,
    /// Signal, thousandths of a dBm.
    pub rssi_dbm: Option<i32>,
    /// Signal to noise, thousandths of a dB.
    pub snr_db: Option<i32>,
    /// What it says its firmware is.
    pub firmware: Option<Box<str>>,
    /// What is wrong with it now.
    pub wrong: Vec<AlertKind>,
    /// Its last changes, oldest first.
    pub changes: VecDeque<Change>,
    /// Until when its SIM need not be looked at, as the site stands.
    sim: Look,
    /// How many changes are not published yet; they are the last.
    unpublished: usize,
    published_at: Instant,
    /// Whether it stands among those that are to be published.
    due: bool,
}

/// When something of the site has to be looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Look {
    edition: u64,
    until: Instant,
}

impl Standing {
    fn new(heard: Heard) -> Self {
        Self {
            heard,
            report: None,
            heartbeat: None,
            battery_mv: None,
            battery_pct: None,
            temperature_c: None,
            rssi_dbm: None,
            snr_db: None,
            firmware: None,
            wrong: Vec::new(),
            changes: VecDeque::new(),
            sim: Look { edition: u64::MAX, until: Instant::MIN },
            unpublished: 0,
            published_at: heard.at,
            due: false,
        }
    }

    fn change(&mut self, at: Instant, record: FrameName, what: What) {
        if self.changes.len() >= CHANGES {
            self.changes.pop_front();
        }
        self.changes.push_back(Change { at, record, what });
        self.unpublished = (self.unpublished + 1).min(CHANGES);
    }

    /// The changes since it was published the last time, oldest first.
    pub fn unpublished(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().skip(self.changes.len().saturating_sub(self.unpublished))
    }
}

/// The devices that a partition has heard.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Register {
    devices: IdTable<Arc<Standing>>,
    /// Lots whose devices are silent together, and since when.
    silent_lots: IdMap<Instant>,
    /// To be published.
    due: Vec<Id>,
}

impl Register {
    /// Says that a device is to be published, where it is.
    fn is_due(&mut self, device: Id) {
        let Some(standing) = self.devices.change(&device).filter(|standing| !standing.due) else { return };
        if standing.unpublished > 0 || standing.heard.at - standing.published_at >= PUBLISH {
            standing.due = true;
            self.due.push(device);
        }
    }

    /// Gives each device that is to be published, in the order in which they changed.
    pub(crate) fn publish(&mut self, mut each: impl FnMut(&Self, Id, &Standing)) {
        for device in core::mem::take(&mut self.due) {
            if let Some(standing) = self.devices.get(&device) {
                each(self, device, standing);
            }
            if let Some(standing) = self.devices.change(&device) {
                (standing.unpublished, standing.due, standing.published_at) = (0, false, standing.heard.at);
            }
        }
    }

    /// A frame of a device was applied. Says whether its SIM has to be looked at, which is seldom.
    pub(crate) fn heard(&mut self, device: Id, heard: Heard, vitals: Vitals, edition: u64) -> bool {
        let mut first = false;
        let standing = Arc::make_mut(self.devices.or_insert_with(device, || {
            first = true;
            Arc::new(Standing::new(heard))
        }));
        if first {
            standing.change(heard.at, heard.frame, What::First);
        } else if vitals.restart {
            standing.change(heard.at, heard.frame, What::Restarted);
        }
        standing.heard = heard;
        let kind = if vitals.reports { &mut standing.report } else { &mut standing.heartbeat };
        *kind = Some(heard);
        let keep =
            |known: &mut Option<i32>, said: Option<Milli>| *known = said.map(Milli::thousandths).or(*known);
        keep(&mut standing.battery_mv, vitals.battery_v);
        keep(&mut standing.battery_pct, vitals.battery_pct);
        keep(&mut standing.temperature_c, vitals.temperature_c);
        keep(&mut standing.rssi_dbm, vitals.rssi_dbm);
        keep(&mut standing.snr_db, vitals.snr_db);
        if let Some(firmware) = vitals.firmware.filter(|said| standing.firmware.as_ref() != Some(said)) {
            standing.change(heard.at, heard.frame, What::Firmware(firmware.clone()));
            standing.firmware = Some(firmware);
        }
        let look = standing.sim.edition != edition || standing.sim.until <= heard.at;
        self.is_due(device);
        look
    }

    /// What the session machine has found out, with the record that was being applied.
    pub(crate) fn alert(&mut self, alert: &AlertRecord, record: FrameName) {
        if alert.kind == AlertKind::LotOffline {
            if let Some(lot) = alert.lot {
                match alert.closed_at {
                    None => drop(self.silent_lots.insert(lot, alert.opened_at)),
                    Some(_) => drop(self.silent_lots.remove(&lot)),
                }
            }
            return;
        }
        let Some(device) = alert.device else { return };
        let Some(standing) = self.devices.change(&device) else { return };
        let known = standing.wrong.iter().position(|kind| *kind == alert.kind);
        match (alert.closed_at, known) {
            (None, None) if is_state(alert.kind) => {
                standing.wrong.push(alert.kind);
                standing.change(alert.opened_at, record, What::Wrong(alert.kind));
            }
            (Some(at), Some(place)) => {
                standing.wrong.remove(place);
                standing.change(at, record, What::Cured(alert.kind));
            }
            _ => {}
        }
        self.is_due(device);
    }

    /// A device as it is known, where it was heard here.
    pub fn device(&self, device: &Id) -> Option<&Standing> {
        self.devices.get(device).map(AsRef::as_ref)
    }

    /// Whether a device is in contact; its own silence counts, and that of its whole lot.
    pub fn is_online(&self, device: &Id, lot: Option<&Id>) -> Option<bool> {
        let standing = self.devices.get(device)?;
        let silent = lot.and_then(|lot| self.silent_lots.get(lot));
        let with_lot = silent.is_some_and(|since| standing.heard.at < *since);
        Some(!with_lot && !standing.wrong.contains(&AlertKind::Offline))
    }

    /// Why a device's SIM is ending, if it is; and remembers until when nobody needs to look again.
    pub(crate) fn look_at_sim(
        &mut self,
        device: &Id,
        at: Instant,
        edition: u64,
        site: &Site,
    ) -> Option<(Id, String)> {
        let sim = site.at::<Device>(device, at).and_then(|device| device.sim);
        let sim = sim.and_then(|sim| site.at::<Sim>(&sim, at));
        let (until, why) = sim.map_or((Instant::MAX, None), |sim| ending(sim, at));
        if let Some(standing) = self.devices.change(device) {
            standing.sim = Look { edition, until };
        }
        why.and_then(|why| Some((sim?.id, why)))
    }

    /// The devices that were heard and have this SIM.
    pub(crate) fn with_sim(&self, sim: &str, at: Instant, site: &Site) -> Vec<Id> {
        let has = |id: &&Id| {
            let device = site.at::<Device>(id, at);
            device.and_then(|device| device.sim).is_some_and(|its| its.as_str() == sim)
        };
        let mut devices: Vec<Id> = self.devices.keys().filter(has).copied().collect();
        devices.sort_unstable();
        devices
    }

    /// Appends it to `out`.
    pub(crate) fn save_to(&self, out: &mut Vec<u8>) {
        let mut lots: Vec<_> = self.silent_lots.iter().collect();
        lots.sort_unstable();
        let before = core::mem::take(out);
        *out = postcard::to_extend(&(&self.devices, lots), before).unwrap_or_default();
    }

    pub(crate) fn restore(saved: &[u8]) -> Option<Self> {
        let (devices, lots): Saved = postcard::from_bytes(saved).ok()?;
        let devices = devices.into_iter().collect();
        Some(Self { devices, silent_lots: lots.into_iter().collect(), due: Vec::new() })
    }
}

/// What is saved: devices and silent lots, by id.
type Saved = (Vec<(Id, Arc<Standing>)>, Vec<(Id, Instant)>);

/// Alerts that say how a device is; others tell of what happened once.
fn is_state(kind: AlertKind) -> bool {
    matches!(
        kind,
        AlertKind::LowBattery
            | AlertKind::WeakSignal
            | AlertKind::DeviceFault
            | AlertKind::Undecodable
            | AlertKind::Offline
            | AlertKind::Clock
            | AlertKind::FramesLost
            | AlertKind::GateNotObeying
            | AlertKind::SimEnding
    )
}

/// Why a plan is ending at this instant, and until when that holds.
fn ending(sim: &Sim, at: Instant) -> (Instant, Option<String>) {
    if let (Some(data), Some(used)) = (sim.data_mb, sim.used_mb) {
        let left = data.saturating_sub(used);
        if left.saturating_mul(ENDING_SHARE) <= data {
            return (Instant::MAX, Some(format!("SIM {}: {left} of {data} MB left", sim.id)));
        }
    }
    match sim.valid_until {
        Some(end) if at >= end - ENDING_SPAN => {
            (Instant::MAX, Some(format!("SIM {}: valid until {end}", sim.id)))
        }
        Some(end) => (end - ENDING_SPAN, None),
        None => (Instant::MAX, None),
    }
}
