//! The city that knows the truth: streets, a garage, drivers, and what devices and networks make of them.

use std::collections::BTreeMap;

use parking_types::{Instant, Span};

use crate::dice::Dice;

pub(crate) const STREETS: usize = 3;
pub(crate) const BERTHS: usize = 8;
pub(crate) const PLACES: u32 = 12;

/// Something that is going to happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A record reaches the log.
    Record(String),
    /// A car drives up to the garage's entry.
    Arrive(u32),
    /// A car drives up to its exit.
    Leave(u32),
    /// Its driver pays at the arm.
    Pay(u32),
}

/// A clock that drifts until it is set by the network's, every six hours.
#[derive(Clone, Copy, Default)]
pub(crate) struct Clock {
    /// Seconds that it is ahead when it has been set.
    ahead: i64,
    /// Millionths that it is too quick.
    drift: i64,
}

impl Clock {
    const SET_EVERY: i64 = 6 * 3_600;
    /// So many seconds are the detectors' clocks off at the most.
    pub(crate) const WORST: i64 = 230;

    /// A detector's: at the worst nearly four minutes off, which is still believed.
    fn of_detector(dice: &mut Dice) -> Self {
        Self { ahead: dice.between(-100, 100), drift: dice.between(-6_000, 6_000) }
    }

    /// A camera's: some seconds off, less than cars are apart.
    fn of_camera(dice: &mut Dice) -> Self {
        Self { ahead: dice.between(-3, 3), drift: dice.between(-180, 180) }
    }

    /// What it shows at an instant.
    pub(crate) const fn shows(self, at: i64) -> i64 {
        at + self.ahead + at.rem_euclid(Self::SET_EVERY) * self.drift / 1_000_000
    }
}

/// The plan of a run, in seconds since its start.
pub(crate) struct Town {
    pub hours: i64,
    pub events: Vec<(i64, Event)>,
    /// When cars truly stood on a berth.
    pub truth: BTreeMap<String, Vec<(i64, i64)>>,
    /// What the clock of a berth's detector shows.
    pub clocks: BTreeMap<String, Clock>,
    /// What the clocks of the cameras at entry and exit show.
    pub cameras: [Clock; 2],
    /// When we were out.
    pub outage: (i64, i64),
}

pub(crate) fn at(secs: i64) -> Instant {
    // 2026-03-02T00:00:00+08:00
    Instant::from_secs(1_772_380_800).unwrap_or_default() + Span::from_secs(secs)
}

pub(crate) fn text(secs: i64) -> String {
    at(secs).at_offset(28_800).to_string()
}

/// The price in force: so much a started half hour.
pub(crate) fn tariff(price: &str) -> String {
    format!(
        r#"{{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","rules":[{{"id":"all","charge":{{"steps":[{{"every":"30m","price":"{price}"}}]}}}}]}}"#
    )
}

/// The city as reference data.
pub(crate) fn site() -> String {
    let mut lots = vec![format!(
        r#"{{"id":"G1","kind":"gated","time_zone":"Asia/Shanghai","capacity":{PLACES},"tariffs":["t"]}}"#
    )];
    let (mut berths, mut devices) = (Vec::new(), Vec::new());
    for lane in ["in", "out"] {
        devices.push(format!(
            r#"{{"id":"c-{lane}","protocol":"vz-http","lane":"G1-{lane}","heartbeat":"400d"}}"#
        ));
    }
    for street in 0..STREETS {
        lots.push(format!(
            r#"{{"id":"L{street}","kind":"roadside","time_zone":"Asia/Shanghai","tariffs":["t"]}}"#
        ));
        let protocol = if street.is_multiple_of(2) { "bosch-tps110" } else { "yuncitys-gateway" };
        for berth in 0..BERTHS {
            berths.push(format!(r#"{{"id":"L{street}-{berth}","lot":"L{street}"}}"#));
            devices.push(format!(
                r#"{{"id":"m-{street}-{berth}","protocol":"{protocol}","berth":"L{street}-{berth}","heartbeat":"1h"}}"#
            ));
        }
    }
    format!(
        r#"{{"format":1,"lots":[{}],"berths":[{}],"devices":[{}],"tariffs":[{}],"lanes":[{{"id":"G1-in","lot":"G1","direction":"entry"}},{{"id":"G1-out","lot":"G1","direction":"exit"}}]}}"#,
        lots.join(","),
        berths.join(","),
        devices.join(","),
        tariff("1.00"),
    )
}

impl Town {
    /// Everything that will happen but what depends on the gates.
    pub(crate) fn new(dice: &mut Dice, hours: i64) -> Self {
        let end = hours * 3_600;
        let out = dice.between(end / 3, end / 2);
        let mut town = Self {
            hours,
            events: Vec::new(),
            truth: BTreeMap::new(),
            clocks: BTreeMap::new(),
            cameras: [Clock::of_camera(dice), Clock::of_camera(dice)],
            outage: (out, out + dice.between(180, 900)),
        };
        for street in 0..STREETS {
            for berth in 0..BERTHS {
                town.berth(dice, street, berth, end);
            }
        }
        town.garage(dice, end);
        town.records(end);
        town.events.sort();
        town
    }

    /// Ticks, our outage, and a price that changes under open sessions.
    fn records(&mut self, end: i64) {
        for minute in 1..=end / 60 {
            let now = minute * 60;
            if now < self.outage.0 || now > self.outage.1 {
                self.record(now, format!(r#"{{"received_at":"{}","tick":true}}"#, text(now)));
            }
        }
        let (from, to) = self.outage;
        self.record(to, format!(r#"{{"received_at":"{}","outage":{{"from":"{}"}}}}"#, text(to), text(from)));
        self.change(end / 5 * 3, "tariffs", "t", &tariff("2.00"));
        let plates = |cars: core::ops::Range<u32>| {
            cars.map(|car| format!(r#""{}""#, plate(car))).collect::<Vec<_>>().join(",")
        };
        // A pass whose cars have one place between them, taken back later; a white list that grows.
        let pass = |state| {
            let (plates, until) = (plates(5..40), text(end * 2));
            format!(
                r#"{{"id":"p","plates":[{plates}],"lots":["G1"],"from":"{}","to":"{until}","spaces":1,"state":"{state}"}}"#,
                text(0)
            )
        };
        self.change(end / 6, "passes", "p", &pass("active"));
        self.change(end / 2 + 7, "passes", "p", &pass("cancelled"));
        for (at, cars) in [(end / 4, 20..30), (end / 3 * 2, 20..90)] {
            let list = format!(r#"{{"id":"w","kind":"white","plates":[{}],"lots":["G1"]}}"#, plates(cars));
            self.change(at, "lists", "w", &list);
        }
        let strict = r#"{"id":"L1","kind":"roadside","time_zone":"Asia/Shanghai","tariffs":["t"],"policy":{"min_stay":"5m"}}"#;
        self.change(end / 7 * 3, "lots", "L1", strict);
    }

    /// Reference data change under open sessions, but not while we are out.
    fn change(&mut self, at: i64, kind: &str, id: &str, value: &str) {
        let at = if (self.outage.0..=self.outage.1).contains(&at) { self.outage.1 + 2 } else { at };
        let now = text(at);
        self.record(
            at,
            format!(
                r#"{{"received_at":"{now}","reference":{{"kind":"{kind}","id":"{id}","since":"{now}","value":{value}}}}}"#
            ),
        );
    }

    fn record(&mut self, at: i64, line: String) {
        self.events.push((at, Event::Record(line)));
    }

    /// One berth, its cars, its detector and the network between.
    fn berth(&mut self, dice: &mut Dice, street: usize, berth: usize, end: i64) {
        let (mut now, mut stays) = (dice.between(60, 5_000), Vec::new());
        while now < end {
            let leaves = now + dice.between(30, 9_000);
            stays.push((now, leaves));
            now = leaves + dice.between(60, 7_000);
        }
        let occupied = |at: i64| stays.iter().any(|(from, to)| *from <= at && at < *to);
        let mut says: Vec<(i64, &str)> =
            stays.iter().flat_map(|(a, b)| [(*a, "edge"), (*b, "edge")]).collect();
        let shift = dice.between(0, 3_600);
        says.extend((0..=end / 3_600).map(|hour| (hour * 3_600 + shift, "beat")));
        says.retain(|(at, _)| *at < end);
        // An edge in the second of a heartbeat is what the detector sends.
        says.sort_unstable_by_key(|(at, kind)| (*at, *kind != "edge"));
        says.dedup_by_key(|(at, _)| *at);
        let mut counter = dice.between(1, 250);
        let clock = if street.is_multiple_of(2) { Clock::default() } else { Clock::of_detector(dice) };
        // Some detectors die, and are started again by somebody hours later.
        let dies = if street.is_multiple_of(2) && dice.percent(25) { dice.between(0, end) } else { end };
        let starts = dies + dice.between(4_000, 20_000);
        let mut dead = false;
        for (at, kind) in says {
            dead |= (dies..starts).contains(&at);
            if (dies..starts).contains(&at) {
                continue;
            }
            counter += 1;
            let mut state = occupied(at);
            let mut received = vec![at];
            let line = if street.is_multiple_of(2) {
                let restarts = dead || kind == "beat" && dice.percent(2);
                dead = false;
                if restarts {
                    counter = 0;
                }
                state = occupied(at);
                bosch((street, berth), counter, kind, state, restarts, at)
            } else {
                let late = if dice.percent(10) { dice.between(60, 1_800) } else { dice.between(1, 5) };
                received = vec![at + late];
                gateway(street, berth, counter, kind, state, clock.shows(at))
            };
            if dice.percent(15) {
                received.push(received[0] + dice.between(1, 40));
            }
            // A start-up frame that is lost cannot be told from frames that came.
            let lost = dice.percent(4) && !line.contains(r#""port":3"#);
            for when in received {
                let heard = !lost && !(self.outage.0..=self.outage.1).contains(&when);
                if heard && when < end {
                    self.record(when, line.replace("RECEIVED", &text(when)));
                }
            }
            if state && dice.percent(10) {
                self.prepay(dice, street, berth, at + 60);
            }
        }
        self.clocks.insert(format!("L{street}-{berth}"), clock);
        self.truth.insert(format!("L{street}-{berth}"), stays);
    }

    /// A driver pays some money for the berth.
    fn prepay(&mut self, dice: &mut Dice, street: usize, berth: usize, at: i64) {
        let number = dice.roll();
        let (now, yuan) = (text(at), dice.between(1, 6));
        // While we are out the partner's system keeps it and tries again.
        let heard = if (self.outage.0..=self.outage.1).contains(&at) { self.outage.1 + 1 } else { at };
        let received = text(heard);
        self.record(
            heard,
            format!(
                r#"{{"received_at":"{received}","protocol":"manual","payload":{{"id":"a-{number}","action":"payment","at":"{now}","by":{{"kind":"partner","id":"app"}},"reason":"prepaid","payment":"p-{number}","amount":"{yuan}.00","currency":"CNY","berth":"L{street}-{berth}"}}}}"#
            ),
        );
    }

    /// Cars that come to the garage; when they leave is decided there.
    fn garage(&mut self, dice: &mut Dice, end: i64) {
        let (mut now, mut car) = (300, 0);
        while now < end {
            self.events.push((now, Event::Arrive(car)));
            now += dice.between(120, 1_500);
            car += 1;
        }
    }
}

/// A detector without a clock: the network says when it heard a frame, also where it must deliver it again.
fn bosch(berth: (usize, usize), counter: i64, kind: &str, state: bool, restarts: bool, at: i64) -> String {
    let ((street, berth), when) = (berth, text(at));
    let (port, payload) = match (restarts, kind, state) {
        (true, _, true) => (3, "240300007503000000000000001d020301"),
        (true, _, false) => (3, "0a000000970320cd000200000027020300"),
        (_, "edge", true) => (1, "01"),
        (_, "edge", false) => (1, "00"),
        (_, _, true) => (2, "0112"),
        (_, _, false) => (2, "0012"),
    };
    format!(
        r#"{{"received_at":"RECEIVED","device":"m-{street}-{berth}","network_at":"{when}","protocol":"bosch-tps110","port":{port},"counter":{counter},"payload":"{payload}"}}"#
    )
}

/// A detector with a clock, which shows `shown`.
fn gateway(street: usize, berth: usize, counter: i64, kind: &str, state: bool, shown: i64) -> String {
    let counter = (counter - 1).rem_euclid(255) + 1;
    let clock: String = text(shown).chars().take(19).collect::<String>().replace('T', " ");
    let (data, status) = (if kind == "edge" { "01" } else { "00" }, u8::from(state));
    format!(
        r#"{{"received_at":"RECEIVED","device":"m-{street}-{berth}","protocol":"yuncitys-gateway","counter":{counter},"payload":{{"msgType":1,"id":"gw","deviceId":"m-{street}-{berth}","2_devTypeCode":"212","type":"U","data":"{data}","countTopicId":{counter},"2_spaceStatus":"{status}","2_deviceTime":"{clock}","2_clockState":"0","2_packageSerialNumberHead":{counter},"2_rfRecStreng":"60","2_brighValue":"1"}}}}"#
    )
}

/// What a lane's camera says of a car.
pub(crate) fn camera(lane: &str, car: u32, number: u64, now: i64, clock: Clock) -> String {
    let sec = at(clock.shows(now)).as_secs();
    format!(
        r#"{{"received_at":"{}","device":"c-{lane}","protocol":"vz-http","payload":{{"AlarmInfoPlate":{{"channel":0,"deviceName":"","ipaddr":"192.168.22.2","result":{{"PlateResult":{{"colorType":1,"confidence":94,"direction":4,"license":"{}","timeStamp":{{"Timeval":{{"sec":{sec},"usec":0}}}},"triggerType":8,"type":1,"plateid":{number}}}}},"serialno":"s-{lane}"}}}}}}"#,
        text(now),
        plate(car),
    )
}

pub(crate) fn plate(car: u32) -> String {
    // Far enough apart that no reader takes one for another.
    format!("粤B{:05}", car * 11 % 100_000)
}
