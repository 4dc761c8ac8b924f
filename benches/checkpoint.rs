//! How long a pipeline stands while its state is written down, by the number of its berths.
//!
//! Prints a table: `cargo bench --bench checkpoint [-- BERTHS …]`. Each berth is occupied and has been confirmed a few
//! times; one in ten changes while the state is written.

#![allow(clippy::unwrap_used, missing_docs, reason = "a measurement stops at the first surprise")]

use std::time::{Duration, Instant};

use parkline::{
    pipeline::Pipeline,
    site::Site,
    stage::{Position, Record, Stage},
};

fn site(berths: usize) -> Site {
    let list = |one: &dyn Fn(usize) -> String| (0..berths).map(one).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"format":1,"lots":[{{"id":"L1","kind":"roadside","time_zone":"Asia/Shanghai"}}],"berths":[{}],"devices":[{}]}}"#,
        list(&|n| format!(r#"{{"id":"B{n}","lot":"L1"}}"#)),
        list(&|n| format!(r#"{{"id":"m-{n}","protocol":"bosch-tps110","berth":"B{n}"}}"#)),
    );
    Site::parse(&[("site.json", text.as_bytes())]).unwrap()
}

/// A pipeline and its records.
struct Street {
    pipeline: Pipeline,
    offset: u64,
}

impl Street {
    /// Frame `round` of a device: occupied on port 1, or a heartbeat that says so on port 2.
    fn frame(&mut self, device: usize, round: usize, port: u8, occupied: bool) -> Duration {
        let minute = round * 10;
        let text = format!(
            r#"{{"received_at":"2026-03-02T{:02}:{:02}:00+08:00","device":"m-{device}","port":{port},"counter":{round},"payload":"{:02x}"}}"#,
            minute / 60,
            minute % 60,
            u8::from(occupied),
        );
        let position = Position { partition: 0, offset: self.offset };
        self.offset += 1;
        let mut outputs = Vec::new();
        let since = Instant::now();
        self.pipeline.apply(Record { position, value: text.as_bytes() }, &mut outputs);
        since.elapsed()
    }

    fn filled(berths: usize) -> Self {
        let mut street = Self { pipeline: Pipeline::new(site(berths)), offset: 0 };
        for round in 1..=4 {
            for device in 0..berths {
                street.frame(device, round, if round == 1 { 1 } else { 2 }, true);
            }
        }
        street
    }
}

fn main() {
    let mut wanted: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    if wanted.is_empty() {
        wanted = vec![10_000, 100_000];
    }
    for berths in wanted {
        let mut street = Street::filled(berths);
        let since = Instant::now();
        let bytes = street.pipeline.save().len();
        println!("{berths} berths: {bytes} bytes; saved at once in {:?}", since.elapsed());
        let tell = |what: &str, mut took: Vec<Duration>| {
            took.sort_unstable();
            let (sum, longest) = (took.iter().sum::<Duration>(), took[took.len() - 1]);
            println!("  {what}: median {:?}, longest {longest:?}, together {sum:?}", took[took.len() / 2]);
        };
        let others = |street: &mut Street, which: usize| {
            (0..berths / 10).map(|n| street.frame(n * 10 + which, 5, 1, false)).collect::<Vec<_>>()
        };
        tell("a frame while nobody writes", others(&mut street, 0));
        let since = Instant::now();
        let cut = street.pipeline.cut();
        println!("  cut in {:?}", since.elapsed());
        let writer = std::thread::spawn(move || {
            let since = Instant::now();
            let mut saved = Vec::new();
            cut(&mut saved);
            (saved.len(), since.elapsed())
        });
        tell("a frame while a thread writes", others(&mut street, 1));
        let (bytes, took) = writer.join().unwrap();
        println!("  {bytes} bytes written beside in {took:?}");
    }
}
