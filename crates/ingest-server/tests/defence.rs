//! Strangers at the door: who is slow, who says that he is another, who sends again what he recorded, who sends too
//! much; certificates that change; and that nothing of it is told to anybody.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use common::{DEADLINE, Device, Server, binary, push, request, site, text, write_site};
use device_codec::native::{AckStatus, Frame, Key, Split};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
};

const KEY: &str = "000102030405060708090a0b0c0d0e0f";
const TOKEN: &str = "cam-0123456789abcdef";
const ADMIN: &str = "adm-0123456789abcdef";
const PLATE: &str = "粤B7K35Q";

fn started(site: &Value, more: &[&str]) -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), site);
    let server = Server::start(folder.path(), more);
    (folder, server)
}

fn refused(server: &Server, listener: &str, reason: &str) -> u64 {
    server.metric(&format!("parkline_refused_total{{listener=\"{listener}\",reason=\"{reason}\"}}"))
}

fn until_refused(server: &Server, listener: &str, reason: &str, times: u64) {
    server.metric_until(
        &format!("parkline_refused_total{{listener=\"{listener}\",reason=\"{reason}\"}}"),
        times,
    );
}

/// Says something and waits until the other side closes; gives what it said.
fn says(to: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let since = Instant::now();
    let _ = stream.read_to_end(&mut answer);
    assert!(since.elapsed() < DEADLINE, "it is still open");
    answer
}

#[test]
fn who_is_slow_is_cut_off_and_who_is_not_expected_is_not_listened_to() {
    let mut guarded = site();
    guarded["devices"][1]["sources"] = json!(["192.0.2.0/24"]);
    let (_folder, server) = started(
        &guarded,
        &[
            "--limit-first-byte-secs=1",
            "--limit-first-frame-secs=1",
            "--limit-frame-secs=1",
            "--limit-head-secs=1",
            "--limit-body-secs=1",
        ],
    );
    // Nothing, and the beginning of something.
    assert_eq!(says(server.tcp, b""), b"");
    assert_eq!(says(server.tcp, &[0xf5, 0x50]), b"");
    until_refused(&server, "tcp", "deadline", 2);
    assert_eq!(says(server.http, b""), b"");
    says(server.http, b"POST /vz/c-out HTTP/1.1\r\nhost: x\r\nx-slow:");
    until_refused(&server, "http", "deadline", 2);
    let late = says(server.http, b"POST /vz/c-out HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc");
    assert!(text(&late).starts_with("HTTP/1.1 408"), "{}", text(&late));
    // Of a stranger not one byte of the body is waited for.
    let stranger = says(server.http, b"POST /vz/c-in HTTP/1.1\r\nhost: x\r\ncontent-length: 4000000\r\n\r\n");
    assert!(text(&stranger).starts_with("HTTP/1.1 403"), "{}", text(&stranger));
    let endless =
        says(server.http, b"POST /vz/c-out HTTP/1.1\r\nhost: x\r\ncontent-length: 99000000\r\n\r\n");
    assert!(text(&endless).starts_with("HTTP/1.1 413"), "{}", text(&endless));
    let noise = says(server.http, b"\x00\x01\x02\r\n\r\n");
    assert!(noise.is_empty() || text(&noise).starts_with("HTTP/1.1 400"), "{}", text(&noise));
    assert_eq!((refused(&server, "http", "address"), refused(&server, "http", "too_large")), (1, 1));
    for path in ["/..", "/v1/../metrics", "/v1/sessions/..%2f..", "//", "/v1/feed/%2e%2e", "/%00"] {
        let (status, body) = server.get(path);
        assert!((400..500).contains(&status), "{path}: {status} {body}");
    }
    server.metric_until("parkline_connections{listener=\"tcp\"}", 0);
}

#[test]
fn a_device_is_held_to_its_pace_and_others_are_not() {
    let mut two = site();
    let second =
        json!({"id": "n-2", "serial": "0000000000001002", "protocol": "parkline", "berth": "L1-001"});
    two["devices"].as_array_mut().unwrap().push(second);
    let (_folder, server) = started(&two, &["--limit-device-rate=1/5"]);
    let mut flood = Device::connect(server.tcp, 1).unwrap();
    let bytes: Vec<u8> = (0..40).flat_map(|turn| flood.report(turn % 2 == 0)).collect();
    flood.send(&bytes).unwrap();
    let mut busy = 0;
    while busy == 0 || refused(&server, "tcp", "rate") < 30 {
        busy += u32::from(flood.ack().unwrap().status == AckStatus::BUSY);
    }
    let mut other = Device::connect(server.tcp, 1).unwrap();
    other.device_id = 0x1002;
    let report = other.report(true);
    other.send(&report).unwrap();
    assert_eq!(other.ack().unwrap().status, AckStatus::STORED);
    let statuses: Vec<u16> =
        (0..20).map(|turn| server.post("/vz/c-in", &push("aaaaaaaa-11111111", turn, PLATE)).0).collect();
    assert!(statuses.contains(&429) && statuses[0] != 429, "{statuses:?}");
}

/// A PROXY header, version 2, that names a source.
fn proxied(source: [u8; 4], rest: &[u8]) -> Vec<u8> {
    let head = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x21, 0x11, 0, 12]].concat();
    [&head, &source[..], &[10, 0, 0, 1, 0xc3, 0x50, 0x1d, 0x4c], rest].concat()
}

#[test]
fn only_a_listed_balancer_says_who_speaks() {
    let mut sourced = site();
    sourced["devices"][0]["sources"] = json!(["192.0.2.0/24"]);
    sourced["devices"][1]["sources"] = json!(["192.0.2.0/24"]);
    let (_folder, server) = started(&sourced, &["--balancer", "127.0.0.1"]);
    let entry = push("aaaaaaaa-11111111", 41, PLATE);
    let post = |source: [u8; 4]| {
        let head = format!(
            "POST /vz/c-in HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            entry.len()
        );
        text(&says(server.http, &proxied(source, &[head.as_bytes(), &entry].concat())))
    };
    let taken = post([192, 0, 2, 7]);
    assert!(taken.starts_with("HTTP/1.1 200") || taken.starts_with("HTTP/1.1 503"), "{taken}");
    assert!(post([198, 51, 100, 7]).starts_with("HTTP/1.1 403"), "another source");
    // Without a header, with two of them, or with one of version 1 nobody gets in.
    let plain = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
    assert_eq!(says(server.http, plain), b"");
    assert_eq!(says(server.http, &proxied([192, 0, 2, 7], &proxied([192, 0, 2, 8], plain))), b"");
    assert_eq!(says(server.tcp, b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 443\r\n"), b"");

    // A stranger's header is not believed.
    let (_folder, open) = started(&sourced, &[]);
    assert_eq!(says(open.http, &proxied([192, 0, 2, 7], plain)), b"");
    assert_eq!(says(open.tcp, &proxied([192, 0, 2, 7], &[])), b"");
    // A connection is counted once it is closed, which its other side may see first.
    until_refused(&open, "http", "proxy", 1);
    until_refused(&open, "tcp", "proxy", 1);
}

#[test]
fn what_was_recorded_of_an_older_boot_is_refused_after_a_restart_too() {
    let mut keyed = site();
    keyed["devices"][0]["key"] = json!("n-1");
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &keyed);
    let secrets = folder.path().join("secrets");
    fs::write(&secrets, format!("n-1 1 {KEY}\n")).unwrap();
    let more = ["--secrets", secrets.to_str().unwrap()];
    let bytes: Vec<u8> = (0..16).collect();
    let key = || Key::new(&bytes);
    let mut recorded = Vec::new();
    let server = Server::start(folder.path(), &more);
    for boot in 1..=3 {
        let mut device = Device::connect(server.tcp, boot).unwrap();
        device.key = Some((1, key()));
        let report = device.report(boot % 2 == 1);
        device.send(&report).unwrap();
        assert_eq!(device.ack_tagged(Some((1, &key()))).unwrap().status, AckStatus::STORED);
        recorded.push(report);
    }
    server.until("/v1/sessions?berth=L1-001", |answer| answer["sessions"][0].is_object());
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &more);
    let mut thief = Device::connect(server.tcp, 1).unwrap();
    thief.device_id = 0x1001;
    thief.send(&recorded.concat()).unwrap();
    // The listener keeps nothing of a device; the worker knows, and so does whoever reads the dead letters.
    assert_eq!(thief.ack_tagged(Some((1, &key()))).unwrap().status, AckStatus::STORED);
    let letters = server.feed_until("dead-letters", |letter| letter["record"]["error"]["code"] == "replay");
    assert_eq!(letters.len(), 1, "those of the boot before and of this one are copies: {letters:?}");
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// A certificate under it, and its key.
    fn certificate(&self, name: &str) -> (CertificateDer<'static>, String, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), certificate.pem(), key)
    }

    fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (_, certificate, key) = self.certificate("localhost");
        let paths = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&paths.1, key.serialize_pem()).unwrap();
        fs::write(&paths.0, certificate).unwrap();
        paths
    }

    /// Who trusts this authority, and shows a certificate where one is given.
    fn client(&self, shows: Option<&Self>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match shows {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let (certificate, _, key) = authority.certificate("device-7");
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
                config.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        })
    }
}

type Secured = StreamOwned<ClientConnection, TcpStream>;

fn connect(to: SocketAddr, config: &Arc<ClientConfig>) -> Secured {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(config.clone(), name).unwrap(), stream)
}

fn get(stream: &mut Secured, path: &str) -> std::io::Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())?;
    let mut buffer = vec![0; 64 << 10];
    let len = stream.read(&mut buffer)?;
    Ok(text(&buffer[..len]))
}

#[test]
fn certificates_change_and_connections_stay() {
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &site());
    let (first, second, clients) =
        (Authority::new("first"), Authority::new("second"), Authority::new("clients"));
    let (certificate, key) = first.write(folder.path());
    let authorities = folder.path().join("clients.pem");
    fs::write(&authorities, clients.issuer.pem()).unwrap();
    let data = folder.path().join("data");
    let arguments = [
        "--data",
        data.to_str().unwrap(),
        "--tls-certificate",
        certificate.to_str().unwrap(),
        "--tls-key",
        key.to_str().unwrap(),
        "--tls-client-authorities",
        authorities.to_str().unwrap(),
    ];
    let server = Server::start_with(folder.path(), &arguments);
    let known = first.client(Some(&clients));
    let mut standing = connect(server.http, &known);
    assert!(get(&mut standing, "/livez").unwrap().starts_with("HTTP/1.1 200"));
    // Native frames too, with their acknowledgement.
    let mut device = Device::unconnected(1);
    let report = device.report(true);
    let mut native = connect(server.tcp, &known);
    native.write_all(&report).unwrap();
    let mut answer = [0; 512];
    let len = native.read(&mut answer).unwrap();
    assert!(matches!(Frame::split(&answer[..len]), Split::Complete(_)));
    // Who shows no certificate, or one of another authority, or speaks no TLS, gets no further.
    for stranger in [first.client(None), first.client(Some(&second))] {
        assert!(get(&mut connect(server.http, &stranger), "/livez").is_err());
    }
    assert!(!text(&says(server.http, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")).contains("200"));
    let metrics = get(&mut connect(server.http, &known), "/metrics");
    assert!(metrics.is_ok());

    // Another certificate: who comes from now on sees it, who is there notices nothing.
    second.write(folder.path());
    server.hang_up();
    let new = second.client(Some(&clients));
    let since = Instant::now();
    while !get(&mut connect(server.http, &new), "/livez").is_ok_and(|said| said.contains("200")) {
        assert!(since.elapsed() < DEADLINE);
    }
    assert!(
        get(&mut connect(server.http, &known), "/livez").is_err(),
        "the old authority is not ours any more"
    );
    assert!(get(&mut standing, "/livez").unwrap().starts_with("HTTP/1.1 200"), "it still stands");
    let report = device.report(false);
    native.write_all(&report).unwrap();
    assert!(native.read(&mut answer).unwrap() > 0);
    // Files that cannot be used change nothing; a change is seen without being told.
    fs::write(&certificate, "nothing").unwrap();
    let since = Instant::now();
    let mut reading = connect(server.http, &new);
    while !text(get_all(&mut reading, "/metrics").as_bytes())
        .contains("parkline_certificates_refused_total 1")
    {
        assert!(since.elapsed() < DEADLINE);
        reading = connect(server.http, &new);
    }
    let (certificate, key) = (fs::read_to_string(&certificate).unwrap(), fs::read_to_string(&key).unwrap());
    assert_eq!(certificate, "nothing");
    assert!(server.terminate().success());
    let said = fs::read_to_string(folder.path().join("stderr")).unwrap();
    assert!(said.contains("the certificates were read again"), "{said}");
    let secret: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    assert!(!said.contains(&secret[..32]));
}

/// The whole answer of a connection that is closed behind it.
fn get_all(stream: &mut Secured, path: &str) -> String {
    let asked = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    text(&answer)
}

#[test]
fn no_secret_and_no_plate_is_told_whatever_is_tried() {
    let mut guarded = site();
    guarded["devices"][0]["key"] = json!("n-1");
    guarded["devices"][1]["key"] = json!("gate");
    let folder = tempfile::tempdir().unwrap();
    write_site(folder.path(), &guarded);
    let file = |name: &str, lines: &str| {
        let path = folder.path().join(name);
        fs::write(&path, lines).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let secrets = file("secrets", &format!("n-1 1 {KEY}\ngate token {TOKEN}\n"));
    let tokens = file("tokens", &format!("admin {ADMIN}\nread rrrrrrrrrrrrrrrr\n"));
    let server = Server::start(folder.path(), &["--secrets", &secrets, "--tokens", &tokens]);
    let entry = push("aaaaaaaa-11111111", 41, PLATE);
    let bearer = |token: &str| format!("Bearer {token}");
    let mut answers = Vec::new();
    let mut ask = |method: &str, path: &str, token: &str, body: &[u8]| {
        let header = bearer(token);
        let (status, body) = request(server.http, method, path, &[("authorization", &header)], body).unwrap();
        answers.push(body);
        status
    };
    let taken = ask("POST", &format!("/vz/c-in?token={TOKEN}"), "none", &entry);
    assert!(matches!(taken, 403 | 503 | 200), "{taken}");
    assert!(matches!(ask("POST", "/vz/c-in", TOKEN, &entry), 200 | 503));
    assert_eq!(ask("POST", "/vz/c-in", "cam-0123456789abcdee", &entry), 403);
    assert_eq!(ask("POST", "/v1/actions", "rrrrrrrrrrrrrrrr", b"{}"), 403, "another role");
    assert_eq!(ask("POST", "/v1/actions", TOKEN, b"{}"), 401, "a device's own token is no token of the API");
    assert_eq!(ask("PUT", "/v1/reference/devices/c-in", "rrrrrrrrrrrrrrrr", b"{}"), 403);
    let odd = format!("{{\"action\":\"plate\",\"plate\":\"{PLATE}\"");
    assert_eq!(ask("POST", "/v1/actions", ADMIN, odd.as_bytes()), 400);
    assert!(ask("PUT", "/v1/reference/lists/x", ADMIN, odd.as_bytes()) >= 400);
    assert!(ask("POST", "/v1/quote", ADMIN, odd.as_bytes()) >= 400);
    assert_eq!(ask("GET", &format!("/v1/sessions/{ADMIN}"), ADMIN, b""), 404);
    answers.push(text(&says(server.tcp, &[entry.clone(), KEY.into(), vec![0xff; 70_000]].concat())));
    answers.push(server.get("/metrics").1);
    server.hang_up();
    server.metric_until("parkline_secrets_read_total", 1);
    assert!(refused(&server, "http", "role") == 2 && refused(&server, "http", "token") >= 2);
    assert!(server.terminate().success());
    answers.push(fs::read_to_string(folder.path().join("stderr")).unwrap());
    let printed = binary()
        .args(["serve", "--print-config", "--site", "s", "--data", "d", "--secrets", &secrets])
        .env("PARKLINE_TOKENS", format!("admin {ADMIN}"))
        .env("PARKLINE_SECRETS", format!("gate token {TOKEN}"))
        .env("PARKLINE_MQTT_PASSWORD", KEY)
        .output()
        .unwrap();
    answers.extend([text(&printed.stdout), text(&printed.stderr)]);
    file("secrets", &format!("n-1 1 {KEY} {TOKEN}\n"));
    let wrong = binary()
        .args(["serve", "--check", "--data", "d", "--secrets", &secrets, "--site"])
        .arg(folder.path().join("site.json"))
        .env("PARKLINE_TOKENS", format!("admin{ADMIN}"))
        .output()
        .unwrap();
    assert!(!wrong.status.success());
    answers.extend([text(&wrong.stdout), text(&wrong.stderr)]);
    for said in &answers {
        for secret in [KEY, TOKEN, ADMIN, "rrrrrrrr", "7K35Q"] {
            assert!(!said.contains(secret), "{secret} is told: {said}");
        }
    }
}
