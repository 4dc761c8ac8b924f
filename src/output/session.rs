//! Session records.

use parking_types::Zone;
use session_core::{Certainty, Moment, Origin, SessionRecord, SessionState};

use super::json::{Named, Object, actor_word, key, string};
use crate::site::Site;

pub(super) fn write(out: &mut Vec<u8>, session: &SessionRecord, site: &Site) {
    let first = session.entry.or(session.exit);
    let zone = first.and_then(|moment| super::zone(site, &session.lot, moment.at));
    let mut object = Object::record(out);
    object.plain(key!("tenant"), site.tenant());
    object.plain(key!("session"), session.session);
    object.number(key!("revision"), session.revision);
    object.flag(key!("settled"), session.settled);
    object.plain(key!("lot"), session.lot);
    object.maybe(key!("berth"), session.berth);
    object.maybe(key!("lane_in"), session.lane_in);
    object.maybe(key!("lane_out"), session.lane_out);
    object.maybe(key!("plate"), session.plate);
    object.maybe(key!("plate_color"), session.plate_color);
    object.maybe(key!("vehicle"), session.vehicle);
    object.maybe(key!("ticket"), session.ticket);
    object.plain(key!("state"), state(session.state));
    for (name, moment) in [(key!("entry"), &session.entry), (key!("exit"), &session.exit)] {
        if let Some(moment) = moment {
            write_moment(object.key(name), moment, zone);
        }
    }
    object.list(key!("marks"), &session.marks, |out, mark| string(out, mark.as_str()));
    object.maybe(key!("superseded_by"), session.superseded_by);
    object.plain(
        key!("origin"),
        match session.origin {
            Origin::Device => "device",
            Origin::Person(actor) => match actor_word(actor) {
                "user" => "system",
                word => word,
            },
        },
    );
    object.list(key!("evidence"), &session.evidence, |out, (kind, image, at)| {
        let mut evidence = Object::open(out);
        evidence.text(key!("kind"), kind);
        evidence.text(key!("image"), image);
        evidence.instant(key!("at"), *at, zone);
        evidence.close();
    });
    object.list(key!("actions"), &session.actions, |out, action| {
        let mut note = Object::open(out);
        note.plain(key!("action"), action.action.as_str());
        note.plain(key!("id"), action.id);
        note.instant(key!("at"), action.at, zone);
        note.actor(key!("by"), action.by, &action.by_id);
        note.text(key!("reason"), &action.reason);
        note.close();
    });
    if session.more {
        object.flag(key!("more"), true);
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
    object.instant(key!("at"), moment.at, zone);
    object.plain(
        key!("certainty"),
        match moment.certainty {
            Certainty::Exact => "exact",
            Certainty::Inferred => "inferred",
            Certainty::Manual => "manual",
        },
    );
    if moment.certainty == Certainty::Inferred {
        for (name, limit) in [(key!("not_before"), moment.not_before), (key!("not_after"), moment.not_after)]
        {
            if let Some(at) = limit {
                object.instant(name, at, zone);
            }
        }
    }
    object.maybe(key!("device"), moment.device);
    object.plain(key!("frame"), Named(moment.frame));
    object.instant(key!("received_at"), moment.received_at, zone);
    object.close();
}
