//! The table: where which field stands, feed by feed.

use super::{Feed, Slot};
use crate::protocol::{Payload, ProtocolInfo};

const SAYS: &[&str] =
    &["plate", "plate_confidence", "vehicle_text", "device", "device_time", "record", "heartbeat"];

/// As the others, and the entries of the camera's own lists.
const LILIN_SAYS: &[&str] = &["plate", "plate_confidence", "device_time", "record", "heartbeat", "config"];

pub(in crate::protocol) const OPENALPR_INFO: ProtocolInfo =
    ProtocolInfo { title: "OpenALPR and Rekor webhooks", says: SAYS, ..ProtocolInfo::JSON };
pub(in crate::protocol) const PLATE_RECOGNIZER_INFO: ProtocolInfo =
    ProtocolInfo { title: "Plate Recognizer Stream and Snapshot", says: SAYS, ..ProtocolInfo::JSON };
pub(in crate::protocol) const AXIS_FF_INFO: ProtocolInfo = ProtocolInfo {
    title: "Axis cameras with the FF plate reader",
    says: SAYS,
    payload: Payload::Text,
    ..ProtocolInfo::JSON
};
pub(in crate::protocol) const SURVISION_INFO: ProtocolInfo =
    ProtocolInfo { title: "Survision cameras", says: SAYS, ..ProtocolInfo::JSON };
pub(in crate::protocol) const LILIN_INFO: ProtocolInfo =
    ProtocolInfo { title: "LILIN cameras", says: LILIN_SAYS, payload: Payload::Text, ..ProtocolInfo::JSON };

/// `alpr_results` is one picture, `alpr_group` one car, `alpr_alert` a group that stands on a list.
pub(super) const OPENALPR: Feed = Feed {
    items: &["results[]"],
    fields: &[
        ("data_type", Slot::Event),
        ("results[].plate", Slot::Plate),
        ("results[].confidence", Slot::Confidence(0)),
        ("results[].region", Slot::More("region")),
        ("uuid", Slot::Record),
        ("epoch_time", Slot::Millis),
        ("best_plate_number", Slot::Plate),
        ("best_confidence", Slot::Confidence(0)),
        ("best_uuid", Slot::Record),
        ("best_region", Slot::More("region")),
        ("epoch_start", Slot::Millis),
        ("epoch_end", Slot::More("epoch_end")),
        ("travel_direction", Slot::Direction),
        ("is_parked", Slot::More("is_parked")),
        ("vehicle.body_type[].name", Slot::Vehicle),
        ("group.best_plate_number", Slot::Plate),
        ("plate_number", Slot::Plate),
        ("group.best_confidence", Slot::Confidence(0)),
        ("group.best_uuid", Slot::Record),
        ("group.best_region", Slot::More("region")),
        ("group.epoch_start", Slot::Millis),
        ("group.travel_direction", Slot::Direction),
        ("group.vehicle.body_type[].name", Slot::Vehicle),
        ("alert_list", Slot::More("list")),
        ("camera_id", Slot::Device),
        ("group.camera_id", Slot::Device),
        ("camera_number", Slot::Device),
        ("video_streams[].camera_id", Slot::Device),
        ("timestamp", Slot::Millis),
    ],
    flat: false,
    lists: false,
    heartbeats: &["heartbeat"],
};

/// A list of pictures, one picture, or the webhook's `data`.
pub(super) const PLATE_RECOGNIZER: Feed = Feed {
    items: &["results[]", "data.results[]", "[].results[]"],
    fields: &[
        ("results[].plate", Slot::Plate),
        ("data.results[].plate", Slot::Plate),
        ("[].results[].plate", Slot::Plate),
        ("results[].plate.props.plate[].value", Slot::Plate),
        ("data.results[].plate.props.plate[].value", Slot::Plate),
        ("results[].score", Slot::Confidence(2)),
        ("data.results[].score", Slot::Confidence(2)),
        ("[].results[].score", Slot::Confidence(2)),
        ("results[].plate.props.plate[].score", Slot::Confidence(2)),
        ("data.results[].plate.props.plate[].score", Slot::Confidence(2)),
        ("[].results[].plate.props.plate[].value", Slot::Plate),
        ("[].results[].plate.props.plate[].score", Slot::Confidence(2)),
        ("[].results[].region.code", Slot::More("region")),
        ("[].results[].vehicle.type", Slot::Vehicle),
        ("[].results[].direction", Slot::Direction),
        ("[].camera_id", Slot::Device),
        ("[].timestamp", Slot::Time),
        ("[].timestamp_local", Slot::TimeFallback),
        ("[].timestamp_camera", Slot::More("timestamp_camera")),
        ("results[].region.code", Slot::More("region")),
        ("data.results[].region.code", Slot::More("region")),
        ("results[].vehicle.type", Slot::Vehicle),
        ("data.results[].vehicle.type", Slot::Vehicle),
        ("results[].direction", Slot::Direction),
        ("data.results[].direction", Slot::Direction),
        ("filename", Slot::Record),
        ("data.filename", Slot::Record),
        ("[].filename", Slot::Record),
        ("camera_id", Slot::Device),
        ("data.camera_id", Slot::Device),
        ("timestamp", Slot::Time),
        ("data.timestamp", Slot::Time),
        ("timestamp_local", Slot::TimeFallback),
        ("data.timestamp_local", Slot::TimeFallback),
        ("timestamp_camera", Slot::More("timestamp_camera")),
        ("data.timestamp_camera", Slot::More("timestamp_camera")),
        ("hook.event", Slot::Event),
    ],
    flat: false,
    lists: false,
    heartbeats: &[],
};

/// All values are strings. In the XML form the counter `TS` was seen years off, the text `MOD_TS` was not.
pub(super) const AXIS_FF: Feed = Feed {
    items: &[],
    fields: &[
        ("plateUTF8", Slot::Plate),
        ("plateUnicode", Slot::Plate),
        ("plateText", Slot::Plate),
        ("plateConfidence", Slot::Confidence(2)),
        ("capture_timestamp", Slot::Millis),
        ("datetime", Slot::TimeFallback),
        ("carID", Slot::Record),
        ("carMoveDirection", Slot::Direction),
        ("carState", Slot::More("state")),
        ("plateCountry", Slot::More("country")),
        ("camera_info.SerialNumber", Slot::Device),
        ("LPR", Slot::Plate),
        ("THRESHOLD", Slot::Confidence(2)),
        ("MOD_TS", Slot::Time),
        ("TS", Slot::More("ts_us")),
        ("CAR_ID", Slot::Record),
        ("DIRECTION", Slot::Direction),
        ("COUNTRY", Slot::More("country")),
        ("SPEED", Slot::More("speed")),
    ],
    flat: false,
    lists: false,
    heartbeats: &[],
};

/// Attributes have an `@` before their name; all values are strings.
pub(super) const SURVISION: Feed = Feed {
    items: &[],
    fields: &[
        ("anpr.decision.@plate", Slot::Plate),
        ("anpr.decision.@reliability", Slot::Confidence(0)),
        ("anpr.@date", Slot::Millis),
        ("anpr.decision.@context", Slot::More("country")),
        ("anpr.decision.@direction", Slot::Direction),
        ("anpr.@session", Slot::Record),
        ("anpr.@id", Slot::Record),
    ],
    flat: false,
    lists: false,
    heartbeats: &[],
};

/// `TS` is in microseconds, whatever the source's table calls it; `MOD_TS` says GMT and was seen to be local.
pub(super) const LILIN: Feed = Feed {
    items: &[],
    fields: &[
        ("LPR", Slot::Plate),
        ("THRESHOLD", Slot::Confidence(2)),
        ("TS", Slot::Micros),
        ("CAR_ID", Slot::Record),
        ("ACT_PARAM", Slot::More("list")),
        ("COUNTRY", Slot::More("country")),
        ("MOD_TS", Slot::More("mod_ts")),
        ("DIRECTION", Slot::Direction),
    ],
    flat: true,
    lists: true,
    heartbeats: &[],
};
