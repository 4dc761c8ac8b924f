//! What a rule charges: nothing, once, or by a ladder of steps.

use parking_types::{Amount, Span};

use crate::{
    json::Json,
    read::{Fields, Path, Reader, get},
};

#[derive(Clone, Debug)]
pub(crate) enum Charge {
    /// `"none"`: neither charged nor chargeable.
    None,
    Flat {
        price: Amount,
        once: Once,
    },
    Steps {
        tiers: Tiers,
        steps: Vec<Step>,
    },
}

/// How often a flat price is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Once {
    Window,
    Period,
    Stay,
}

/// How the steps of a ladder add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tiers {
    Total,
    Add,
    Volume,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Up to which chargeable time the step goes; only the last one may go on for ever.
    pub(crate) upto: Option<Span>,
    pub(crate) price: Amount,
    /// The unit of a unit step; a fixed step has none.
    pub(crate) unit: Option<Unit>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    pub(crate) every: Span,
    pub(crate) partial: Partial,
}

/// What an incomplete unit costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partial {
    Up,
    Down,
    ProRata,
    /// In full when longer than this, else nothing.
    Over(Span),
    /// Pro rata after rounding up to a multiple of this, at most in full.
    Step(Span),
}

pub(super) fn read(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Charge> {
    if let Json::Text(word) = value {
        return if word == "none" {
            Some(Charge::None)
        } else {
            reader.bad(path, "not a charge; did you mean \"none\"?")
        };
    }
    let fields = reader.object(value, path, &["flat", "once", "steps", "tiers"])?;
    let flat = reader.optional(fields, path, "flat", Reader::amount);
    let onces = [("window", Once::Window), ("period", Once::Period), ("stay", Once::Stay)];
    let once = reader.optional(fields, path, "once", |r, v, p| r.choice(v, p, &onces));
    let steps = reader.optional(fields, path, "steps", |r, v, p| r.some_of(v, p, step));
    let all_tiers = [("total", Tiers::Total), ("add", Tiers::Add), ("volume", Tiers::Volume)];
    let tiers = reader.optional(fields, path, "tiers", |r, v, p| r.choice(v, p, &all_tiers));
    let has = |name| get(fields, name).is_some();
    match (has("flat"), has("steps")) {
        (true, true) => reader.bad(&path.field("steps"), "a flat price and steps at once"),
        (false, false) => reader.bad(&path.field("steps"), "a charge needs a flat price or steps"),
        (true, false) if has("tiers") => reader.bad(&path.field("tiers"), "a flat price has no tiers"),
        (false, true) if has("once") => reader.bad(&path.field("once"), "only a flat price is charged once"),
        (true, false) => Some(Charge::Flat { price: flat?, once: once.unwrap_or(Once::Period) }),
        (false, true) => {
            let steps = steps?;
            ascending(reader, &steps, get(fields, "steps"), &path.field("steps"));
            Some(Charge::Steps { tiers: tiers.unwrap_or(Tiers::Total), steps })
        }
    }
}

/// Checks that every step but the last has an end, each after the one before.
fn ascending(reader: &mut Reader, steps: &[Step], value: Option<&Json<'_>>, path: &Path<'_>) {
    // Where a step was refused the indices no longer fit, and there is a refusal already.
    if !matches!(value, Some(Json::List(items)) if items.len() == steps.len()) {
        return;
    }
    let mut before = Span::ZERO;
    for (index, step) in steps.iter().enumerate() {
        let path = path.item(index);
        match step.upto {
            Some(upto) if upto <= before => {
                reader.refuse(crate::Code::BadField, &path.field("upto"), "not after the step before");
            }
            None if index + 1 < steps.len() => {
                reader.refuse(
                    crate::Code::BadField,
                    &path.field("upto"),
                    "only the last step may go on for ever",
                );
            }
            _ => {}
        }
        before = step.upto.unwrap_or(before);
    }
}

fn step(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Step> {
    let fields: Fields<'_> = reader.object(value, path, &["upto", "every", "price", "partial"])?;
    let upto = reader.optional(fields, path, "upto", Reader::some_span);
    let every = reader.optional(fields, path, "every", Reader::some_span);
    let price = reader.required(fields, path, "price", Reader::amount);
    let partial = reader.optional(fields, path, "partial", partial);
    let has = |name| get(fields, name).is_some();
    if has("partial") && !has("every") {
        return reader.bad(&path.field("partial"), "only a step with units has incomplete ones");
    }
    // A field that was refused is not the same as one that is absent.
    if has("upto") && upto.is_none() || has("every") && every.is_none() || has("partial") && partial.is_none()
    {
        return None;
    }
    let unit = every.map(|every| Unit { every, partial: partial.unwrap_or(Partial::Up) });
    Some(Step { upto, price: price?, unit })
}

fn partial(reader: &mut Reader, value: &Json<'_>, path: &Path<'_>) -> Option<Partial> {
    if let Json::Text(_) = value {
        let words = [("up", Partial::Up), ("down", Partial::Down), ("pro_rata", Partial::ProRata)];
        return reader.choice(value, path, &words);
    }
    let fields = reader.object(value, path, &["over", "step"])?;
    let over = reader.optional(fields, path, "over", Reader::span);
    let step = reader.optional(fields, path, "step", Reader::some_span);
    match (get(fields, "over"), get(fields, "step")) {
        (Some(_), None) => over.map(Partial::Over),
        (None, Some(_)) => step.map(Partial::Step),
        (Some(_), Some(_)) => reader.bad(&path.field("step"), "`over` and `step` at once"),
        (None, None) => reader.bad(path, "an incomplete unit needs `over` or `step`"),
    }
}
