//! Every route once: the router and the published document (`schema/openapi.json`) are made of the same table.

use axum::{
    Router, middleware,
    routing::{MethodRouter, delete, get, post, put},
};

use super::{
    Api, Role, actions, alerts, auth, commands, devices, due, equipment, erasure, feed, frames, health,
    history, images, letters, limits, metrics, openapi, outcomes, places, quote, reference, sessions, traced,
};

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// What the site says of the device.
    Device,
    /// A token with this role.
    Token(Role),
}

/// A parameter: its name, what it is (`id`, `instant`, `number`, or words with `|` between), and its meaning.
pub(super) type Parameter = (&'static str, &'static str, &'static str);

/// One method of one path.
pub(super) struct Route {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    pub(super) summary: &'static str,
    pub(super) query: &'static [Parameter],
    pub(super) headers: &'static [Parameter],
    /// The name of the body's schema.
    pub(super) body: Option<&'static str>,
    /// Status, media type, the name of the schema, and what it means.
    pub(super) answers: Vec<(u16, &'static str, &'static str, &'static str)>,
    handler: MethodRouter<Api>,
}

pub(super) const JSON: &str = "application/json";
pub(super) const LINES: &str = "application/x-ndjson";
pub(super) const TEXT: &str = "text/plain";
pub(super) const BYTES: &str = "application/octet-stream";

fn route(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    handler: MethodRouter<Api>,
) -> Route {
    let needs = Needs::Token(Role::Read);
    let (query, headers): (&[Parameter], &[Parameter]) = (&[], &[]);
    Route { method, path, needs, summary, query, headers, body: None, answers: Vec::new(), handler }
}

impl Route {
    fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
    fn query(self, query: &'static [Parameter]) -> Self {
        Self { query, ..self }
    }
    fn headers(self, headers: &'static [Parameter]) -> Self {
        Self { headers, ..self }
    }
    fn body(self, schema: &'static str) -> Self {
        Self { body: Some(schema), ..self }
    }
    /// It answers 200 with JSON of this schema.
    fn gives(self, schema: &'static str) -> Self {
        self.answer(200, JSON, schema, "")
    }
    fn answer(
        mut self,
        status: u16,
        media: &'static str,
        schema: &'static str,
        description: &'static str,
    ) -> Self {
        self.answers.push((status, media, schema, description));
        self
    }
}

const FROM: Parameter = ("from", "instant", "this instant or later");
const TO: Parameter = ("to", "instant", "before this instant");
const AFTER: Parameter = ("after", "string", "goes on where the page before ended: its `after`");
const LIMIT: Parameter = ("limit", "number", "rows of a page; 100, at most 1000");
const LOT: Parameter = ("lot", "id", "the lot");
const DEVICE: Parameter = ("device", "id", "the device");
const SINCE: &[Parameter] = &[
    ("since", "instant", "from when on it holds; now"),
    ("by", "id", "who changes it"),
    ("reason", "string", "why"),
];
const MATCH: &[Parameter] = &[
    ("if-match", "string", "the entry's tag as it must be, in double quotes"),
    ("if-none-match", "string", "`*`: there must be none"),
];

/// All routes.
pub(super) fn all() -> Vec<Route> {
    let mut routes = asked();
    routes.extend(logged());
    routes.extend(written());
    routes.extend(served());
    routes
}

/// What there is now.
fn asked() -> Vec<Route> {
    vec![
        route("get", "/v1/sessions", "Sessions that frames can still change, by id", get(sessions::list))
            .query(&[
                ("state", "open|closed|void|exception", "the state"),
                ("plate", "string", "the plate's text"),
                LOT,
                ("berth", "id", "the berth"),
                ("lane", "id", "the lane of its entry or exit"),
                ("device", "id", "the device of its entry or exit"),
                ("origin", "device|patrol|owner|partner|system", "who brought it about"),
                ("from", "instant", "its entry, else its exit, is then or later"),
                ("to", "instant", "… and before this"),
                AFTER,
                LIMIT,
            ])
            .gives("sessions"),
        route("get", "/v1/sessions/{session}", "The newest revision of a session", get(sessions::one))
            .gives("session"),
        route(
            "get",
            "/v1/sessions/{session}/history",
            "A session's revisions, charges, actions, payments, frames and pictures",
            get(history::history),
        )
        .query(&[("before", "string", "older revisions: `older` of the answer before")])
        .gives("history"),
        route("get", "/v1/charges/{session}", "The newest charge record of a session", get(sessions::charge))
            .gives("charge"),
        route("get", "/v1/due", "What is due now", get(due::due))
            .query(&[
                ("session", "string", "of this session"),
                ("berth", "id", "of who stands at a berth, and who left it without paying"),
                (
                    "code",
                    "string",
                    "of what a QR code stands for: a berth, a lane, a lot with plate or ticket",
                ),
                ("lane", "id", "of who waits at a lane"),
                ("plate", "string", "of a plate, in all lots"),
                ("ticket", "id", "of an unplated car, with `lot`"),
                ("lot", "id", "only in this lot"),
            ])
            .gives("due"),
        route("get", "/v1/places", "Places by lot and area: how many, taken, free", get(places::places))
            .query(&[LOT, ("area", "id", "lots of this area and those in it")])
            .gives("places"),
        route("get", "/v1/berths", "Berths by id, with what is there", get(places::berths))
            .query(&[
                LOT,
                ("area", "id", "in lots of this area and those in it"),
                ("state", "occupied|free|unknown", "the state"),
                AFTER,
                LIMIT,
            ])
            .gives("berths"),
        route(
            "get",
            "/v1/devices",
            "Devices by id: what the site says of them and how they are",
            get(equipment::list),
        )
        .query(&[
            LOT,
            ("protocol", "string", "the protocol"),
            ("online", "true|false", "whether it was heard of lately"),
            AFTER,
            ("limit", "number", "rows of a page; 50, at most 200"),
        ])
        .gives("devices"),
        route("get", "/v1/devices/{device}", "A device, and the sessions it bears on", get(equipment::one))
            .gives("managed-device"),
        route("get", "/v1/actions/{id}", "What became of a manual action", get(outcomes::action))
            .gives("outcome"),
        route(
            "get",
            "/v1/payments/{payment}",
            "What became of a payment, part by part",
            get(outcomes::payment),
        )
        .gives("payment"),
    ]
}

/// What was published and what was received.
fn logged() -> Vec<Route> {
    vec![
        route(
            "get",
            "/v1/alerts",
            "Alerts: open ones by id, closed ones as they were closed",
            get(alerts::list),
        )
        .query(&[
            ("state", "open|closed", "open"),
            ("kind", "string", "what is wrong"),
            ("severity", "info|warning|critical", "how bad it is"),
            LOT,
            DEVICE,
            ("from", "instant", "closed then or later"),
            ("to", "instant", "closed before this"),
            AFTER,
            LIMIT,
        ])
        .gives("alerts"),
        route("get", "/v1/commands", "Commands, each in its last state", get(commands::list))
            .query(&[
                DEVICE,
                ("lane", "id", "the lane"),
                ("session", "string", "the session"),
                ("state", "string", "the last that is known: `requested`, `sent`, `accepted` …"),
                FROM,
                TO,
                AFTER,
                LIMIT,
            ])
            .gives("commands"),
        route("get", "/v1/frames", "Frames as they were received", get(frames::list))
            .query(&[DEVICE, ("protocol", "string", "the protocol"), FROM, TO, AFTER, LIMIT])
            .gives("frames"),
        route("get", "/v1/frames/{frame}", "One record of the frames log", get(frames::one)).gives("frame"),
        route(
            "get",
            "/v1/frames/{frame}/payload",
            "A frame's bytes as they were received, with its photos",
            get(images::payload),
        )
        .answer(200, BYTES, "bytes", "the bytes, with the content type that they came with"),
        route("get", "/v1/images/{image}", "A picture by the SHA-256 of what was stored", get(images::one))
            .query(&[("raw", "true|false", "as it stood in the frame: base64 stays base64")])
            .answer(200, "image/jpeg", "bytes", "the picture"),
        route("get", "/v1/dead-letters", "Frames that could not be used, and why", get(letters::list))
            .query(&[DEVICE, ("code", "string", "why"), FROM, TO, AFTER, LIMIT])
            .gives("dead-letters"),
        route(
            "get",
            "/v1/feed/{topic}",
            "The committed records of a topic, each with its position",
            get(feed::feed),
        )
        .query(&[
            ("after", "string", "the position of the last record that the reader has"),
            ("limit", "number", "records of a page; 1000, at most 10,000"),
            ("wait", "number", "seconds to wait for the first; at most 30"),
        ])
        .answer(200, LINES, "feed-line", "a record a line; nothing where there is none"),
    ]
}

/// What changes something.
fn written() -> Vec<Route> {
    let (operate, admin) = (Needs::Token(Role::Operate), Needs::Token(Role::Admin));
    vec![
        route(
            "post",
            "/v1/quote",
            "Prices stays by documents that come with the request",
            post(quote::quote),
        )
        .body("quote")
        .gives("receipts"),
        route("post", "/v1/actions", "A manual action or a payment", post(actions::act))
            .needs(operate)
            .headers(&[
                ("idempotency-key", "id", "the action's id, where it does not stand in the body"),
                ("if-match", "string", "the session's revision as it must be, in double quotes"),
            ])
            .body("action")
            .answer(200, JSON, "outcome", "it was carried out, now or before")
            .answer(202, JSON, "outcome", "it is stored; what became of it is not known yet")
            .answer(
                409,
                JSON,
                "outcome-or-problem",
                "it contradicts what came before under its id, or what is there",
            )
            .answer(422, JSON, "outcome", "it was not carried out, and why"),
        route(
            "post",
            "/v1/dead-letters/requeue",
            "Puts frames of dead letters in again",
            post(letters::requeue),
        )
        .needs(operate)
        .body("letters")
        .gives("requeued"),
        route("post", "/v1/images", "Keeps a picture that an evidence action can name", post(images::add))
            .needs(operate)
            .body("bytes")
            .answer(201, JSON, "image", "it is kept"),
        route(
            "delete",
            "/v1/images",
            "Erases the photos of a plate, a page of the log at a time",
            delete(erasure::of_plate),
        )
        .needs(admin)
        .query(&[
            ("plate", "string", "the plate's text"),
            ("by", "id", "who erases them"),
            ("reason", "string", "why"),
            FROM,
            TO,
            ("after", "string", "goes on where the request before ended: its `after`"),
        ])
        .gives("erased-photos"),
        route(
            "delete",
            "/v1/images/{image}",
            "Erases a picture; a record of that is kept instead",
            delete(images::erase),
        )
        .needs(admin)
        .query(&[("by", "id", "who erases it"), ("reason", "string", "why")])
        .gives("erased"),
        route("get", "/v1/reference", "Changes of the site whose time has not come", get(reference::planned))
            .gives("planned"),
        route("get", "/v1/reference/{kind}", "The ids of a list of the site", get(reference::ids))
            .gives("ids"),
        route("get", "/v1/reference/{kind}/{id}", "An entry of the site as it is now", get(reference::entry))
            .gives("entry"),
        route("put", "/v1/reference/{kind}/{id}", "Makes or replaces an entry", put(reference::put))
            .needs(admin)
            .query(SINCE)
            .headers(MATCH)
            .body("entry")
            .gives("changed")
            .answer(202, JSON, "changed", "it is planned, or not yet in force everywhere"),
        route("delete", "/v1/reference/{kind}/{id}", "Takes an entry away", delete(reference::delete))
            .needs(admin)
            .query(SINCE)
            .headers(MATCH)
            .gives("changed")
            .answer(202, JSON, "changed", "it is planned, or not yet in force everywhere"),
    ]
}

/// Devices, and the server itself.
fn served() -> Vec<Route> {
    let vendor = |method, path, summary, handler| {
        route(method, path, summary, handler).needs(Needs::Device).body("bytes").answer(
            200,
            JSON,
            "anything",
            "in the vendor's words",
        )
    };
    vec![
        route(
            "post",
            "/v1/devices/{device}/frames",
            "A device's frame; the body is the payload",
            post(devices::frame),
        )
        .needs(Needs::Device)
        .body("bytes")
        .gives("taken"),
        vendor("post", "/vz", "A Vzenith camera that says who it is", post(devices::by_serial)),
        vendor(
            "post",
            "/devicemanagement/php/plateresult.php",
            "The same at the vendor's own path",
            post(devices::by_serial),
        ),
        vendor("post", "/vz/{device}", "A Vzenith, Qianyi or Alphadigi camera", post(devices::vz)),
        route("get", "/v1/openapi.json", "This document", get(openapi::serve))
            .needs(Needs::Nothing)
            .gives("anything"),
        route("get", "/livez", "Whether the process answers", get(health::live))
            .needs(Needs::Nothing)
            .answer(200, TEXT, "text", "it does"),
        route("get", "/readyz", "Whether frames can be taken", get(health::ready))
            .needs(Needs::Nothing)
            .gives("ready")
            .answer(503, JSON, "ready", "and why not"),
        route("get", "/metrics", "What is counted, for Prometheus", get(metrics::metrics))
            .needs(Needs::Nothing)
            .answer(200, TEXT, "text", "Prometheus' text format"),
    ]
}

/// The router.
pub(super) fn router(api: Api) -> Router {
    let mut routers: Vec<(Needs, Router<Api>)> = Vec::new();
    for route in all() {
        match routers.iter_mut().find(|(needs, _)| *needs == route.needs) {
            Some((_, router)) => *router = std::mem::take(router).route(route.path, route.handler),
            None => routers.push((route.needs, Router::new().route(route.path, route.handler))),
        }
    }
    let (mut router, mut open) = (Router::new(), Router::new());
    // Nothing of a body is read before it is known who sends it.
    let bodies = middleware::from_fn_with_state(api.clone(), limits::bodies);
    for (needs, routes) in routers {
        match needs {
            Needs::Nothing => open = routes,
            // Devices are let in by their own rules: a token, or the address that the site names for them.
            Needs::Device => {
                let expected = middleware::from_fn_with_state(api.clone(), devices::expected);
                router = router.merge(routes.route_layer(bodies.clone()).route_layer(expected));
            }
            Needs::Token(role) => {
                let require = middleware::from_fn_with_state((api.clone(), role), auth::require);
                router = router.merge(routes.route_layer(bodies.clone()).route_layer(require));
            }
        }
    }
    let mut router = router.merge(open);
    if traced::wanted() {
        router = router.route_layer(middleware::from_fn(traced::traced));
    }
    router.fallback(limits::no_such_path).method_not_allowed_fallback(limits::wrong_method).with_state(api)
}
