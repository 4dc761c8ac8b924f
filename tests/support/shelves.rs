//! The same records with sessions that never leave memory, that leave when nothing but a person can change them, and
//! that leave as soon as they have ended: all three must give the same bytes.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use parkline::{
    ask::Question,
    pipeline::Pipeline,
    site::Site,
    stage::{Outcome, Output, Position, Record, Stage},
};
use session_core::{Each, MemoryStore, Need, Store};

/// Which needs something in the store has met: by need, and whether a timer had it.
pub(crate) type Met = BTreeMap<(Need, bool), u64>;

#[derive(Default)]
struct Notes {
    /// The record is a tick: whatever is needed, timers need it.
    ticks: bool,
    met: Met,
}

/// A store that counts what it is needed for.
struct Counting {
    kept: MemoryStore,
    notes: Arc<Mutex<Notes>>,
}

impl Counting {
    fn met(&self, key: &[u8]) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let ticks = notes.ticks;
        *notes.met.entry((Need::of_key(key).expect("a key that nobody needs"), ticks)).or_default() += 1;
    }
}

impl Store for Counting {
    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.kept.get(key).inspect(|_| self.met(key))
    }

    fn range(&self, from: &[u8], to: &[u8], each: &mut Each<'_>) {
        let mut found = false;
        self.kept.range(from, to, &mut |key, value| {
            found = true;
            each(key, value)
        });
        if found {
            self.met(from);
        }
    }

    fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.kept.put(key, value);
    }

    fn remove(&mut self, key: &[u8]) {
        self.kept.remove(key);
    }
}

/// Three pipelines beside each other.
pub(crate) struct Three {
    site: Site,
    all: [Pipeline; 3],
    notes: [Arc<Mutex<Notes>>; 2],
    offset: u64,
}

impl Three {
    pub(crate) fn new(site: &Site) -> Self {
        let notes: [Arc<Mutex<Notes>>; 2] = Default::default();
        let mut all = [(); 3].map(|()| Pipeline::new(site.clone()));
        for (nth, notes) in notes.iter().enumerate() {
            let store = Counting { kept: MemoryStore::default(), notes: Arc::clone(notes) };
            all[nth + 1].keep_in(Box::new(store), nth == 1);
        }
        Self { site: site.clone(), all, notes, offset: 0 }
    }

    /// Applies a record to all three and compares what came of it.
    pub(crate) fn apply(&mut self, line: &str) -> (Outcome, Vec<Output>) {
        let record =
            Record { position: Position { partition: 0, offset: self.offset }, value: line.as_bytes() };
        self.offset += 1;
        for notes in &self.notes {
            notes.lock().unwrap_or_else(PoisonError::into_inner).ticks = line.contains(r#""tick""#);
        }
        let [stay, settled, ended] = self.all.each_mut().map(|pipeline| {
            let mut outputs = Vec::new();
            (pipeline.apply(record, &mut outputs), outputs)
        });
        assert_same(line, "settled", &stay, &settled);
        assert_same(line, "ended", &stay, &ended);
        stay
    }

    /// The recording is over.
    pub(crate) fn finish(&mut self) {
        let [stay, settled, ended] = self.all.each_mut().map(|pipeline| {
            pipeline.finish();
            let effects: Vec<_> = pipeline.take_effects().collect();
            effects.iter().map(|effect| pipeline.publish(effect)).collect::<Vec<_>>()
        });
        assert_same(
            "the end",
            "settled",
            &(Outcome::NotAFrame, stay.clone()),
            &(Outcome::NotAFrame, settled),
        );
        assert_same("the end", "ended", &(Outcome::NotAFrame, stay), &(Outcome::NotAFrame, ended));
    }

    /// The machines stop, and others go on from their states and stores.
    pub(crate) fn restart(&mut self) {
        for (nth, pipeline) in self.all.iter_mut().enumerate() {
            let mut other = Pipeline::new(self.site.clone());
            assert!(other.restore(&pipeline.save()));
            if let Some(store) = pipeline.take_store() {
                other.keep_in(store, nth == 2);
            }
            *pipeline = other;
        }
    }

    pub(crate) fn in_memory(&self) -> [usize; 3] {
        self.all.each_ref().map(Pipeline::sessions_in_memory)
    }

    /// What a session costs, as all three say.
    pub(crate) fn due(&self, session: &str, at: parking_types::Instant) {
        let [stay, settled, ended] = self.all.each_ref().map(|pipeline| pipeline.due(session, at));
        assert_eq!(stay, settled);
        assert_eq!(stay, ended);
    }

    /// What a question is answered, as all three say.
    pub(crate) fn ask(&self, question: &Question) -> Vec<u8> {
        let [stay, settled, ended] = self.all.each_ref().map(|pipeline| pipeline.answer(question));
        let text = |answer: &[u8]| String::from_utf8_lossy(answer).into_owned();
        assert_eq!(text(&stay), text(&settled), "{question:?}");
        assert_eq!(text(&stay), text(&ended), "{question:?}");
        stay
    }

    /// Which needs were met, with both stores together.
    pub(crate) fn met(&self) -> Met {
        let mut all = Met::new();
        for notes in &self.notes {
            for (need, count) in &notes.lock().unwrap_or_else(PoisonError::into_inner).met {
                *all.entry(*need).or_default() += count;
            }
        }
        all
    }
}

fn assert_same(line: &str, when: &str, stay: &(Outcome, Vec<Output>), left: &(Outcome, Vec<Output>)) {
    let text = |(outcome, outputs): &(Outcome, Vec<Output>)| {
        let outputs = outputs.iter();
        let lines = outputs.map(|o| format!("\n{} {} {}", o.topic, o.key, String::from_utf8_lossy(&o.value)));
        format!("{outcome:?}{}", lines.collect::<String>())
    };
    assert!(stay == left, "{line}\nnone leaves: {}\n{when} leave: {}", text(stay), text(left));
}
