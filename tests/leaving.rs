//! Sessions leave memory and come back: nobody can tell from what comes out.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

#[path = "support/shelves.rs"]
mod shelves;

use std::{collections::BTreeMap, fs, path::Path};

use parking_types::{Id, Instant, Span};
use parkline::{
    ask::{Question, Subject},
    site::Site,
};
use session_core::Need;
use shelves::{Met, Three};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn recording(name: &str) -> Three {
    let site = Site::parse(&[("site", read(&format!("examples/data/site/{name}.json")))]).unwrap();
    let mut three = Three::new(&site);
    let text = read(&format!("examples/data/frames/{name}.jsonl"));
    for line in text.lines() {
        three.apply(line);
    }
    three.finish();
    three
}

#[test]
fn the_bays_of_dundee() {
    let [all, settled, ended] = recording("dundee").in_memory();
    assert!(all > 4_000 && settled < all && ended < 200, "{all} {settled} {ended}");
}

#[test]
fn a_car_park() {
    let [all, settled, ended] = recording("mall").in_memory();
    assert!(all > 300 && settled < all && ended < settled, "{all} {settled} {ended}");
}

/// A small generator of numbers that are the same every time (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }
}

const SITE: &str = r#"{"format":1,
    "lots":[{"id":"L","kind":"roadside","group":"grp","time_zone":"Asia/Shanghai","tariffs":["t"],"policy":{"correctable":"400d"}},
            {"id":"G","kind":"gated","group":"grp","time_zone":"Asia/Shanghai","tariffs":["t"],"policy":{"correctable":"400d"}}],
    "berths":[{"id":"b1","lot":"L"},{"id":"b2","lot":"L"},{"id":"b3","lot":"L"}],
    "lanes":[{"id":"in","lot":"G","direction":"entry","gate":"none"},
             {"id":"out","lot":"G","direction":"exit","gate":"none"}],
    "devices":[{"id":"m1","protocol":"bosch-tps110","berth":"b1"},{"id":"m2","protocol":"bosch-tps110","berth":"b2"},
               {"id":"m3","protocol":"bosch-tps110","berth":"b3"}],
    "passes":[{"id":"p","plates":["粤B12345","粤B54321","京A88888"],"lots":["L","G"],"spaces":1,
               "from":"2026-01-01T00:00:00+08:00","to":"2027-06-01T00:00:00+08:00","state":"active"}],
    "tariffs":[{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","first_stay_free":true,
        "caps":[{"per":"day","amount":"9.00"}],
        "rules":[{"id":"all","charge":{"steps":[{"every":"30m","price":"1.00"}]}}]}]}"#;

const PLATES: [&str; 5] = ["粤B12345", "粤B54321", "京A88888", "沪C11111", "沪C1111I"];
const COLORS: [&str; 4] = [r#""blue""#, r#""green""#, r#""yellow""#, r#""unknown""#];

/// Weeks of a small town in which people correct and pay what is long gone.
struct Weeks {
    numbers: Numbers,
    now: Instant,
    counters: [u32; 3],
    actions: u32,
    /// Sessions that have come out, with their entries.
    sessions: BTreeMap<String, Instant>,
    payments: Vec<String>,
    lines: Vec<String>,
}

impl Weeks {
    fn record(&mut self) -> String {
        let step = match self.numbers.below(20) {
            0 => Span::from_hours(30),
            1..=4 => Span::from_mins(self.numbers.below(600) as i64),
            _ => Span::from_mins(self.numbers.below(90) as i64),
        };
        self.now = self.now + step;
        let now = self.now;
        match self.numbers.below(20) {
            0..=1 => format!(r#"{{"received_at":"{now}","tick":true}}"#),
            2..=7 => self.frame(),
            8 if !self.lines.is_empty() => {
                // Once more what came before: the same id, on the day.
                let line = &self.lines[self.numbers.below(self.lines.len() as u64) as usize];
                let rest = line.split_once(r#","protocol""#).unwrap().1;
                format!(r#"{{"received_at":"{now}","protocol"{rest}"#)
            }
            9 if self.numbers.below(6) == 0 => self.reference(),
            _ => self.action(),
        }
    }

    fn frame(&mut self) -> String {
        let which = self.numbers.below(3) as usize;
        // Sometimes a number is missing.
        self.counters[which] += 1 + u32::from(self.numbers.below(6) == 0);
        let occupied = self.numbers.below(2);
        format!(
            r#"{{"received_at":"{}","device":"m{}","port":1,"counter":{},"payload":"0{occupied}"}}"#,
            self.now,
            which + 1,
            self.counters[which]
        )
    }

    fn reference(&mut self) -> String {
        let (now, since) = (self.now, self.now - Span::from_hours(self.numbers.below(24) as i64));
        let price = 1 + self.numbers.below(2);
        match self.numbers.below(3) {
            0 => format!(
                r#"{{"received_at":"{now}","reference":{{"kind":"tariffs","id":"t","since":"{since}","value":{{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","first_stay_free":true,"rules":[{{"id":"all","charge":{{"steps":[{{"every":"30m","price":"{price}.00"}}]}}}}]}},"by":{{"kind":"user","id":"u"}},"reason":"r"}}}}"#
            ),
            1 => format!(
                r#"{{"received_at":"{now}","reference":{{"kind":"passes","id":"p","since":"{since}","value":{{"id":"p","plates":["粤B12345","粤B54321","京A88888"],"lots":["L","G"],"spaces":{price},"from":"2026-01-01T00:00:00+08:00","to":"2027-06-01T00:00:00+08:00","state":"active"}},"by":{{"kind":"user","id":"u"}},"reason":"r"}}}}"#
            ),
            // Nothing can be priced, and then it can.
            _ => format!(
                r#"{{"received_at":"{now}","reference":{{"kind":"lots","id":"L","since":"{now}","value":{{"id":"L","kind":"roadside","group":"grp","time_zone":"Asia/Shanghai","tariffs":["{}"],"policy":{{"correctable":"400d"}}}},"by":{{"kind":"user","id":"u"}},"reason":"r"}}}}"#,
                self.numbers.one(&["t", "t", "none"])
            ),
        }
    }

    fn action(&mut self) -> String {
        self.actions += 1;
        let (numbers, now) = (&mut self.numbers, self.now);
        let back = [0, 0, 0, 60, 3_600, 40_000, 200_000, 2_000_000][numbers.below(8) as usize];
        let at = now - Span::from_secs(back);
        let plate = numbers.one(&PLATES.each_ref().map(|plate| *plate));
        let color = numbers.one(&COLORS.each_ref().map(|color| *color));
        let berth = numbers.one(&["b1", "b2", "b3"]);
        // Mostly one of those that have been there for a while.
        let known: Vec<(&String, &Instant)> = self.sessions.iter().collect();
        let one = |numbers: &mut Numbers| known.get(numbers.below(known.len().max(1) as u64) as usize);
        let (session, entry) = match one(numbers) {
            Some((session, entry)) => (session.as_str(), **entry),
            None => ("00000000000000000000000000", now),
        };
        let other = one(numbers).map_or("x", |(session, _)| session.as_str());
        let target = match numbers.below(8) {
            0 => format!(r#""berth":"{berth}""#),
            1 => format!(r#""lot":"G","plate":"{plate}""#),
            2 => format!(r#""lot":"G","ticket":"T{}""#, numbers.below(4)),
            _ => format!(r#""session":"{session}""#),
        };
        let long = Span::from_mins(1 + numbers.below(6_000) as i64);
        let (kind, fields) = match numbers.below(24) {
            0..=2 => ("entry", format!(r#""berth":"{berth}","plate":"{plate}","plate_color":{color}"#)),
            3 => {
                ("entry", format!(r#""berth":"{berth}","plate":"{plate}","exit":"{}""#, (at + long).min(now)))
            }
            4..=6 => ("entry", format!(r#""lane":"in","plate":"{plate}","plate_color":{color}"#)),
            7 => ("entry", format!(r#""lane":"in","ticket":"T{}""#, numbers.below(4))),
            8..=10 => ("exit", target),
            11 => ("plate", format!(r#"{target},"plate":"{plate}","plate_color":{color}"#)),
            12 => ("times", format!(r#""session":"{session}","exit":"{}""#, (entry + long).min(now))),
            13 => ("times", format!(r#""session":"{session}","entry":"{}""#, entry - long)),
            14 => ("void", target),
            15 => ("restore", format!(r#""session":"{session}""#)),
            16 => ("merge", format!(r#""session":"{session}","sessions":["{other}"]"#)),
            17 => {
                let payment = self.payments.get(numbers.below(self.payments.len().max(1) as u64) as usize);
                let payment = payment.map_or("none", String::as_str);
                return self.line("payment_reversed", at, &format!(r#""payment":"{payment}""#));
            }
            18 => ("adjust", format!(r#"{target},"adjust":[{{"amount":"1.00"}}]"#)),
            _ => {
                let payment = format!("pay-{}", self.actions);
                let amount = 1 + numbers.below(5);
                let fields =
                    format!(r#"{target},"payment":"{payment}","amount":"{amount}.00","currency":"CNY""#);
                self.payments.push(payment);
                ("payment", fields)
            }
        };
        self.line(kind, at, &fields)
    }

    /// Asks for everything that can be asked; so many bytes are the answers.
    fn ask(&self, three: &Three, session: &str) -> usize {
        let id = |text: &str| Id::new(text).unwrap();
        let berths = ["b1", "b2", "b3"].map(id);
        let tickets = (0..4).map(|n| Subject::Ticket(id("G"), id(&format!("T{n}"))));
        let of = berths.iter().copied().map(Subject::Berth).chain(tickets);
        let of = of.chain([Subject::Session(id(session)), Subject::Lane(id("out"))]).collect();
        let due = Question::Due { at: self.now, of };
        let payment = self.payments.iter().nth_back(9).or(self.payments.first()).map(|payment| id(payment));
        let questions = [due, Question::Inside(vec![id("G")]), Question::Berths(berths.to_vec())]
            .into_iter()
            .chain(payment.map(Question::Payment))
            .chain((1..=self.actions).step_by(7).map(|nth| Question::Action(id(&format!("a-{nth}")))));
        questions.map(|question| three.ask(&question).len()).sum()
    }

    fn line(&mut self, kind: &str, at: Instant, fields: &str) -> String {
        let line = format!(
            r#"{{"received_at":"{}","protocol":"manual","payload":{{"id":"a-{}","action":"{kind}","at":"{at}","by":{{"kind":"user","id":"u"}},"reason":"r",{fields}}}}}"#,
            self.now, self.actions
        );
        self.lines.push(line.clone());
        line
    }
}

fn weeks(seed: u64, records: u32) -> (Met, BTreeMap<&'static str, u64>) {
    let mut three = Three::new(&Site::parse(&[("site", SITE)]).unwrap());
    let mut weeks = Weeks {
        numbers: Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
        now: "2026-03-02T00:00:00Z".parse().unwrap(),
        counters: [0; 3],
        actions: 0,
        sessions: BTreeMap::new(),
        payments: Vec::new(),
        lines: Vec::new(),
    };
    let (mut topics, mut asked) = (BTreeMap::new(), 0);
    for nth in 0..records {
        let line = weeks.record();
        let (_, outputs) = three.apply(&line);
        for output in outputs {
            *topics.entry(output.topic).or_default() += 1;
            if output.topic == "sessions" {
                let value: serde_json::Value = serde_json::from_slice(&output.value).unwrap();
                let entry = value["entry"]["at"].as_str().or(value["exit"]["at"].as_str()).unwrap();
                weeks.sessions.insert(output.key, entry.parse().unwrap());
            }
        }
        if nth % 97 == 0 {
            three.restart();
        }
        if nth % 31 == 0
            && let Some(session) = weeks.sessions.keys().nth(nth as usize % weeks.sessions.len().max(1))
        {
            three.due(session, weeks.now);
            asked += weeks.ask(&three, session);
        }
    }
    three.finish();
    let [all, settled, ended] = three.in_memory();
    assert!(settled < all && ended <= settled, "seed {seed}: {all} {settled} {ended}");
    assert!(asked > 1_000, "seed {seed}: {asked} bytes of answers");
    (three.met(), topics)
}

/// `SEEDS=1000` tries that many towns.
#[test]
fn weeks_of_corrections_and_late_payments() {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(12);
    let (mut met, mut topics) = (Met::new(), BTreeMap::<&str, u64>::new());
    for seed in 1..=seeds {
        let (more, out) = weeks(seed, 900);
        more.into_iter().for_each(|(need, count)| *met.entry(need).or_default() += count);
        out.into_iter().for_each(|(topic, count)| *topics.entry(topic).or_default() += count);
    }
    println!("{met:#?} {topics:?}");
    for need in Need::ALL {
        assert!(met.contains_key(&(need, false)), "no record has met {need:?}");
    }
    for need in [Need::Session, Need::PlateStays, Need::PlateColor, Need::PassMates] {
        assert!(met.contains_key(&(need, true)), "no timer has met {need:?}");
    }
}
