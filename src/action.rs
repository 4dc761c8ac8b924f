//! From a `manual` payload to the session machine's action.

use device_codec::manual::{self, ByKind, LockCommand, Verb as Said};
use device_codec::{DecodeError, ErrorCode};
use parking_types::{Instant, Span};
use session_core::{Action, Actor, DeadCode, FrameName, GateCommand, PaymentFacts, Target, Verb};

use crate::record::{Reason, Refusal};

/// How far ahead of its reception an action may claim to have happened.
const AHEAD: Span = Span::from_mins(5);

/// Reads an action.
pub(crate) fn read(payload: &[u8], name: FrameName, received_at: Instant) -> Result<Action, Refusal> {
    let said = manual::Action::parse(payload).map_err(|error| refused(error, payload))?;
    let at = said.at.unwrap_or(received_at);
    if at > received_at + AHEAD {
        return Err(Refusal::field("payload.at", "more than 5 min ahead of received_at"));
    }
    let digest = said.digest();
    Ok(Action {
        name,
        received_at,
        id: said.id,
        digest,
        at,
        by: match said.by.kind {
            ByKind::User => Actor::User,
            ByKind::Patrol => Actor::Patrol,
            ByKind::Owner => Actor::Owner,
            ByKind::Partner => Actor::Partner,
            ByKind::System => Actor::System,
        },
        by_id: said.by.id,
        target: target(said.target),
        verb: verb(said.verb),
        reason: said.reason,
    })
}

/// An action that nobody knows is told apart from one that is written wrong.
fn refused(error: DecodeError, payload: &[u8]) -> Refusal {
    let refusal = Refusal::payload(error, payload);
    match error.code {
        ErrorCode::Unsupported => Refusal { reason: Reason::Machine(DeadCode::NotSupported), ..refusal },
        _ => refusal,
    }
}

const fn target(said: manual::Target) -> Target {
    match said {
        manual::Target::Session(session) => Target::Session(session),
        manual::Target::Berth(berth) => Target::Berth(berth),
        manual::Target::LotPlate(lot, plate) => Target::LotPlate(lot, plate),
        manual::Target::LotTicket(lot, ticket) => Target::LotTicket(lot, ticket),
        manual::Target::Lane(lane) => Target::Lane(lane),
        manual::Target::Lot(lot) => Target::Lot(lot),
        manual::Target::None => Target::None,
    }
}

fn verb(said: Said) -> Verb {
    match said {
        Said::Entry { vehicle, ticket, exit, lane, .. } => Verb::Entry {
            plate: vehicle.plate,
            plate_color: vehicle.plate_color,
            vehicle: vehicle.vehicle,
            ticket,
            exit,
            lane,
        },
        Said::Exit => Verb::Exit,
        Said::Plate(vehicle) => {
            Verb::Plate { plate: vehicle.plate, plate_color: vehicle.plate_color, vehicle: vehicle.vehicle }
        }
        Said::Times { entry, exit } => Verb::Times { entry, exit },
        Said::Berth(berth) => Verb::Berth { berth },
        Said::Merge(sessions) => Verb::Merge { sessions },
        Said::Void => Verb::Void,
        Said::Restore => Verb::Restore,
        Said::Adjust(changes) => Verb::Adjust { adjust: adjust(&changes) },
        Said::Payment(payment) => Verb::Payment(PaymentFacts {
            payment: payment.payment,
            part: payment.part,
            amount: payment.amount,
            currency: payment.currency,
            quoted_at: payment.quoted_at,
            method: payment.method.map(|method| method.as_str().into()),
        }),
        Said::PaymentReversed { payment, part } => Verb::PaymentReversed { payment, part },
        Said::Evidence(pictures) => Verb::Evidence {
            images: pictures
                .iter()
                .map(|picture| (hex(&picture.image), picture.kind.as_str().into()))
                .collect(),
        },
        Said::Gate(command) => Verb::Gate {
            command: match command {
                manual::GateCommand::Open => GateCommand::Open,
                manual::GateCommand::Close => GateCommand::Close,
                manual::GateCommand::Hold => GateCommand::Hold,
                manual::GateCommand::Lock => GateCommand::Lock,
                manual::GateCommand::Normal => GateCommand::Normal,
            },
        },
        Said::GroundLock(command) => Verb::GroundLock { raise: command == LockCommand::Raise },
        Said::Count { open } => Verb::Count { open },
    }
}

fn hex(bytes: &[u8]) -> Box<str> {
    let mut text = Vec::with_capacity(2 * bytes.len());
    crate::output::hex(&mut text, bytes);
    String::from_utf8(text).unwrap_or_default().into()
}

/// The list as the tariff contract writes it; sources do not matter to the price.
fn adjust(changes: &[manual::Adjustment]) -> Box<str> {
    let item = |change: &manual::Adjustment| match change.change {
        manual::Change::TimeOff(span, end) => format!(r#"{{"time_off":"{span}","at":"{}"}}"#, end.as_str()),
        manual::Change::Instead(amount) => format!(r#"{{"instead":"{amount}"}}"#),
        manual::Change::Multiply(factor) => format!(r#"{{"multiply":"{factor}"}}"#),
        manual::Change::PercentOff(percent) => format!(r#"{{"percent_off":"{percent}"}}"#),
        manual::Change::AmountOff(amount) => format!(r#"{{"amount_off":"{amount}"}}"#),
    };
    let items: Vec<String> = changes.iter().map(item).collect();
    format!("[{}]", items.join(",")).into()
}
