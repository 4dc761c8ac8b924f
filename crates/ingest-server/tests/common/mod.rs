//! The real binary on loopback, and the little that tests need to talk to it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "shared by test files that use different parts"
)]

#[cfg(feature = "kafka")]
pub mod exact;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use device_codec::native::{Ack, BayState, Frame, Head, Key, Message, Occupancy, Reason, Split};
use serde_json::{Value, json};

/// Until when something that happens soon must have happened.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub fn binary() -> Command {
    Command::new(env!("CARGO_BIN_EXE_parkline"))
}

/// Runs a command to its end with this input.
pub fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = binary();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses its arguments does not read its input.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn json_lines(bytes: &[u8]) -> Vec<Value> {
    text(bytes).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// One roadside lot with a native detector, one gated lot with a camera at each lane.
pub fn site() -> Value {
    let tariff = json!({"format": 1, "id": "t", "currency": "CNY", "time_zone": "Asia/Shanghai",
        "rules": [{"id": "all", "charge": {"steps": [{"every": "30m", "price": "1.00"}]}}]});
    json!({"format": 1,
        "lots": [
            {"id": "L1", "kind": "roadside", "time_zone": "Asia/Shanghai", "tariffs": ["t"],
             "policy": {"flicker": "0s", "min_stay": "0s"}},
            {"id": "G1", "kind": "gated", "time_zone": "Asia/Shanghai", "tariffs": ["t"]}],
        "berths": [{"id": "L1-001", "lot": "L1"}],
        "lanes": [{"id": "G1-in", "lot": "G1", "direction": "entry"}, {"id": "G1-out", "lot": "G1", "direction": "exit"}],
        "devices": [
            {"id": "n-1", "serial": "0000000000001001", "protocol": "parkline", "berth": "L1-001"},
            {"id": "c-in", "serial": "aaaaaaaa-11111111", "protocol": "vz-http", "lane": "G1-in"},
            {"id": "c-out", "serial": "bbbbbbbb-22222222", "protocol": "vz-http", "lane": "G1-out"}],
        "tariffs": [tariff]})
}

/// A running server; killed when dropped.
pub struct Server {
    pub child: Child,
    pub http: SocketAddr,
    pub tcp: SocketAddr,
    pub ports: Value,
}

pub fn write_site(folder: &Path, site: &Value) -> PathBuf {
    let path = folder.join("site.json");
    fs::write(&path, site.to_string()).unwrap();
    path
}

impl Server {
    /// Starts it on free ports and waits until it says that it is ready.
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        let data = folder.join("data").display().to_string();
        Self::start_with(folder, &[&["--partitions", "1", "--data", &data], more].concat())
    }

    /// The same with the log that the arguments name.
    pub fn start_with(folder: &Path, arguments: &[&str]) -> Self {
        Self::try_start_with(folder, arguments).unwrap_or_else(|| {
            let said = fs::read_to_string(folder.join("stderr")).unwrap_or_default();
            panic!("it does not start: {said}")
        })
    }

    /// The same; nothing where it ends before it is ready.
    pub fn try_start_with(folder: &Path, arguments: &[&str]) -> Option<Self> {
        let mut command = binary();
        command.args(["serve", "--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
        command.arg("--site").arg(folder.join("site.json")).args(arguments);
        let said = fs::File::options().create(true).append(true).open(folder.join("stderr")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&first_line(&mut child)) else {
            ended(&mut child);
            return None;
        };
        // A process that nothing connects to says so.
        let address = |field: &str| ready[field].as_str().unwrap_or("0.0.0.0:0").parse().unwrap();
        Some(Self { http: address("http"), tcp: address("tcp"), ports: ready["ports"].clone(), child })
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        request(self.http, "GET", path, &[], b"").unwrap()
    }

    pub fn post(&self, path: &str, body: &[u8]) -> (u16, String) {
        request(self.http, "POST", path, &[], body).unwrap()
    }

    /// A camera's post, sent again where the decision did not come in time, as a camera does.
    pub fn push(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
        let since = Instant::now();
        loop {
            let answer = request(self.http, "POST", path, headers, body).unwrap();
            if answer.0 != 503 || since.elapsed() > DEADLINE {
                return answer;
            }
        }
    }

    /// All records of a topic, over as many pages as it takes.
    pub fn feed(&self, topic: &str) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        loop {
            let after = all
                .last()
                .map_or(String::new(), |line| format!("&after={}", line["position"].as_str().unwrap()));
            let (status, body) = self.get(&format!("/v1/feed/{topic}?limit=500{after}"));
            assert_eq!(status, 200, "{body}");
            if body.is_empty() {
                return all;
            }
            all.extend(json_lines(body.as_bytes()));
        }
    }

    /// All records of a topic, once one fits: what was decided is committed a moment later.
    pub fn feed_until(&self, topic: &str, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
        let since = Instant::now();
        loop {
            let all = self.feed(topic);
            if all.iter().any(&fits) {
                return all;
            }
            assert!(since.elapsed() < DEADLINE, "{topic} still says {all:?}");
            thread::yield_now();
        }
    }

    /// The first page of a topic, asked for with a token.
    pub fn feed_with(&self, topic: &str, token: &str) -> String {
        let bearer = format!("Bearer {token}");
        request(self.http, "GET", &format!("/v1/feed/{topic}"), &[("authorization", &bearer)], b"").unwrap().1
    }

    /// Asks again until the answer fits; the last answer is in the failure.
    pub fn until(&self, path: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let (_, body) = self.get(path);
            let value: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
            if fits(&value) {
                return value;
            }
            assert!(since.elapsed() < DEADLINE, "{path} still says {body}");
            thread::yield_now();
        }
    }

    /// The value of a line of `/metrics`, by its name with all labels.
    pub fn metric(&self, name: &str) -> u64 {
        let (status, body) = self.get("/metrics");
        let line = body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        assert!(line.is_some(), "{status}: {name} is not in {body}");
        line.unwrap().parse().unwrap()
    }

    /// Asks `/metrics` until a value is what it will be.
    pub fn metric_until(&self, name: &str, wanted: u64) {
        let since = Instant::now();
        while self.metric(name) != wanted {
            assert!(since.elapsed() < DEADLINE, "{name} is still {}", self.metric(name));
            thread::yield_now();
        }
    }

    /// SIGSTOP or SIGCONT: it stands, or goes on.
    pub fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        Command::new("kill").args(["-HUP", &self.child.id().to_string()]).status().unwrap();
    }

    /// SIGTERM, and wait for the end.
    pub fn terminate(mut self) -> ExitStatus {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        ended(&mut self.child)
    }

    /// SIGKILL, and wait for the end.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line that a process says; empty where it ends without one. It is killed where it says nothing.
fn first_line(child: &mut Child) -> String {
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let (says, said) = channel();
    thread::spawn(move || {
        let mut line = String::new();
        let _ = says.send(stdout.read_line(&mut line).map(|_| line));
    });
    said.recv_timeout(DEADLINE * 4)
        .unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("it neither says that it is ready nor ends")
        })
        .unwrap()
}

/// Waits for the end of a process that shall end; it is killed where it does not.
pub fn ended(child: &mut Child) -> ExitStatus {
    let since = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if since.elapsed() > DEADLINE * 2 {
            let _ = child.kill();
            panic!("process {} does not end", child.id());
        }
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// One request on a connection of its own.
pub fn request(
    to: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    assert!(!chunked, "answers have a length");
    Ok((status, body.to_owned()))
}

/// A native device, 0x1001 unless another is set.
pub struct Device {
    stream: Option<TcpStream>,
    received: Vec<u8>,
    pub device_id: u64,
    pub boot_id: u32,
    pub seq: u32,
    /// The key's number and the key, where it has one.
    pub key: Option<(u32, Key)>,
}

impl Device {
    pub fn connect(to: SocketAddr, boot_id: u32) -> std::io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: Some(stream), ..Self::unconnected(boot_id) })
    }

    /// One that makes frames for others to send.
    pub fn unconnected(boot_id: u32) -> Self {
        Self { stream: None, received: Vec::new(), device_id: 0x1001, boot_id, seq: 0, key: None }
    }

    fn stream(&mut self) -> std::io::Result<&mut TcpStream> {
        self.stream.as_mut().ok_or_else(|| std::io::ErrorKind::NotConnected.into())
    }

    /// How long it waits for an answer.
    pub fn patience(&self, wait: Duration) -> std::io::Result<()> {
        self.stream.as_ref().map_or(Ok(()), |stream| stream.set_read_timeout(Some(wait)))
    }

    /// The bytes of the next report; the clock is not set, so the time of receipt counts.
    pub fn report(&mut self, occupied: bool) -> Vec<u8> {
        self.seq += 1;
        let key_id = self.key.as_ref().map_or(0, |key| key.0);
        let (device_id, boot_id, seq) = (self.device_id, self.boot_id, self.seq);
        let head = Head { device_id, boot_id, seq, key_id, ..Head::default() };
        let state = if occupied { Occupancy::OCCUPIED } else { Occupancy::VACANT };
        Message::BayState(BayState { state, reason: Reason::CHANGE, ..BayState::default() })
            .encode(&head, self.key.as_ref().map(|key| &key.1))
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream()?.write_all(bytes)
    }

    /// The next message from the server.
    pub fn receive(&mut self) -> std::io::Result<Message> {
        self.receive_tagged(None)
    }

    /// The next message from the server, which must have a tag under this key, or none.
    pub fn receive_tagged(&mut self, key: Option<(u32, &Key)>) -> std::io::Result<Message> {
        loop {
            let taken = match Frame::split(&self.received) {
                Split::Complete(frame) => {
                    assert_eq!(
                        (frame.is_tagged(), frame.head().key_id),
                        (key.is_some(), key.map_or(0, |key| key.0))
                    );
                    assert!(key.is_none_or(|(_, key)| frame.verify(key).is_ok()), "the tag is wrong");
                    Some((frame.len(), frame.message().unwrap().unwrap()))
                }
                _ => None,
            };
            if let Some((len, message)) = taken {
                self.received.drain(..len);
                return Ok(message);
            }
            let mut buffer = [0; 4096];
            match self.stream()?.read(&mut buffer)? {
                0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                len => self.received.extend_from_slice(&buffer[..len]),
            }
        }
    }

    pub fn ack(&mut self) -> std::io::Result<Ack> {
        self.ack_tagged(None)
    }

    /// The next acknowledgement, which must have a tag under this key, or none.
    pub fn ack_tagged(&mut self, key: Option<(u32, &Key)>) -> std::io::Result<Ack> {
        loop {
            if let Message::Ack(ack) = self.receive_tagged(key)? {
                return Ok(ack);
            }
        }
    }
}

/// What a Vzenith camera posts; without a time of its own, so the time of receipt counts.
pub fn push(serial: &str, record: u32, plate: &str) -> Vec<u8> {
    let plate = json!({"license": plate, "colorType": 1, "type": 1, "confidence": 97, "plateid": record, "triggerType": 8,
        "direction": 4, "isoffline": 0});
    json!({"AlarmInfoPlate": {"channel": 0, "deviceName": "camera", "ipaddr": "10.0.0.1", "serialno": serial,
        "result": {"PlateResult": plate}}})
    .to_string()
    .into_bytes()
}
