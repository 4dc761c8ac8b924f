//! Devices that wait to be called: a camera's own protocol on TCP, and cameras that are asked over HTTP.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use common::{DEADLINE, Server, site, text, write_site};
use serde_json::{Value, json};

/// A device that waits.
struct Waits(TcpListener);

impl Waits {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// The next connection.
    fn accept(&self) -> TcpStream {
        let since = Instant::now();
        loop {
            match self.0.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).unwrap();
                    stream.set_read_timeout(Some(DEADLINE)).unwrap();
                    return stream;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && since.elapsed() < DEADLINE => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("nobody calls: {error}"),
            }
        }
    }
}

fn now_secs() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![b'V', b'Z', 0, 0];
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend_from_slice(body);
    frame
}

fn result(record: u64, plate: &str, ago_secs: u64) -> Vec<u8> {
    let plate = json!({"license": plate, "confidence": 97, "type": 1, "colorType": 1,
        "timeStamp": {"Timeval": {"sec": now_secs() - ago_secs, "usec": 0}}});
    framed(json!({"cmd": "ivs_result", "id": record, "PlateResult": plate}).to_string().as_bytes())
}

/// A Vzenith camera's end of a connection.
struct Camera(TcpStream);

impl Camera {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// The next call of this kind; signs of life and other calls are passed over.
    fn hears(&mut self, cmd: &str) -> Value {
        loop {
            let mut header = [0; 8];
            self.0.read_exact(&mut header).unwrap();
            let [b'V', b'Z', _, _, length @ ..] = header else { panic!("{header:?}") };
            let mut body = vec![0; u32::from_be_bytes(length) as usize];
            self.0.read_exact(&mut body).unwrap();
            let call: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            if call["cmd"] == cmd {
                return call;
            }
        }
    }

    /// Says a result until the gate is told to open: the decision may come too late on a busy machine, and a camera reads
    /// a plate that stands there again.
    fn opens(&mut self, result: &[u8]) {
        self.0.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        let since = Instant::now();
        loop {
            self.send(result);
            let mut header = [0; 8];
            let until = Instant::now() + Duration::from_secs(8);
            while Instant::now() < until && self.0.read_exact(&mut header).is_ok() {
                let mut body = vec![0; u32::from_be_bytes(*header.last_chunk().unwrap()) as usize];
                self.0.read_exact(&mut body).unwrap();
                if text(&body).contains("\"ioctl\"") {
                    self.0.set_read_timeout(Some(DEADLINE)).unwrap();
                    assert!(text(&body).contains("\"value\":2"), "{}", text(&body));
                    return;
                }
            }
            assert!(since.elapsed() < DEADLINE, "the gate stays shut");
        }
    }
}

fn with_device(folder: &Path, device: Value) {
    let mut site = site();
    let devices = site["devices"].as_array_mut().unwrap();
    devices.retain(|other| other["lane"] != device["lane"]);
    devices.push(device);
    write_site(folder, &site);
}

fn sessions_of(server: &Server, plate: &str) -> Value {
    let is = |line: &Value| line["record"]["plate"] == plate;
    server.feed_until("sessions", is).iter().find(|line| is(line)).unwrap()["record"].clone()
}

#[test]
fn a_camera_is_called_opens_the_gate_and_is_asked_for_what_was_missed() {
    let folder = tempfile::tempdir().unwrap();
    let waits = Waits::new();
    with_device(
        folder.path(),
        json!({"id": "v-in", "protocol": "vz-tcp", "lane": "G1-in", "address": waits.address()}),
    );
    let server = Server::start(folder.path(), &[]);
    let mut camera = Camera(waits.accept());
    assert_eq!(camera.hears("ivsresult")["format"], "json");
    camera.hears("response_online");
    camera.hears("get_max_rec_id");
    camera.send(&framed(br#"{"cmd":"get_max_rec_id","state_code":200,"max_rec_id":40}"#));

    // In pieces, with noise before it.
    let first = result(41, "粤A10001", 0);
    camera.send(b"noise");
    let (head, tail) = first.split_at(50);
    camera.send(head);
    camera.send(tail);
    camera.opens(&first);
    assert_eq!(sessions_of(&server, "粤A10001")["lane_in"], "G1-in");
    let commands = server.feed_until("commands", |line| line["record"]["state"] == "sent");
    assert!(commands.iter().all(|line| line["record"]["device"] == "v-in"), "{commands:?}");

    // It drops in the middle of a frame; two cars come while nobody is there.
    camera.send(&result(42, "粤A10002", 0)[..30]);
    drop(camera);
    let mut camera = Camera(waits.accept());
    camera.hears("get_max_rec_id");
    camera.send(&framed(br#"{"cmd":"get_max_rec_id","state_code":200,"max_rec_id":44}"#));
    assert_eq!(camera.hears("get_record")["id"], 42);
    camera.send(&result(42, "粤A10002", 400));
    assert_eq!(camera.hears("get_record")["id"], 43);
    camera.send(&framed(br#"{"cmd":"get_record","id":43,"state_code":404}"#));
    assert_eq!(camera.hears("get_record")["id"], 44);
    camera.send(&result(44, "粤A10004", 300));
    let missed = sessions_of(&server, "粤A10004");
    assert_eq!(missed["marks"], json!(["backfilled"]), "{missed}");
    sessions_of(&server, "粤A10002");
    let frames = server.feed("frames");
    let backlog = frames.iter().filter(|line| line["record"]["route"] == "get_record#backlog").count();
    assert_eq!(backlog, 2);
    server.metric_until("parkline_connections{listener=\"dial\"}", 1);
    server.metric_until("parkline_noise_bytes_total{listener=\"dial\"}", 5);

    // What it read while the server was away.
    assert!(server.terminate().success());
    drop(camera);
    let server = Server::start(folder.path(), &[]);
    let mut camera = Camera(waits.accept());
    camera.hears("get_max_rec_id");
    camera.send(&framed(br#"{"cmd":"get_max_rec_id","state_code":200,"max_rec_id":45}"#));
    let mut asked = camera.hears("get_record")["id"].as_u64().unwrap();
    // The mark is written every few seconds: some may be asked for that have come.
    while asked < 45 {
        camera.send(&framed(format!(r#"{{"cmd":"get_record","id":{asked},"state_code":404}}"#).as_bytes()));
        asked = camera.hears("get_record")["id"].as_u64().unwrap();
    }
    camera.send(&result(45, "粤A10005", 200));
    sessions_of(&server, "粤A10005");
    assert!(server.terminate().success());
}

#[test]
fn a_device_is_called_where_the_site_says_now() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Waits::new(), Waits::new());
    let board = |address: String| json!({"id": "b-1", "protocol": "barrier-aa55", "lane": "G1-in", "address": address});
    with_device(folder.path(), board(old.address()));
    let server = Server::start(folder.path(), &[]);
    let mut line = old.accept();
    line.write_all(&[0xaa, 0x55, 0x02, 0x01, 0x01, 0x04]).unwrap();
    server.feed_until("frames", |line| line["record"]["payload"] == "aa5502010104");

    with_device(folder.path(), board(new.address()));
    server.hang_up();
    let mut there = new.accept();
    assert_eq!(line.read(&mut [0; 8]).unwrap(), 0, "the old connection has ended");
    // A person opens; the board hears it on the connection that stands.
    let open = json!({"action": "gate", "command": "open", "lane": "G1-in", "id": "g-1",
        "by": {"kind": "user", "id": "u"}, "reason": "test"});
    let (status, answer) = server.post("/v1/actions", open.to_string().as_bytes());
    assert!(status == 200 || status == 202, "{status} {answer}");
    let mut heard = [0; 5];
    there.read_exact(&mut heard).unwrap();
    assert_eq!(heard, [0xaa, 0x55, 0x01, 0x01, 0x02]);
    server.feed_until("commands", |line| line["record"]["state"] == "sent");

    // One that cannot be reached is called again and again, and nothing else suffers.
    drop(new);
    drop(there);
    let since = Instant::now();
    while server.metric("parkline_calls_total{outcome=\"failed\"}") < 2 {
        assert!(since.elapsed() < DEADLINE);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(server.get("/readyz").0, 200);
    assert!(server.terminate().success());
}

/// A request as a camera gets it, and the connection to answer on.
struct Asked {
    head: String,
    body: String,
    stream: TcpStream,
}

impl Asked {
    fn read(mut stream: TcpStream) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let head = text(&head);
        let lower = head.to_lowercase();
        let len = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        let mut body = vec![0; len.unwrap_or(0)];
        stream.read_exact(&mut body).unwrap();
        Self { head, body: text(&body), stream }
    }

    fn is(&self, line: &str) -> bool {
        self.head.starts_with(line)
    }

    fn answer(mut self, status: &str, headers: &str, body: &str) {
        let len = body.len();
        let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: {len}\r\n\r\n{body}");
        self.stream.write_all(answer.as_bytes()).unwrap();
    }
}

const CHALLENGE: &str = "WWW-Authenticate: Digest qop=\"auth\", realm=\"IP Camera\", nonce=\"n1\"\r\n";

/// The next request that comes with a login; others are asked for one.
fn asked(waits: &Waits) -> Asked {
    loop {
        let asked = Asked::read(waits.accept());
        if asked.head.to_lowercase().contains("\r\nauthorization: digest username=\"admin\"") {
            return asked;
        }
        asked.answer("401 Unauthorized", CHALLENGE, "");
    }
}

fn alert(plate: &str, uuid: &str) -> String {
    format!(
        "<EventNotificationAlert><eventType>ANPR</eventType><UUID>{uuid}</UUID><ANPR>\
         <licensePlate>{plate}</licensePlate><confidenceLevel>98</confidenceLevel></ANPR></EventNotificationAlert>"
    )
}

fn hikvision(folder: &Path, waits: &Waits) -> Server {
    with_device(
        folder,
        json!({"id": "h-in", "protocol": "hikvision-isapi", "lane": "G1-in", "address": waits.address(), "key": "h"}),
    );
    let secrets = folder.join("secrets");
    fs::write(&secrets, "h login admin pass-word").unwrap();
    Server::start(folder, &["--secrets", &secrets.display().to_string()])
}

#[test]
fn an_alert_stream_brings_cars_with_photos_and_the_barrier_is_asked_to_open() {
    let folder = tempfile::tempdir().unwrap();
    let waits = Waits::new();
    let server = hikvision(folder.path(), &waits);
    let mut stream = asked(&waits);
    assert!(stream.is("GET /ISAPI/Event/notification/alertStream HTTP/1.1"), "{}", stream.head);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: multipart/mixed; boundary=boundary\r\n\r\n";
    stream.stream.write_all(head.as_bytes()).unwrap();
    let photo = [b"\xff\xd8\xff\xe0", &[7_u8; 2000][..], b"\xff\xd9"].concat();
    let mut car = |uuid: &str| {
        let xml = alert("粤B20001", uuid);
        let mut part = format!(
            "--boundary\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{xml}\r\n--boundary\r\n\
             Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            xml.len(),
            photo.len()
        )
        .into_bytes();
        part.extend(&photo);
        part.extend(b"\r\n");
        let (first, rest) = part.split_at(part.len() / 2);
        stream.stream.write_all(first).unwrap();
        stream.stream.write_all(rest).unwrap();
    };
    car("u-1");
    // Where the decision comes too late the camera reads the plate once more.
    let mut barrier = None;
    for n in 2..8 {
        let waited = Instant::now();
        while barrier.is_none() && waited.elapsed() < Duration::from_secs(8) {
            if let Ok((connection, _)) = waits.0.accept() {
                connection.set_nonblocking(false).unwrap();
                connection.set_read_timeout(Some(DEADLINE)).unwrap();
                let asked = Asked::read(connection);
                if asked.head.to_lowercase().contains("\r\nauthorization: digest") {
                    barrier = Some(asked);
                } else {
                    asked.answer("401 Unauthorized", CHALLENGE, "");
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        if barrier.is_some() {
            break;
        }
        car(&format!("u-{n}"));
    }
    let barrier = barrier.unwrap();
    assert!(barrier.is("PUT /ISAPI/Parking/channels/1/barrierGate "), "{}", barrier.head);
    assert!(barrier.body.contains("<ctrlMode>open</ctrlMode>"), "{}", barrier.body);
    let done = "<ResponseStatus><statusCode>1</statusCode><statusString>OK</statusString></ResponseStatus>";
    barrier.answer("200 OK", "content-type: application/xml\r\n", done);
    assert_eq!(sessions_of(&server, "粤B20001")["lane_in"], "G1-in");
    let frames = server
        .feed_until("frames", |line| line["record"]["route"] == "/ISAPI/Parking/channels/1/barrierGate");
    let read = frames.iter().find(|line| line["record"]["images"].is_array()).unwrap();
    let hash = read["record"]["images"][0]["sha256"].as_str().unwrap();
    assert_eq!(server.get(&format!("/v1/images/{hash}")).0, 200);
    assert!(server.terminate().success());
}

#[test]
fn a_camera_without_a_stream_is_polled_and_its_backlog_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let waits = Waits::new();
    let server = hikvision(folder.path(), &waits);
    let plate = |plate: &str, name: &str| {
        format!(
            "<Plates><Plate><captureTime>20340109T094130+0400</captureTime><plateNumber>{plate}</plateNumber>\
             <picName>{name}</picName></Plate></Plates>"
        )
    };
    let mut after = Vec::new();
    let mut answer = |body: &str| loop {
        let asked = asked(&waits);
        if asked.is("GET ") {
            asked.answer("404 Not Found", "", "");
            continue;
        }
        if asked.is("PUT ") {
            // It opens for the car that it reads now.
            asked.answer("200 OK", "", "");
            continue;
        }
        assert!(asked.is("POST /ISAPI/Traffic/channels/1/vehicleDetect/plates "), "{}", asked.head);
        let name = asked.body.split("<picTime>").nth(1).and_then(|rest| rest.split('<').next());
        after.push(name.unwrap().to_owned());
        asked.answer("200 OK", "content-type: application/xml\r\n", body);
        return;
    };
    // What it remembers of the time before it was ours is not taken.
    answer(&plate("粤C00001", "p01"));
    answer(&plate("粤C00002", "p02"));
    answer("<Plates/>");
    server.feed_until("frames", |line| line["record"]["protocol"] == "hikvision-isapi");
    let frames = server.feed("frames");
    let taken = frames.iter().filter(|line| line["record"]["protocol"] == "hikvision-isapi");
    let routes: Vec<&Value> = taken.map(|line| &line["record"]["route"]).collect();
    assert_eq!(routes, ["/ISAPI/Traffic/channels/1/vehicleDetect/plates"]);
    assert!(server.terminate().success());
    let server = hikvision(folder.path(), &waits);
    answer(&plate("粤C00003", "p03"));
    server.feed_until("frames", |line| {
        line["record"]["route"] == "/ISAPI/Traffic/channels/1/vehicleDetect/plates#backlog"
    });
    assert_eq!(after, ["0", "p01", "p02", "p02"]);
    assert!(server.terminate().success());
}
