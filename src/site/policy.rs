//! The `policy` of a lot.

use parking_types::VehicleClass;
use session_core::{Arrears, ClockSkew, GateRule, LostPair, Policy, WhenOffline};

use crate::tree::{Fault, Fields, Node};

/// A policy; what is not said keeps its default.
pub(super) fn read_policy(node: Node<'_, '_>) -> Result<Policy, Fault> {
    node.object(|fields| {
        let mut policy = Policy::default();
        times(fields, &mut policy)?;
        choices(fields, &mut policy)?;
        if let Some(percent) = fields.maybe("battery_low_pct", |n| n.whole("per cent, 0 to 100", 0, 100))? {
            policy.battery_low_pct = percent as u8;
        }
        if let Some(dbm) = fields.maybe("signal_low_dbm", |n| n.whole("dBm, -200 to 0", -200, 0))? {
            policy.signal_low_dbm = dbm as i16;
        }
        Ok(policy)
    })
}

fn times(fields: &mut Fields<'_, '_>, policy: &mut Policy) -> Result<(), Fault> {
    let spans = [
        ("flicker", &mut policy.flicker),
        ("min_stay", &mut policy.min_stay),
        ("late_window", &mut policy.late_window),
        ("pair", &mut policy.pair),
        ("zombie_after", &mut policy.zombie_after),
        ("arm_wait", &mut policy.arm_wait),
        ("command_ttl", &mut policy.command_ttl),
        ("correctable", &mut policy.correctable),
    ];
    for (name, span) in spans {
        if let Some(given) = fields.maybe(name, |node| node.span())? {
            *span = given;
        }
    }
    let skew = fields.maybe("max_clock_skew", |node| {
        node.object(|fields| {
            let ahead = fields.maybe("ahead", |node| node.span())?;
            let behind = fields.maybe("behind", |node| node.span())?;
            Ok((ahead, behind))
        })
    })?;
    if let Some((ahead, behind)) = skew {
        let default = policy.max_clock_skew;
        policy.max_clock_skew =
            ClockSkew { ahead: ahead.unwrap_or(default.ahead), behind: behind.unwrap_or(default.behind) };
    }
    Ok(())
}

fn choices(fields: &mut Fields<'_, '_>, policy: &mut Policy) -> Result<(), Fault> {
    let gate = |word: &str| match word {
        "open" => Some(GateRule::Open),
        "shut" => Some(GateRule::Shut),
        _ => None,
    };
    let lost_pair = |word: &str| match word {
        "split" => Some(LostPair::Split),
        "join" => Some(LostPair::Join),
        _ => None,
    };
    let when_offline = |word: &str| match word {
        "keep" => Some(WhenOffline::Keep),
        "close" => Some(WhenOffline::Close),
        _ => None,
    };
    let arrears = |word: &str| match word {
        "alert" => Some(Arrears::Alert),
        "deny_entry" => Some(Arrears::DenyEntry),
        _ => None,
    };
    set(&mut policy.lost_pair, fields.maybe("lost_pair", |n| n.word("split or join", lost_pair))?);
    set(&mut policy.when_offline, fields.maybe("when_offline", |n| n.word("keep or close", when_offline))?);
    set(
        &mut policy.exit_without_entry,
        fields.maybe("exit_without_entry", |n| n.word("open or shut", gate))?,
    );
    set(&mut policy.when_unpriced, fields.maybe("when_unpriced", |n| n.word("open or shut", gate))?);
    set(&mut policy.arrears, fields.maybe("arrears", |n| n.word("alert or deny_entry", arrears))?);
    set(&mut policy.vehicle, fields.maybe("vehicle", |n| n.word("a vehicle class", VehicleClass::parse))?);
    Ok(())
}

fn set<T>(slot: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *slot = given;
    }
}
