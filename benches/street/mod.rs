//! A made-up street: what its detectors send, as frame records in the order received.

use parking_types::{Instant, Span};

/// Berths of one lot.
const LOT: usize = 500;

/// Detectors of one berth each, and how often they speak.
pub(crate) struct Street {
    /// How many berths.
    pub(crate) berths: usize,
    /// Stays at each berth.
    pub(crate) stays: usize,
    /// Heartbeats within each stay, besides its two change frames.
    pub(crate) heartbeats: usize,
}

impl Street {
    /// The site document.
    pub(crate) fn site(&self) -> String {
        let list =
            |count: usize, each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<Vec<_>>().join(",");
        let lots = list(self.berths.div_ceil(LOT), &|lot| {
            format!(r#"{{"id":"L{lot}","kind":"roadside","time_zone":"Asia/Shanghai","tariffs":["t"]}}"#)
        });
        let berths = list(self.berths, &|id| format!(r#"{{"id":"b{id}","lot":"L{}"}}"#, id / LOT));
        let devices = list(self.berths, &|id| {
            format!(r#"{{"id":"d{id}","protocol":"bosch-tps110","berth":"b{id}","heartbeat":"24h"}}"#)
        });
        format!(
            r#"{{"format":1,"lots":[{lots}],"berths":[{berths}],"devices":[{devices}],"tariffs":[{TARIFF}]}}"#
        )
    }

    /// All frame records, by `received_at`: each round every car comes, its detector speaks, and it goes.
    pub(crate) fn frames(&self) -> Vec<String> {
        let start = Instant::from_secs(1_772_409_600).unwrap_or_default(); // 2026-03-02T08:00:00+08:00
        let steps = self.heartbeats + 2;
        let mut frames = Vec::with_capacity(self.berths * self.stays * steps);
        for turn in 0..self.stays * steps {
            let step = turn % steps;
            for berth in 0..self.berths {
                // Ten minutes a turn; the berths follow each other within it in an order of their own.
                let place = berth * 7919 % self.berths;
                let micros = (turn * 600_000_000 + berth * (590_000_000 / self.berths)) as i64;
                let at = (start + Span::from_nanos(micros * 1000)).at_offset(28_800);
                let (port, payload) = match step {
                    0 => (1, "01"),
                    last if last + 1 == steps => (1, "00"),
                    _ => (2, "0112"),
                };
                frames.push(format!(
                    r#"{{"received_at":"{at}","device":"d{place}","protocol":"bosch-tps110","port":{port},"counter":{turn},"payload":"{payload}"}}"#
                ));
            }
        }
        frames
    }
}

const TARIFF: &str = r#"{"format":1,"id":"t","currency":"CNY","time_zone":"Asia/Shanghai","caps":[{"per":"natural_day","amount":"40.00"}],
"rules":[{"id":"day","from":"07:30","to":"21:00","charge":{"steps":[{"upto":"1h","price":"5.00"},{"every":"30m","price":"2.00"}]}},
{"id":"night","from":"21:00","to":"07:30","charge":{"steps":[{"every":"1h","price":"1.00"}]}}]}"#;
