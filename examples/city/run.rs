//! One run: the city's events in order into the pipeline, and what came out into the checks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use parking_types::{Amount, Id, Span};
use parkline::{pipeline::Pipeline, site::Site, stage::Outcome, stage::Stage};
use session_core::{
    CommandAction, Effect, FrameName, MemoryStore, Order, PaymentRecord, SessionId, SessionRecord,
};

use crate::{
    check::{Broken, Check},
    dice::Dice,
    town::{Clock, Event, PLACES, Town, camera, plate, site, text},
};

/// How long a vacancy may be a flicker, in seconds, by a clock that is ahead.
const FLICKER: i64 = 30 + Clock::WORST;

/// Faults that the checks must see.
pub(crate) const PLANTS: [&str; 18] = [
    "payment_lost",
    "payment_twice",
    "paid_by_nobody",
    "stay_longer",
    "stay_twice",
    "clock_ignored",
    "berth_of_nobody",
    "revision_stands",
    "charge_stands",
    "debt_negative",
    "debt_of_the_complete",
    "turned_away",
    "shut_for_the_free",
    "shut_for_who_paid",
    "open_for_who_owes",
    "state_lost",
    "derived_otherwise",
    "derived_bytes",
];

/// A city, the pipeline beside it, and how far they are.
pub(crate) struct Run {
    pub town: Town,
    pub check: Check,
    pub pipeline: Pipeline,
    dice: Dice,
    queue: BTreeSet<(i64, u64, Event)>,
    steps: u64,
    frames: u64,
    /// What was paid, by payment, and when.
    paid: BTreeMap<String, (i64, Amount)>,
    /// The car at the exit's arm, those behind it, and when the arm is free for the next.
    at_arm: Option<u32>,
    line: VecDeque<u32>,
    arm_free_at: i64,
    inside: u32,
    pub refused: u64,
    pub restored: u64,
    /// Sessions leave memory: as soon as they have ended, else when nothing but a person can change them.
    pub early: Option<bool>,
    /// What is printed: records and effects that contain this.
    pub trace: Option<String>,
    /// The fault that is planted between the pipeline and the checks, one of [`PLANTS`].
    pub plant: Option<String>,
}

impl Run {
    pub(crate) fn new(seed: u64, hours: i64) -> Result<Self, Broken> {
        let mut dice = Dice(seed);
        let town = Town::new(&mut dice, hours);
        let events = town.events.iter().cloned().enumerate();
        Ok(Self {
            queue: events.map(|(index, (at, event))| (at, index as u64, event)).collect(),
            steps: town.events.len() as u64,
            pipeline: Pipeline::new(reference()?),
            town,
            check: Check::default(),
            dice,
            frames: 0,
            paid: BTreeMap::new(),
            at_arm: None,
            line: VecDeque::new(),
            arm_free_at: 0,
            inside: 0,
            refused: 0,
            restored: 0,
            early: None,
            trace: None,
            plant: None,
        })
    }

    /// Sessions leave memory from the start; `early`: as soon as they have ended.
    pub(crate) fn forget(&mut self, early: bool) {
        self.early = Some(early);
        self.pipeline.keep_in(Box::new(MemoryStore::default()), early);
    }

    /// The next event; `None` when the run is over.
    pub(crate) fn step(&mut self) -> Result<Option<i64>, Broken> {
        let Some((now, _, event)) = self.queue.pop_first() else {
            self.pipeline.finish();
            self.effects()?;
            self.books(i64::MAX)?;
            return Ok(None);
        };
        if self.frames.is_multiple_of(997) {
            self.restart()?;
        }
        self.derived_again()?;
        self.check.apart()?;
        match event {
            Event::Record(line) => {
                let payment = field(&line, "payment").map(str::to_owned);
                let outcome = self.apply(&line)?.0;
                if let Some(payment) = payment.filter(|_| outcome == Outcome::Applied) {
                    self.paid.insert(payment, (now, amount(&line)));
                }
                self.books(now)?;
            }
            // The gates stand still while we are out.
            Event::Arrive(_) | Event::Leave(_) | Event::Pay(_) if self.out(now) => {
                self.then(self.town.outage.1 + 1 + (now - self.town.outage.0), event);
            }
            Event::Arrive(car) => self.arrive(car, now)?,
            Event::Leave(car) => self.leave(car, now)?,
            Event::Pay(car) => self.pay(car, now)?,
        }
        Ok(Some(now))
    }

    fn out(&self, now: i64) -> bool {
        self.town.outage.0 <= now && now <= self.town.outage.1
    }

    fn then(&mut self, at: i64, event: Event) {
        if at < self.town.hours * 3_600 {
            self.steps += 1;
            self.queue.insert((at, self.steps, event));
        }
    }

    fn arrive(&mut self, car: u32, now: i64) -> Result<(), Broken> {
        let opens = self.apply(&camera("in", car, self.steps, now, self.town.cameras[0]))?.1;
        let opens = opens && !self.has("turned_away");
        if opens {
            self.inside += 1;
            let stay = self.dice.between(300, 14_000);
            self.then(now + stay, Event::Leave(car));
        } else if self.inside >= PLACES {
            self.refused += 1;
        } else {
            return Err(format!("{} was not let in with {} of {PLACES} inside", plate(car), self.inside));
        }
        Ok(())
    }

    /// One car after the other stands at the arm; the next comes when the one before has gone.
    fn leave(&mut self, car: u32, now: i64) -> Result<(), Broken> {
        if self.at_arm.is_some_and(|other| other != car) {
            self.line.push_back(car);
            return Ok(());
        }
        self.at_arm = Some(car);
        if now < self.arm_free_at {
            self.then(self.arm_free_at, Event::Leave(car));
            return Ok(());
        }
        let opens = self.apply(&camera("out", car, self.steps, now, self.town.cameras[1]))?.1;
        let owes = self.check.owed(&plate(car)).is_some_and(|owed| owed > Amount::ZERO);
        match (opens && !self.has("shut_for_the_free") || self.has("open_for_who_owes"), owes) {
            (true, false) => {
                self.gone(now);
                return Ok(());
            }
            (true, true) => return Err(format!("{} owes something, and the gate opens", plate(car))),
            (false, false) => {
                return Err(format!("{} owes nothing and stands before a shut gate", plate(car)));
            }
            (false, true) => {}
        }
        self.then(now + 20, Event::Pay(car));
        Ok(())
    }

    fn gone(&mut self, now: i64) {
        self.inside -= 1;
        self.arm_free_at = now + self.dice.between(15, 45);
        self.at_arm = self.line.pop_front();
        if let Some(next) = self.at_arm {
            self.then(self.arm_free_at, Event::Leave(next));
        }
    }

    fn pay(&mut self, car: u32, now: i64) -> Result<(), Broken> {
        let owed = self.check.owed(&plate(car)).unwrap_or_default();
        let (when, micros) = (text(now), owed.as_micros());
        let line = format!(
            r#"{{"received_at":"{when}","protocol":"manual","payload":{{"id":"g-{car}","action":"payment","at":"{when}","by":{{"kind":"partner","id":"app"}},"reason":"arm","payment":"g-{car}","amount":"{}.{:02}","currency":"CNY","lane":"G1-out"}}}}"#,
            micros / 1_000_000,
            micros % 1_000_000 / 10_000
        );
        let (outcome, opens) = self.apply(&line)?;
        let opens = opens && !self.has("shut_for_who_paid");
        if outcome != Outcome::Applied || !opens {
            return Err(format!("{} paid {micros} at the arm and the gate stays shut", plate(car)));
        }
        self.paid.insert(format!("g-{car}"), (now, owed));
        self.gone(now);
        self.books(now)
    }

    /// Applies a record; also whether a gate opens.
    fn apply(&mut self, line: &str) -> Result<(Outcome, bool), Broken> {
        let name = FrameName { partition: 0, offset: self.frames, index: None };
        self.frames += 1;
        let trace = self.trace.as_ref().is_some_and(|trace| line.contains(trace.as_str()));
        let outcome = self.pipeline.apply_record(line.as_bytes(), name);
        if trace {
            eprintln!("{} {outcome:?} {line}", name.offset);
        }
        Ok((outcome, self.effects()?))
    }

    fn effects(&mut self) -> Result<bool, Broken> {
        let mut opens = false;
        for effect in self.pipeline.take_effects() {
            if let Effect::Command(command) = &effect {
                opens |= command.action == CommandAction::Open;
            }
            if let Some(trace) = &self.trace {
                let said = format!("{effect:?}");
                if said.contains(trace.as_str()) {
                    eprintln!("    {said}");
                }
            }
            let effect = self.planted(effect);
            if let (true, Effect::Session(session)) = (self.has("stay_twice"), &effect) {
                let again =
                    SessionRecord { session: SessionId::new(0, 1), revision: self.steps, ..*session.clone() };
                self.steps += 1;
                self.check.take(Effect::Session(Box::new(again)), &self.town)?;
            }
            self.check.take(effect, &self.town)?;
        }
        Ok(opens)
    }

    fn has(&self, fault: &str) -> bool {
        self.plant.as_deref() == Some(fault)
    }

    /// An effect as a pipeline with the planted fault would have made it.
    fn planted(&self, mut effect: Effect) -> Effect {
        match (self.plant.as_deref(), &mut effect) {
            (Some("payment_lost"), Effect::Charge(charge)) => charge.payments.clear(),
            (Some("payment_twice"), Effect::Charge(charge)) => {
                charge.payments.extend(charge.payments.first().cloned());
            }
            (Some("paid_by_nobody"), Effect::Charge(charge)) => {
                let stranger = charge.payments.first().cloned();
                charge
                    .payments
                    .extend(stranger.map(|p| PaymentRecord { payment: Id::from_ascii(b"nobody"), ..p }));
            }
            (Some("clock_ignored"), Effect::Session(session)) => {
                session.exit.iter_mut().for_each(|exit| exit.at = exit.received_at);
            }
            (Some("berth_of_nobody"), Effect::Session(session)) => {
                session.berth = session.berth.map(|_| Id::from_ascii(b"nowhere"));
            }
            (Some("charge_stands"), Effect::Charge(charge)) => charge.revision = 1,
            (Some("debt_of_the_complete"), Effect::Charge(charge)) if charge.order == Order::Complete => {
                charge.outstanding = Amount::from_micros(1);
            }
            (Some("stay_longer"), Effect::Session(session)) => {
                if let Some(exit) = &mut session.exit {
                    exit.at = exit.at + Span::from_mins(1);
                }
            }
            (Some("revision_stands"), Effect::Session(session)) => session.revision = 1,
            (Some("debt_negative"), Effect::Charge(charge)) => charge.outstanding = Amount::from_micros(-1),
            _ => {}
        }
        effect
    }

    /// No payment is lost, and none counts twice. One that is made while its session is held back (a vacancy may be a
    /// flicker) stands in a charge when the flicker has passed.
    fn books(&self, now: i64) -> Result<(), Broken> {
        let kept = self.check.kept()?;
        if let Some(payment) = kept.keys().find(|payment| !self.paid.contains_key(**payment)) {
            return Err(format!("{payment} is kept, and nobody has paid it"));
        }
        for (payment, (at, paid)) in &self.paid {
            let held = now - at <= FLICKER;
            match kept.get(payment.as_str()) {
                Some(kept) if kept == paid => {}
                None if held => {}
                kept => return Err(format!("{payment}: paid {paid:?}, kept {kept:?}")),
            }
        }
        Ok(())
    }

    /// The machine stops and another goes on from its state.
    fn restart(&mut self) -> Result<(), Broken> {
        let saved = self.pipeline.save();
        let mut other = Pipeline::new(reference()?);
        let kept = if self.has("state_lost") { other.save() } else { saved.clone() };
        if !other.restore(&kept) || other.save() != saved {
            return Err("a restored state is another one".to_owned());
        }
        if let (Some(store), Some(early)) = (self.pipeline.take_store(), self.early) {
            other.keep_in(store, early);
        }
        self.pipeline = other;
        self.restored += 1;
        Ok(())
    }

    /// Arrival in order is the quick path of the one derivation: to derive everything again changes nothing.
    fn derived_again(&mut self) -> Result<(), Broken> {
        // To write the whole state down is slow: the bytes are compared now and then.
        let looks = self.has("derived_bytes") || self.frames.is_multiple_of(16);
        let saved = looks.then(|| self.pipeline.save());
        self.pipeline.derive_again();
        let mut derived = looks.then(|| self.pipeline.save());
        if self.has("derived_bytes") {
            derived = None;
        }
        let mut news: Vec<Effect> = self.pipeline.take_effects().collect();
        if self.has("derived_otherwise") {
            news.extend(self.check.sessions.values().next().map(|s| Effect::Session(Box::new(s.clone()))));
        }
        match news.first() {
            None if derived == saved => Ok(()),
            None => Err("derived again, the state is another one".to_owned()),
            Some(effect) => Err(format!("derived again, there is something new: {effect:?}")),
        }
    }
}

fn reference() -> Result<Site, Broken> {
    Site::parse(&[("city.json", site().as_bytes())])
        .map_err(|error| format!("the site is refused: {error:?}"))
}

fn amount(line: &str) -> Amount {
    field(line, "amount").and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// The text that a record gives a name.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(&format!(r#""{name}":""#)).nth(1).and_then(|rest| rest.split('"').next())
}
