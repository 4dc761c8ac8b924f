//! What people and payments do, as the machine takes it.

use parking_types::{Amount, Currency, Id, Instant};
use session_core::{Action, Actor, Core, Effect, FrameName, PaymentFacts, Target, Verb, Verdict, World};

use super::id;

/// An action of a user; its content is told by `digest`.
pub fn action(name: &str, received_at: Instant, at: Instant, target: Target, verb: Verb) -> Action {
    Action {
        name: FrameName::default(),
        received_at,
        id: id(name),
        digest: 1,
        at,
        by: Actor::User,
        by_id: id("u-1"),
        reason: "".into(),
        target,
        verb,
    }
}

/// A payment of so many yuan.
pub fn payment(name: &str, at: Instant, target: Target, yuan: i64) -> Action {
    let facts = PaymentFacts {
        payment: id(name),
        part: None,
        amount: Amount::from_micros(yuan * 1_000_000),
        currency: Currency::parse("CNY").unwrap(),
        quoted_at: None,
        method: None,
    };
    action(name, at, at, target, Verb::Payment(facts))
}

/// Gives an action to the machine as the `offset`-th record.
pub fn act<W: World>(core: &mut Core, world: &W, offset: u64, action: &Action) -> (Verdict, Vec<Effect>) {
    let action = Action { name: FrameName { partition: 0, offset, index: None }, ..action.clone() };
    let verdict = core.apply_action(&action, world);
    (verdict, core.take_effects().collect())
}

/// A session's id as a target.
pub fn session(text: Id) -> Target {
    Target::Session(text)
}
