//! What lost frames cost the operator, by both policies for two or more frames that are missing between two contacts
//! (`lost_pair`): four weeks of Dundee's charging bays, and a made-up street whose detectors report often or seldom, each
//! with a part of the detectors' frames dropped at random.
//!
//! `cargo run --release --example loss` prints the table of docs/sessions.md.

use parking_types::{Amount, Instant};
use parkline::{replay::Replay, site::Site};
use serde_json::{Value, json};

const DUNDEE_SITE: &str = include_str!("data/site/dundee.json");
const DUNDEE: &str = include_str!("data/frames/dundee.jsonl");
/// Each part is dropped in so many ways, and the mean is shown.
const SEEDS: u64 = 5;
const BERTHS: usize = 40;
const DAYS: i64 = 14;

/// What a replay came to.
#[derive(Clone, Copy, Default)]
struct Sum {
    sessions: i64,
    /// Seconds that count.
    secs: i64,
    /// Millionths of what is charged.
    money: i64,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.secs += other.secs;
        self.money += other.money;
    }
}

/// Xorshift: chance that a seed repeats.
struct Dice(u64);

impl Dice {
    const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    const fn upto(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dundee: Value = serde_json::from_str(DUNDEE_SITE)?;
    println!("| recording | lost | `lost_pair` | sessions | time charged | charged |");
    println!("|---|---|---|---|---|---|");
    table("Dundee", &dundee, DUNDEE)?;
    table("street, a heartbeat an hour", &street_site(), &street(Some(3_600)))?;
    table("street, no heartbeats", &street_site(), &street(None))?;
    Ok(())
}

fn table(name: &str, site: &Value, frames: &str) -> Result<(), Box<dyn std::error::Error>> {
    let all = replay(&with_policy(site, "split")?, frames, 0, 1);
    for percent in [1, 5, 20] {
        for policy in ["split", "join"] {
            let site = with_policy(site, policy)?;
            let mut sum = Sum::default();
            (1..=SEEDS).for_each(|seed| sum.add(replay(&site, frames, percent, seed)));
            let [sessions, secs, money] =
                [(sum.sessions, all.sessions), (sum.secs, all.secs), (sum.money, all.money)].map(share);
            println!("| {name} | {percent} % | `{policy}` | {sessions} | {secs} | {money} |");
        }
    }
    Ok(())
}

/// A mean as a part of what it is without loss.
fn share((sum, all): (i64, i64)) -> String {
    let tenths = i128::from(sum) * 1_000 / i128::from(all.max(1) * SEEDS as i64);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

fn with_policy(site: &Value, policy: &str) -> Result<Site, Box<dyn std::error::Error>> {
    let mut site = site.clone();
    for lot in site["lots"].as_array_mut().into_iter().flatten() {
        lot["policy"]["lost_pair"] = Value::from(policy);
    }
    Ok(Site::parse(&[("site.json", site.to_string())])?)
}

/// The recording without `percent` of the detectors' frames; payments and ticks come from elsewhere.
fn replay(site: &Site, frames: &str, percent: u64, seed: u64) -> Sum {
    let (mut dice, mut replay) = (Dice::new(seed), Replay::new(site.clone()));
    for line in frames.lines() {
        if !line.contains(r#""counter""#) || dice.upto(100) >= percent {
            replay.line(line.as_bytes());
        }
    }
    let report = replay.finish();
    let mut sum = Sum::default();
    for session in report.sessions().filter_map(|line| serde_json::from_str::<Value>(&line).ok()) {
        let at = |edge: &str| session[edge]["at"].as_str()?.parse::<Instant>().ok();
        if session["state"] == "closed"
            && let (Some(entry), Some(exit)) = (at("entry"), at("exit"))
        {
            sum.sessions += 1;
            sum.secs += (exit - entry).as_secs();
        }
    }
    for charge in report.charges().filter_map(|line| serde_json::from_str::<Value>(&line).ok()) {
        let total = charge["total"].as_str().and_then(|total| total.parse::<Amount>().ok());
        sum.money += total.filter(|_| charge["order"] != "running").unwrap_or_default().as_micros();
    }
    sum
}

fn street_site() -> Value {
    let berths: Vec<Value> = (0..BERTHS).map(|n| json!({"id": format!("b{n}"), "lot": "L"})).collect();
    let device = |n| json!({"id": format!("m{n}"), "protocol": "bosch-tps110", "berth": format!("b{n}")});
    let devices: Vec<Value> = (0..BERTHS).map(device).collect();
    json!({"format": 1,
        "lots": [{"id": "L", "kind": "roadside", "time_zone": "Asia/Shanghai", "tariffs": ["t"], "policy": {}}],
        "berths": berths, "devices": devices,
        "tariffs": [{"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
            "rules": [{"id": "all", "charge": {"steps": [{"every": "30m", "price": "1.00"}]}}]}]})
}

/// A street on which cars stand for 5 min to 4 h, and berths are vacant for 2 min to 1 h 30.
fn street(heartbeat: Option<i64>) -> String {
    let (mut dice, mut frames) = (Dice::new(99), Vec::new());
    let begin = Instant::from_secs(1_772_380_800).unwrap_or_default();
    for berth in 0..BERTHS {
        let end = DAYS * 86_400;
        let (mut now, mut occupied, mut counter) = (dice.upto(3_600) as i64, false, 0);
        let mut beat = now + heartbeat.unwrap_or(end);
        while now < end {
            occupied = !occupied;
            let (shortest, longest) = if occupied { (300, 14_400) } else { (120, 5_400) };
            let next = now + shortest + dice.upto((longest - shortest) as u64) as i64;
            frames.push((now, berth, counter, 1, if occupied { "01" } else { "00" }));
            counter += 1;
            while beat < next {
                if beat > now {
                    frames.push((beat, berth, counter, 2, if occupied { "0112" } else { "0012" }));
                    counter += 1;
                }
                beat += heartbeat.unwrap_or(end);
            }
            now = next;
        }
    }
    frames.sort_unstable();
    let line = |(at, berth, counter, port, payload): (i64, usize, u32, u8, &str)| {
        let at = begin + parking_types::Span::from_secs(at);
        format!(
            "{{\"received_at\":\"{at}\",\"device\":\"m{berth}\",\"port\":{port},\"counter\":{counter},\"payload\":\"{payload}\"}}\n"
        )
    };
    frames.into_iter().map(line).collect()
}
