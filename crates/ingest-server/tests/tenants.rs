//! Two tenants in one process: each with a folder, addresses, devices and tokens of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use common::{DEADLINE, Device, binary, ended, request, site, text};
use device_codec::native::AckStatus;
use serde_json::{Value, json};

/// Writes a tenant's config file, site and tokens into a folder of its name.
fn tenant(folder: &Path, name: &str, more: &str) {
    let own = folder.join(name);
    fs::create_dir(&own).unwrap();
    let mut documents = site();
    documents["tenant"] = json!(name);
    documents["devices"][0]["sources"] = json!(["127.0.0.1/32"]);
    fs::write(own.join("site.json"), documents.to_string()).unwrap();
    fs::write(own.join("tokens"), format!("admin adm-of-{name}-0123456789\n")).unwrap();
    let config = format!(
        "site = \"site.json\"\ndata = \"../data\"\npartitions = 1\n{more}\nlisten.http = \"127.0.0.1:0\"\n\
         listen.tcp = \"127.0.0.1:0\"\n[access]\ntokens_file = \"tokens\"\n"
    );
    fs::write(own.join("parkline.toml"), config).unwrap();
}

fn parkline(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = binary();
    command.args(arguments).args(["--config", "shenzhen/parkline.toml"]).current_dir(folder);
    command
}

fn output(folder: &Path, arguments: &[&str]) -> Output {
    parkline(folder, arguments).output().unwrap()
}

/// Where a tenant is reached.
struct Reached {
    tenant: String,
    http: SocketAddr,
    tcp: SocketAddr,
}

struct Process(Child);

impl Process {
    fn start(folder: &Path) -> (Self, Vec<Reached>) {
        let said = fs::File::options().create(true).append(true).open(folder.join("stderr")).unwrap();
        let mut child = parkline(folder, &["serve"]).stdout(Stdio::piped()).stderr(said).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(2);
        let reached = lines.map(|line| {
            let ready: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let of = |field: &str| ready[field].as_str().unwrap().to_owned();
            let address = |field: &str| of(field).parse().unwrap();
            Reached { tenant: of("tenant"), http: address("http"), tcp: address("tcp") }
        });
        let reached: Vec<_> = reached.collect();
        assert_eq!(reached.len(), 2, "{}", fs::read_to_string(folder.join("stderr")).unwrap());
        (Self(child), reached)
    }

    fn signal(&self, signal: &str) {
        Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap();
    }

    fn terminate(mut self) {
        self.signal("-TERM");
        assert!(ended(&mut self.0).success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Reached {
    /// What is answered to the token of a tenant.
    fn ask(&self, path: &str, tenant: &str) -> (u16, String) {
        let bearer = format!("Bearer adm-of-{tenant}-0123456789");
        request(self.http, "GET", path, &[("authorization", &bearer)], b"").unwrap()
    }

    fn until(&self, path: &str, fits: impl Fn(&str) -> bool) {
        let since = Instant::now();
        loop {
            let (_, body) = self.ask(path, &self.tenant);
            if fits(&body) {
                return;
            }
            assert!(since.elapsed() < DEADLINE, "{path} of {} still says {body}", self.tenant);
        }
    }
}

#[test]
fn two_tenants_share_a_process_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    tenant(folder.path(), "shenzhen", "tenants = [\"../lisbon/parkline.toml\"]");
    tenant(folder.path(), "lisbon", "");
    let checked = output(folder.path(), &["check"]);
    assert!(text(&checked.stdout).contains("\"devices\":6"), "{checked:?}");
    let (process, reached) = Process::start(folder.path());
    let [shenzhen, lisbon] = &reached[..] else { unreachable!() };
    assert_eq!((&*shenzhen.tenant, &*lisbon.tenant), ("shenzhen", "lisbon"));

    // The same device in both cities; only one of them hears it.
    let mut device = Device::connect(lisbon.tcp, 1).unwrap();
    let report = device.report(true);
    device.send(&report).unwrap();
    assert_eq!(device.ack().unwrap().status, AckStatus::STORED);
    lisbon.until("/v1/sessions?berth=L1-001", |answer| answer.contains("\"tenant\":\"lisbon\""));
    assert_eq!(shenzhen.ask("/v1/sessions?berth=L1-001", "shenzhen").1, "{\"sessions\":[]}");
    for (of, other) in [(shenzhen, "lisbon"), (lisbon, "shenzhen")] {
        for path in ["/v1/sessions", "/v1/feed/frames", "/v1/reference/berths/L1-001"] {
            assert_eq!(of.ask(path, other).0, 401, "{path} of {}", of.tenant);
        }
    }

    // Each reads its own site again, and a broken one is the other's affair.
    let path = folder.path().join("lisbon/site.json");
    let mut larger: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    larger["berths"].as_array_mut().unwrap().push(json!({"id": "L1-002", "lot": "L1"}));
    fs::write(&path, larger.to_string()).unwrap();
    fs::write(folder.path().join("shenzhen/site.json"), "{").unwrap();
    process.signal("-HUP");
    lisbon.until("/v1/reference/berths/L1-002", |answer| answer.contains("\"lot\":\"L1\""));
    let said = || fs::read_to_string(folder.path().join("stderr")).unwrap();
    assert!(said().contains("shenzhen: the site stays as it was: "), "{}", said());
    process.terminate();
    assert!(
        folder.path().join("data/shenzhen/topics").is_dir()
            && folder.path().join("data/lisbon/topics").is_dir()
    );

    // All of them start, or none, and it is said which does not.
    let broken = output(folder.path(), &["serve"]);
    assert!(
        broken.status.code() == Some(2) && text(&broken.stderr).contains("shenzhen/site.json"),
        "{broken:?}"
    );
    fs::copy(&path, folder.path().join("shenzhen/site.json")).unwrap();
    let same = output(folder.path(), &["serve"]);
    let why = text(&same.stderr);
    assert!(same.status.code() == Some(2) && why.contains("lisbon/parkline.toml: "), "{why}");
}

#[test]
fn what_is_for_the_process_stands_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    tenant(folder.path(), "shenzhen", "tenants = [\"../lisbon/parkline.toml\"]");
    for (more, place) in [
        ("tenants = [\"third.toml\"]", "tenants (shenzhen/../lisbon/parkline.toml)"),
        ("telemetry.logs = \"json\"", "telemetry.logs (shenzhen/../lisbon/parkline.toml)"),
        ("partition = 2", "shenzhen/../lisbon/parkline.toml, line 4"),
    ] {
        let _ = fs::remove_dir_all(folder.path().join("lisbon"));
        tenant(folder.path(), "lisbon", more);
        let checked = output(folder.path(), &["check"]);
        let answer: Value = serde_json::from_slice(&checked.stdout).unwrap();
        assert!(answer["message"].as_str().unwrap().starts_with(place), "{answer}");
    }
    // Two sessions of one name at one broker, or one address.
    let broker = "mqtt.url = \"mqtt://127.0.0.1\"\nmqtt.topics = [\"vz-mqtt=device/#\"]";
    let port = "listen.ports = [\"f6213=127.0.0.1:17501\"]";
    for (more, what) in [
        (broker, "mqtt.client_id: the session parkline at mqtt://127.0.0.1 is"),
        (port, "listen.ports (shenzhen/../lisbon/parkline.toml): 127.0.0.1:17501 is"),
    ] {
        for name in ["shenzhen", "lisbon"] {
            fs::remove_dir_all(folder.path().join(name)).unwrap();
        }
        tenant(folder.path(), "shenzhen", &format!("tenants = [\"../lisbon/parkline.toml\"]\n{more}"));
        tenant(folder.path(), "lisbon", more);
        let checked = output(folder.path(), &["check"]);
        assert!(text(&checked.stdout).contains(what), "{checked:?}");
    }
}
