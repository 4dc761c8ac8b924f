//! What can be asked of a running server, each answer checked against the published document.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
};

use common::{DEADLINE, Device, Server, push, request, site, write_site};
use serde_json::{Value, json};

/// The document that the server itself gives, and validators made of it.
struct Document {
    document: Value,
    validators: BTreeMap<String, jsonschema::Validator>,
}

impl Document {
    fn of(server: &Server) -> Self {
        let (status, text) = server.get("/v1/openapi.json");
        assert_eq!(status, 200);
        Self { document: serde_json::from_str(&text).unwrap(), validators: BTreeMap::new() }
    }

    /// Checks an answer against the schema that the document has for this path, method and status.
    fn check(&mut self, method: &str, path: &str, status: u16, answer: &Value) {
        let operation = &self.document["paths"][path][method];
        assert!(operation.is_object(), "{method} {path} is not in the document");
        let answers = &operation["responses"];
        let known = answers.get(status.to_string()).unwrap_or(&answers["default"]);
        let content = known["content"].as_object().unwrap().values().next().unwrap();
        let reference = content["schema"]["$ref"].as_str().unwrap();
        let validator = self.validators.entry(reference.to_owned()).or_insert_with(|| {
            let schema = json!({"$ref": reference, "components": self.document["components"]});
            jsonschema::validator_for(&schema).unwrap()
        });
        let checked =
            validator.validate(answer).map_err(|error| format!("{}: {error}", error.instance_path()));
        assert_eq!(checked, Ok(()), "{method} {path} {status}: {answer}");
    }
}

struct Rig {
    folder: tempfile::TempDir,
    server: Server,
    document: Document,
}

impl Rig {
    fn new(site: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_site(folder.path(), site);
        let server = Server::start(folder.path(), &[]);
        let document = Document::of(&server);
        Self { folder, server, document }
    }

    /// A request whose answer fits the document: `path` as the document has it, `at` as it is asked.
    fn ask(
        &mut self,
        method: &str,
        path: &str,
        at: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Value) {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let method = method.to_uppercase();
        let (status, text) = request(self.server.http, &method, at, headers, &bytes).unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        assert!(!answer.is_null(), "{at}: {text}");
        self.document.check(&method.to_lowercase(), path, status, &answer);
        (status, answer)
    }

    fn get(&mut self, path: &str, query: &str) -> Value {
        let (status, answer) = self.ask("get", path, &format!("{path}{query}"), &[], &Value::Null);
        assert_eq!(status, 200, "{path}{query}: {answer}");
        answer
    }

    fn refused(&mut self, path: &str, query: &str) -> (u16, String) {
        let (status, answer) = self.ask("get", path, &format!("{path}{query}"), &[], &Value::Null);
        (status, answer["code"].as_str().unwrap_or_default().to_owned())
    }

    fn act(&mut self, action: &Value, headers: &[(&str, &str)]) -> (u16, Value) {
        self.ask("post", "/v1/actions", "/v1/actions", headers, action)
    }

    /// A car at a lane's camera.
    fn drive(&self, lane: &str, record: u32, plate: &str) -> String {
        let serial = if lane == "c-in" { "aaaaaaaa-11111111" } else { "bbbbbbbb-22222222" };
        let (status, answer) = self.server.push(&format!("/vz/{lane}"), &[], &push(serial, record, plate));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Asks until the answer fits: what was decided is committed a moment later.
    fn until(&mut self, path: &str, query: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let since = std::time::Instant::now();
        loop {
            let answer = self.get(path, query);
            if fits(&answer) {
                return answer;
            }
            assert!(since.elapsed() < DEADLINE, "{path}{query} still says {answer}");
            std::thread::yield_now();
        }
    }
}

/// The site of all tests with an area, codes, a capacity, a second berth, and a tariff that asks at once.
fn city() -> Value {
    let mut site = site();
    site["areas"] = json!([{"id": "city"}, {"id": "east", "parent": "city"}]);
    site["lots"][0]["area"] = json!("east");
    site["lots"][1]["area"] = json!("city");
    site["lots"][1]["capacity"] = json!(3);
    site["lots"][1]["code"] = json!("QR-G1");
    site["berths"] = json!([{"id": "L1-001", "lot": "L1", "code": "QR-1"}, {"id": "L1-002", "lot": "L1"}]);
    site["lanes"][1]["code"] = json!("QR-OUT");
    site
}

fn by() -> Value {
    json!({"kind": "user", "id": "u-1"})
}

#[test]
fn what_is_due_is_told_by_session_berth_code_lane_and_plate() {
    let mut rig = Rig::new(&city());
    let mut device = Device::connect(rig.server.tcp, 1).unwrap();
    let report = device.report(true);
    device.send(&report).unwrap();
    device.ack().unwrap();
    let berth = rig.until("/v1/due", "?berth=L1-001", |answer| answer["due"][0].is_object());
    let owed = &berth["due"][0];
    assert_eq!(
        (&owed["state"], &owed["outstanding"], &owed["currency"]),
        (&json!("open"), &json!("1.00"), &json!("CNY"))
    );
    assert_eq!(owed["receipt"]["lines"][0]["amount"], "1.00", "{owed}");
    let session = owed["session"].as_str().unwrap().to_owned();
    for query in [format!("?session={session}"), "?code=QR-1".to_owned()] {
        assert_eq!(rig.get("/v1/due", &query)["due"][0]["session"], session.as_str(), "{query}");
    }
    assert_eq!(rig.get("/v1/due", "?berth=L1-002")["due"], json!([]));

    rig.drive("c-in", 1, "粤B7K35Q");
    let plate = "plate=%E7%B2%A4B7K35Q";
    let open = rig.until("/v1/due", &format!("?{plate}"), |answer| answer["due"][0].is_object());
    assert_eq!(open["due"][0]["lane_in"], "G1-in");
    assert_eq!(rig.get("/v1/due", &format!("?{plate}&lot=L1"))["due"], json!([]));
    let by_code = rig.get("/v1/due", &format!("?code=QR-G1&{plate}"));
    assert_eq!(by_code["due"][0]["session"], open["due"][0]["session"]);
    assert_eq!(rig.get("/v1/due", "?lane=G1-out")["due"], json!([]), "nobody waits there");
    rig.drive("c-out", 2, "粤B7K35Q");
    let waits = rig.get("/v1/due", "?code=QR-OUT");
    assert_eq!(
        (&waits["due"][0]["state"], &waits["due"][0]["outstanding"]),
        (&json!("closed"), &json!("1.00"))
    );
    let quoted = &waits["due"][0]["at"];
    let payment = json!({"id": "p-1", "action": "payment", "by": by(), "reason": "", "lane": "G1-out", "payment": "p-1",
        "amount": "1.00", "currency": "CNY", "method": "wechat", "quoted_at": quoted});
    assert_eq!(rig.act(&payment, &[]).0, 200);
    rig.until("/v1/due", &format!("?{plate}"), |answer| answer["due"] == json!([]));
    let paid = rig.ask("get", "/v1/payments/{payment}", "/v1/payments/p-1", &[], &Value::Null);
    assert_eq!((paid.0, &paid.1["parts"][0]["amount"]), (200, &json!("1.00")), "{}", paid.1);

    for (query, status, code) in [
        ("", 400, "bad_query"),
        ("?berth=L1-001&lane=G1-out", 400, "bad_query"),
        ("?code=QR-G1", 400, "bad_query"),
        ("?berth=nowhere", 404, "no_such_berth"),
        ("?lane=nowhere", 404, "no_such_lane"),
        ("?code=nowhere", 404, "no_such_code"),
        ("?session=nobody", 404, "no_such_session"),
        ("?session=00000000000000000000000000", 404, "no_such_session"),
        ("?color=red", 400, "bad_query"),
    ] {
        assert_eq!(rig.refused("/v1/due", query), (status, code.to_owned()), "{query}");
    }
}

#[test]
fn free_places_and_berths_by_state() {
    let mut rig = Rig::new(&city());
    let before = rig.get("/v1/places", "");
    assert_eq!(before["lots"][1]["free"], 2, "{before}");
    assert_eq!(rig.get("/v1/berths", "")["berths"][0]["state"], "unknown");
    let mut device = Device::connect(rig.server.tcp, 1).unwrap();
    let report = device.report(true);
    device.send(&report).unwrap();
    device.ack().unwrap();
    rig.drive("c-in", 1, "粤B7K35Q");
    let full = rig.until("/v1/places", "", |answer| answer["lots"][1]["taken"] == 1);
    let row = |lot: &str, kind: &str, area: &str, places: u64, taken: u64| json!({"lot": lot, "kind": kind, "area": area, "places": places, "taken": taken, "free": places - taken});
    assert_eq!(full["lots"], json!([row("G1", "gated", "city", 3, 1), row("L1", "roadside", "east", 2, 1)]));
    let areas = json!([{"area": "city", "places": 5, "taken": 2, "free": 3}, {"area": "east", "places": 2, "taken": 1, "free": 1}]);
    assert_eq!(full["areas"], areas, "an area counts with those that lie in it");
    assert_eq!(rig.get("/v1/places", "?area=east")["lots"], json!([row("L1", "roadside", "east", 2, 1)]));
    assert_eq!(rig.refused("/v1/places", "?lot=nowhere"), (404, "no_such_place".to_owned()));
    let count =
        json!({"id": "n-1", "action": "count", "by": by(), "reason": "counted", "lot": "G1", "open": 3});
    assert_eq!(rig.act(&count, &[]).0, 200);
    assert_eq!(
        rig.get("/v1/places", "?lot=G1")["lots"][0]["free"],
        0,
        "what a person has counted is what is there"
    );

    let page = rig.get("/v1/berths", "?limit=1");
    let berth = &page["berths"][0];
    assert_eq!(
        (&berth["berth"], &berth["state"], &berth["detected"]),
        (&json!("L1-001"), &json!("occupied"), &json!(true))
    );
    assert_eq!(page["after"], "L1-001");
    let rest = rig.get("/v1/berths", "?limit=1&after=L1-001");
    assert_eq!((&rest["berths"][0]["state"], &rest["after"]), (&json!("unknown"), &Value::Null));
    assert_eq!(rig.get("/v1/berths", "?state=free")["berths"], json!([]));
    let report = device.report(false);
    device.send(&report).unwrap();
    device.ack().unwrap();
    let free = rig.until("/v1/berths", "?state=free&area=city", |answer| answer["berths"][0].is_object());
    assert_eq!(
        (&free["berths"][0]["berth"], &free["berths"][0]["detected"]),
        (&json!("L1-001"), &json!(false))
    );
}

#[test]
fn a_sessions_history_has_its_revisions_frames_and_what_people_did() {
    let mut rig = Rig::new(&city());
    let mut device = Device::connect(rig.server.tcp, 1).unwrap();
    for occupied in [true, false] {
        let report = device.report(occupied);
        device.send(&report).unwrap();
        device.ack().unwrap();
    }
    let closed = rig.until("/v1/sessions", "?state=closed", |answer| answer["sessions"][0].is_object());
    let session = closed["sessions"][0]["session"].as_str().unwrap().to_owned();
    rig.server.until(&format!("/v1/charges/{session}"), |charge| charge["session"].is_string());
    let (status, tagged) = {
        let path = format!("/v1/sessions/{session}");
        rig.ask("get", "/v1/sessions/{session}", &path, &[], &Value::Null)
    };
    assert_eq!(status, 200);
    let revision = format!("\"{}\"", tagged["revision"]);
    let plate = json!({"id": "a-1", "action": "plate", "by": by(), "reason": "seen", "session": session, "plate": "粤B7K35Q"});
    let (status, refused) = rig.act(&plate, &[("if-match", "\"77\"")]);
    assert_eq!((status, &refused["field"]), (412, &json!("revision")), "{refused}");
    assert_eq!(rig.act(&plate, &[("if-match", &revision)]).0, 200);
    let path = format!("/v1/sessions/{session}/history");
    let (status, history) = rig.ask("get", "/v1/sessions/{session}/history", &path, &[], &Value::Null);
    assert_eq!(status, 200);
    let revisions: Vec<u64> =
        history["sessions"].as_array().unwrap().iter().map(|s| s["revision"].as_u64().unwrap()).collect();
    assert!(revisions.len() >= 2 && revisions.is_sorted() && revisions[0] == 1, "{history}");
    assert_eq!(history["sessions"][0]["state"], "open");
    assert_eq!(history["actions"][0]["id"], "a-1");
    assert!(!history["charges"].as_array().unwrap().is_empty(), "{history}");
    let frames = history["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 2, "{history}");
    assert_eq!(frames[0]["position"], history["sessions"][0]["entry"]["frame"]);
    assert_eq!(history["older"], Value::Null);
}

#[test]
fn alerts_commands_and_frames_are_listed() {
    let mut rig = Rig::new(&city());
    rig.drive("c-in", 1, "粤B7K35Q");
    rig.drive("c-in", 2, "粤B7K36Q");
    let sent = rig.until("/v1/commands", "?device=c-in", |answer| {
        answer["commands"].as_array().is_some_and(|c| c.len() == 2 && c.iter().all(|c| c["state"] == "sent"))
    });
    let page = rig.get("/v1/commands", "?limit=1");
    assert_eq!(page["commands"], json!([sent["commands"][0]]));
    let rest = rig.get("/v1/commands", &format!("?limit=9&after={}", page["after"].as_str().unwrap()));
    assert_eq!((&rest["commands"], &rest["after"]), (&json!([sent["commands"][1]]), &Value::Null));
    assert_eq!(rig.get("/v1/commands", "?state=requested")["commands"], json!([]));
    assert_eq!(rig.get("/v1/commands", "?lane=G1-out")["commands"], json!([]));
    assert_eq!(rig.get("/v1/commands", "?from=2090-01-01T00:00:00Z")["commands"], json!([]));

    // A car whose entry nobody saw wants to leave.
    rig.drive("c-out", 3, "粤B7K37Q");
    let alerts = rig.until("/v1/alerts", "?kind=no_entry", |answer| answer["alerts"][0].is_object());
    assert_eq!(
        (&alerts["alerts"][0]["lot"], &alerts["alerts"][0]["closed_at"]),
        (&json!("G1"), &Value::Null)
    );
    assert_eq!(rig.get("/v1/alerts", "?lot=L1")["alerts"], json!([]));
    assert_eq!(rig.get("/v1/alerts", "?state=closed&kind=zombie")["alerts"], json!([]));
    assert_eq!(rig.refused("/v1/alerts", "?from=2026-01-01T00:00:00Z").0, 400);

    let mut device = Device::connect(rig.server.tcp, 1).unwrap();
    for occupied in [true, false, true] {
        let report = device.report(occupied);
        device.send(&report).unwrap();
        device.ack().unwrap();
    }
    let all = rig.get("/v1/frames", "?device=n-1");
    assert_eq!(all["frames"].as_array().unwrap().len(), 3, "{all}");
    let first = rig.get("/v1/frames", "?device=n-1&limit=1");
    assert_eq!(first["frames"], json!([all["frames"][0]]));
    let after = format!("?device=n-1&after={}", first["after"].as_str().unwrap());
    assert_eq!(rig.get("/v1/frames", &after)["frames"], json!([all["frames"][1], all["frames"][2]]));
    let received = all["frames"][2]["received_at"].as_str().unwrap().to_owned();
    let since = rig.get("/v1/frames", &format!("?device=n-1&from={received}"));
    assert_eq!(since["frames"], json!([all["frames"][2]]));
    let before = rig.get("/v1/frames", &format!("?device=n-1&to={received}"));
    assert_eq!(before["frames"].as_array().unwrap().len(), 2);
    let cameras = rig.get("/v1/frames", "?protocol=vz-http");
    assert!(cameras["frames"].as_array().unwrap().iter().all(|frame| frame["device"] != "n-1"), "{cameras}");
    let position = all["frames"][1]["position"].as_str().unwrap().to_owned();
    let (_, one) = rig.ask("get", "/v1/frames/{frame}", &format!("/v1/frames/{position}"), &[], &Value::Null);
    assert_eq!(one, all["frames"][1]);
    assert_eq!(rig.server.get("/v1/frames/0-99999").0, 404);

    // After a restart open alerts are there again.
    let before = rig.get("/v1/alerts", "")["alerts"].clone();
    let Rig { folder, server, document } = rig;
    assert!(server.terminate().success());
    let mut rig = Rig { server: Server::start(folder.path(), &[]), folder, document };
    assert_eq!(rig.get("/v1/alerts", "")["alerts"], before);
    assert_eq!(rig.get("/v1/due", "?plate=%E7%B2%A4B7K35Q")["due"][0]["state"], "open");
}

#[test]
fn a_dead_letter_is_put_in_again_when_the_site_knows_better() {
    let mut site = city();
    let unbound = json!({"id": "n-2", "serial": "0000000000001002", "protocol": "parkline"});
    let mut bound = unbound.clone();
    bound["berth"] = json!("L1-002");
    site["devices"].as_array_mut().unwrap().push(unbound);
    let mut rig = Rig::new(&site);
    let mut device = Device::connect(rig.server.tcp, 1).unwrap();
    device.device_id = 0x1002;
    let report = device.report(true);
    device.send(&report).unwrap();
    device.ack().unwrap();
    let letters =
        rig.until("/v1/dead-letters", "?device=n-2", |answer| answer["dead_letters"][0].is_object());
    let letter = letters["dead_letters"][0].clone();
    let code = letter["error"]["code"].as_str().unwrap().to_owned();
    assert_eq!(
        rig.get("/v1/dead-letters", &format!("?code={code}&device=n-2"))["dead_letters"],
        json!([letter])
    );
    assert_eq!(rig.get("/v1/dead-letters", "?code=poison")["dead_letters"], json!([]));
    let chosen = json!({"letters": [letter["letter"]]});
    let requeue = "/v1/dead-letters/requeue";
    let (status, answer) = rig.ask("post", requeue, requeue, &[], &chosen);
    assert_eq!(
        (status, &answer["requeued"][0]["outcome"]),
        (200, &json!("dead_letter")),
        "nothing has changed: {answer}"
    );
    // The site says now where the device was when it sent that.
    let since = letter["frame"]["received_at"].as_str().unwrap().to_owned();
    let place = format!("/v1/reference/devices/n-2?since={since}");
    let (status, changed) = rig.ask("put", "/v1/reference/{kind}/{id}", &place, &[], &bound);
    assert_eq!(status, 200, "{changed}");
    let (status, answer) = rig.ask("post", requeue, requeue, &[], &chosen);
    assert_eq!((status, &answer["requeued"][0]["outcome"]), (200, &json!("applied")), "{answer}");
    let session = rig.until("/v1/sessions", "?berth=L1-002", |answer| answer["sessions"][0].is_object());
    assert_eq!(session["sessions"][0]["state"], "open");
    let none = rig.ask("post", requeue, requeue, &[], &json!({"letters": ["0-999"]}));
    assert_eq!((none.0, &none.1["code"]), (404, &json!("no_such_letter")));
}

#[test]
fn what_became_of_an_action_is_told_by_its_id() {
    let mut rig = Rig::new(&city());
    let entry =
        json!({"action": "entry", "by": by(), "reason": "seen", "berth": "L1-001", "plate": "粤B7K35Q"});
    let (status, answer) = rig.act(&entry, &[("idempotency-key", "e-1")]);
    assert_eq!((status, &answer["outcome"]), (200, &json!("applied")), "{answer}");
    assert_eq!(rig.act(&entry, &[("idempotency-key", "e-1")]).0, 200, "again is the same");
    let mut other = entry.clone();
    other["plate"] = json!("粤B7K36Q");
    let (status, answer) = rig.act(&other, &[("idempotency-key", "e-1")]);
    assert_eq!((status, &answer["field"]), (409, &json!("id")), "{answer}");
    other["id"] = json!("e-2");
    assert_eq!(rig.act(&other, &[("idempotency-key", "e-1")]).0, 409);
    assert_eq!(rig.act(&other, &[("idempotency-key", "no id at all")]).0, 400);
    let nothing = json!({"id": "v-1", "action": "void", "by": by(), "reason": "", "berth": "L1-002"});
    assert_eq!(rig.act(&nothing, &[]).0, 422);
    let outcome = |rig: &mut Rig, id: &str| {
        rig.ask("get", "/v1/actions/{id}", &format!("/v1/actions/{id}"), &[], &Value::Null)
    };
    assert_eq!(outcome(&mut rig, "e-1").1, json!({"id": "e-1", "outcome": "applied"}));
    assert_eq!(outcome(&mut rig, "nobody").0, 404);
    let since = std::time::Instant::now();
    // The dead letter is committed a moment after it was decided.
    let refused = loop {
        let (status, answer) = outcome(&mut rig, "v-1");
        if status == 200 {
            break answer;
        }
        assert!(since.elapsed() < DEADLINE, "{answer}");
    };
    assert_eq!(
        (&refused["outcome"], &refused["error"]["code"]),
        (&json!("dead_letter"), &json!("no_target"))
    );
    assert_eq!(rig.server.get("/v1/payments/none").0, 404);
}

#[test]
fn every_path_of_the_document_is_served_with_its_role() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &city());
    let tokens = folder.path().join("tokens");
    let roles =
        [("read", "rrrrrrrrrrrrrrrr"), ("operate", "oooooooooooooooo"), ("admin", "aaaaaaaaaaaaaaaa")];
    let lines: String = roles.iter().map(|(role, token)| format!("{role} {token}\n")).collect();
    std::fs::write(&tokens, lines).unwrap();
    let server = Server::start(folder.path(), &["--tokens", tokens.to_str().unwrap()]);
    let mut document = Document::of(&server);
    let paths = document.document["paths"].as_object().unwrap().clone();
    let mut served = 0;
    for (path, methods) in &paths {
        for (method, operation) in methods.as_object().unwrap() {
            let at: String = path
                .split('/')
                .map(|part| if part.starts_with('{') { "x" } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let role = operation["description"].as_str().and_then(|text| text.strip_prefix("Role: "));
            let needed = role
                .and_then(|role| roles.iter().position(|(known, _)| Some(*known) == role.strip_suffix('.')));
            for (level, token) in
                [None].into_iter().chain(roles.iter().map(|(_, token)| Some(*token))).enumerate()
            {
                let bearer = token.map(|token| format!("Bearer {token}"));
                let headers: Vec<(&str, &str)> =
                    bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
                let (status, body) =
                    request(server.http, &method.to_uppercase(), &at, &headers, b"").unwrap();
                let expected = match needed {
                    Some(_) if level == 0 => Some(401),
                    Some(needed) if level <= needed => Some(403),
                    _ => None,
                };
                if let Some(expected) = expected {
                    assert_eq!(status, expected, "{method} {path} with {token:?}: {body}");
                } else if needed.is_some() {
                    assert!(![401, 403, 405].contains(&status), "{method} {path} with {token:?}: {body}");
                }
                assert!(!body.contains("no_such_path"), "{method} {path}");
                if status >= 400 && status != 503 {
                    document.check(method, path, 599, &serde_json::from_str(&body).unwrap());
                }
                served += 1;
            }
        }
    }
    assert!(served > 100, "{served}");
}

/// A request whose answer is no text.
fn bytes(server: &Server, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(server.http).unwrap();
    let len = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len}\r\n\r\n"
    )
    .unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
    (status, answer[end + 4..].to_vec())
}

#[test]
fn photos_stay_out_of_the_log_and_come_back() {
    let mut rig = Rig::new(&city());
    // A picture of nothing: 3,003 bytes.
    let base64 = format!("/9j/{}", "A".repeat(4000));
    let picture = [&[0xff, 0xd8, 0xff][..], &[0; 3000]].concat();
    let plain = String::from_utf8(push("aaaaaaaa-11111111", 7, "粤B7K35Q")).unwrap();
    let body = plain.replace("\"isoffline\"", &format!("\"imageFile\":\"{base64}\",\"isoffline\""));
    let (status, answer) = rig.server.push("/vz/c-in", &[], body.as_bytes());
    assert_eq!((status, answer.contains("ok")), (200, true), "{answer}");
    let frames = rig.get("/v1/frames", "?device=c-in&limit=1");
    let frame = &frames["frames"][0];
    let image = frame["images"][0]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(frame["images"].as_array().unwrap().len(), 1);
    assert!(frame["payload"].as_str().unwrap().len() < 2 * plain.len() + 100, "{frame}");
    let path = format!("/v1/images/{image}");
    let payload = format!("/v1/frames/{}/payload", frame["position"].as_str().unwrap());
    assert_eq!(bytes(&rig.server, "GET", &path, b""), (200, picture.clone()));
    assert_eq!(bytes(&rig.server, "GET", &format!("{path}?raw=true"), b""), (200, base64.into_bytes()));
    assert!(bytes(&rig.server, "GET", &payload, b"") == (200, body.clone().into_bytes()), "byte for byte");
    let open = rig.until("/v1/sessions", "?lot=G1", |answer| answer["sessions"][0].is_object());
    let session = open["sessions"][0]["session"].as_str().unwrap().to_owned();
    let history = format!("/v1/sessions/{session}/history");
    let (_, history) = rig.ask("get", "/v1/sessions/{session}/history", &history, &[], &Value::Null);
    assert_eq!(history["pictures"][0]["image"], image.as_str());

    // What a person adds is kept the same way, and named by an action.
    let (status, added) = bytes(&rig.server, "POST", "/v1/images", &picture);
    let added: Value = serde_json::from_slice(&added).unwrap();
    assert_eq!((status, added["image"].as_str().map(str::len)), (201, Some(64)));
    assert_eq!(bytes(&rig.server, "POST", "/v1/images", b"no picture").0, 415);
    let evidence = json!({"id": "ev-1", "action": "evidence", "by": by(), "reason": "", "session": session,
        "images": [{"image": added["image"], "kind": "scene"}]});
    assert_eq!(rig.act(&evidence, &[]).0, 200);

    let Rig { folder, server, document } = rig;
    server.kill();
    let mut rig = Rig { server: Server::start(folder.path(), &[]), folder, document };
    assert_eq!(
        bytes(&rig.server, "GET", &path, b"").0,
        200,
        "it was on the disk before the frame was acknowledged"
    );
    let erase = format!("{path}?by=u-1&reason=asked");
    let (status, erased) = rig.ask("delete", "/v1/images/{image}", &erase, &[], &Value::Null);
    assert_eq!((status, &erased["reason"]), (200, &json!("asked")));
    for path in [&path, &payload] {
        let (status, problem) = bytes(&rig.server, "GET", path, b"");
        assert_eq!((status, String::from_utf8_lossy(&problem).contains("erased")), (410, true));
    }
    assert_eq!(bytes(&rig.server, "DELETE", &erase, b"").0, 404);
    assert_eq!(rig.server.get("/v1/images/nothing").0, 404);
    assert_eq!(
        rig.get("/v1/frames", "?device=c-in&limit=1")["frames"],
        frames["frames"],
        "the log is as it was"
    );
}

#[test]
fn photos_that_were_kept_for_long_enough_are_erased() {
    let Rig { folder, server, document: _ } = Rig::new(&city());
    let added = |picture: &[u8]| {
        let (status, added) = bytes(&server, "POST", "/v1/images", picture);
        assert_eq!(status, 201);
        serde_json::from_slice::<Value>(&added).unwrap()["image"].as_str().unwrap().to_owned()
    };
    let (old, new) = (added(b"\xff\xd8\xff old"), added(b"\xff\xd8\xff new"));
    server.kill();
    let images = folder.path().join("data/default/images");
    let mut files = std::fs::read_dir(images).unwrap().map(|entry| entry.unwrap().path().join(&old));
    let file = std::fs::File::options().append(true).open(files.find(|file| file.exists()).unwrap()).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 86_400)).unwrap();
    let server = Server::start(folder.path(), &["--retention-photos", "1d"]);
    let begun = std::time::Instant::now();
    while server.get(&format!("/v1/images/{old}")).0 != 404 {
        assert!(begun.elapsed().as_secs() < 60, "what is old is erased at the start");
        std::thread::yield_now();
    }
    assert_eq!(bytes(&server, "GET", &format!("/v1/images/{new}"), b"").0, 200);
    // The record follows the last photo.
    let record = || std::fs::read_to_string(folder.path().join("data/default/images/erased.jsonl"));
    while !record().is_ok_and(|record| record.ends_with('\n')) {
        assert!(begun.elapsed().as_secs() < 60, "what was erased is recorded");
        std::thread::yield_now();
    }
    let record = record().unwrap();
    assert!(record.contains("\"id\":\"retention\"") && record.contains("\"photos\":1"), "{record}");
}

#[test]
fn all_photos_of_a_plate_are_erased_and_nobody_elses() {
    let mut rig = Rig::new(&city());
    let photo = |letter: &str| format!("/9j/{}", letter.repeat(4000));
    let post = |record: u32, plate: &str, photo: &str| {
        let plain = String::from_utf8(push("aaaaaaaa-11111111", record, plate)).unwrap();
        let body = plain.replace("\"isoffline\"", &format!("\"imageFile\":\"{photo}\",\"isoffline\""));
        assert_eq!(rig.server.push("/vz/c-in", &[], body.as_bytes()).0, 200);
    };
    post(1, "粤B7K35Q", &photo("A"));
    post(2, "粤B7K35Q", &photo("B"));
    post(3, "粤B00001", &photo("C"));
    // Read wrongly by the camera, and put right by a person.
    post(4, "粤B7K3SQ", &photo("D"));
    let frames: Vec<Value> =
        rig.server.feed("frames").into_iter().map(|line| line["record"].clone()).collect();
    let images: Vec<String> =
        frames.iter().filter_map(|frame| Some(frame["images"][0]["sha256"].as_str()?.to_owned())).collect();
    assert_eq!(images.len(), 4);
    let open =
        rig.until("/v1/sessions", "?plate=%E7%B2%A4B7K3SQ", |answer| answer["sessions"][0].is_object());
    let session = open["sessions"][0]["session"].clone();
    let right = json!({"id": "p-1", "action": "plate", "by": by(), "reason": "", "session": session, "plate": "粤B7K35Q"});
    assert_eq!(rig.act(&right, &[]).0, 200);
    // An action is answered when it is applied; the log has what it decided a moment later.
    rig.server.feed_until("sessions", |line| {
        line["record"]["session"] == session && line["record"]["plate"] == "粤B7K35Q"
    });
    let (mut after, mut erased) = (String::new(), Vec::new());
    loop {
        let path = format!("/v1/images?plate=%E7%B2%A4B7K35Q&by=u-1&reason=asked{after}");
        let (status, answer) = bytes(&rig.server, "DELETE", &path, b"");
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, 200, "{answer}");
        erased.extend(
            answer["erased"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().to_owned()),
        );
        let Some(on) = answer["after"].as_str() else { break };
        after = format!("&after={on}");
    }
    for (image, gone) in images.iter().zip([true, true, false, true]) {
        let (status, _) = bytes(&rig.server, "GET", &format!("/v1/images/{image}"), b"");
        assert_eq!((status == 410, erased.contains(image)), (gone, gone), "{image}");
    }
    let record = std::fs::read_to_string(rig.folder.path().join("data/default/images/erased.jsonl")).unwrap();
    assert!(record.contains("\"reason\":\"asked\"") && !record.contains("7K35"), "{record}");
    assert_eq!(bytes(&rig.server, "DELETE", "/v1/images?plate=&by=u-1&reason=x", b"").0, 400);
    assert_eq!(bytes(&rig.server, "DELETE", "/v1/images?plate=A12345&by=u-1&reason=x&after=x:0", b"").0, 400);
}
