//! Session records.

use parking_types::Zone;
use session_core::{Certainty, Moment, Origin, SessionRecord, SessionState};

use super::json::{Named, Object, actor_word, string};
use crate::site::Site;

pub(super) fn write(out: &mut Vec<u8>, session: &SessionRecord, site: &Site) {
    let first = session.entry.or(session.exit);
    let zone = first.and_then(|moment| super::zone(site, &session.lot, moment.at));
    let mut object = Object::record(out);
    object.plain("tenant", site.tenant());
    object.plain("session", session.session);
    object.number("revision", session.revision);
    object.flag("settled", session.settled);
    object.plain("lot", session.lot);
    object.maybe("berth", session.berth);
    object.maybe("lane_in", session.lane_in);
    object.maybe("lane_out", session.lane_out);
    object.maybe("plate", session.plate);
    object.maybe("plate_color", session.plate_color);
    object.maybe("vehicle", session.vehicle);
    object.maybe("ticket", session.ticket);
    object.plain("state", state(session.state));
    for (name, moment) in [("entry", &session.entry), ("exit", &session.exit)] {
        if let Some(moment) = moment {
            write_moment(object.key(name), moment, zone);
        }
    }
    object.list("marks", &session.marks, |out, mark| string(out, mark.as_str()));
    object.maybe("superseded_by", session.superseded_by);
    object.plain(
        "origin",
        match session.origin {
            Origin::Device => "device",
            Origin::Person(actor) => match actor_word(actor) {
                "user" => "system",
                word => word,
            },
        },
    );
    object.list("evidence", &session.evidence, |out, (kind, image, at)| {
        let mut evidence = Object::open(out);
        evidence.text("kind", kind);
        evidence.text("image", image);
        evidence.instant("at", *at, zone);
        evidence.close();
    });
    object.list("actions", &session.actions, |out, action| {
        let mut note = Object::open(out);
        note.plain("action", action.action.as_str());
        note.plain("id", action.id);
        note.instant("at", action.at, zone);
        note.actor("by", action.by, &action.by_id);
        note.text("reason", &action.reason);
        note.close();
    });
    if session.more {
        object.flag("more", true);
    }
    object.close();
}

pub(super) const fn state(state: SessionState) -> &'static str {
    match state {
        SessionState::Open => "open",
        SessionState::Closed => "closed",
        SessionState::Void => "void",
        SessionState::Exception => "exception",
    }
}

fn write_moment(out: &mut Vec<u8>, moment: &Moment, zone: Option<&Zone>) {
    let mut object = Object::open(out);
    object.instant("at", moment.at, zone);
    object.plain(
        "certainty",
        match moment.certainty {
            Certainty::Exact => "exact",
            Certainty::Inferred => "inferred",
            Certainty::Manual => "manual",
        },
    );
    if moment.certainty == Certainty::Inferred {
        for (name, limit) in [("not_before", moment.not_before), ("not_after", moment.not_after)] {
            if let Some(at) = limit {
                object.instant(name, at, zone);
            }
        }
    }
    object.maybe("device", moment.device);
    object.plain("frame", Named(moment.frame));
    object.instant("received_at", moment.received_at, zone);
    object.close();
}
