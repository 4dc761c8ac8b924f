//! Protocols of other makers, each on a port of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{
    io::Write,
    net::{SocketAddr, TcpStream, UdpSocket},
};

use common::{DEADLINE, Server, site, write_site};
use ingest_server::images::Hash;
use serde_json::{Value, json};

fn started(protocol: &str, device: Value) -> (tempfile::TempDir, Server, SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site();
    site["devices"].as_array_mut().unwrap().push(device);
    write_site(folder.path(), &site);
    let server = Server::start(folder.path(), &["--port", &format!("{protocol}=127.0.0.1:0")]);
    let address = server.ports[protocol].as_str().unwrap().parse().unwrap();
    (folder, server, address)
}

/// A change of state as an F6213 sends it; the layout stands in the codec.
fn change(packet: u8, occupied: bool) -> Vec<u8> {
    let mut body = vec![1, 0, packet, u8::from(occupied)];
    body.extend([0; 4]);
    body.extend([20, 0, 1, 0, 2, 0, 3, 0, 1, 0, 2, 0, 3, 0, 0, 0, 0]);
    body.extend([0xff; 6]);
    body.extend([14, 16, 0, 20]);
    body.push(body.iter().fold(0, |sum, byte| sum ^ byte));
    let mut frame = vec![0xb0, 1, 0, 2, 3, 0x12, packet, body.len() as u8];
    frame.append(&mut body);
    frame
}

#[test]
fn datagrams_are_answered_when_they_are_durable_and_become_sessions() {
    let device = json!({"id": "f-1", "serial": "010000203", "protocol": "f6213", "berth": "L1-001", "sources": ["127.0.0.1"]});
    let (_folder, server, to) = started("f6213", device);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let ask = |bytes: &[u8]| {
        socket.send_to(bytes, to).unwrap();
        let mut answer = [0; 64];
        let len = socket.recv(&mut answer).unwrap();
        answer[..len].to_vec()
    };
    assert_eq!(ask(&change(7, true)), [0xa0, 1, 0, 2, 3, 0x13, 7, 4, 1, 1, 1, 1]);
    assert_eq!(ask(&change(7, true))[6], 7, "a copy is answered again: the first answer was lost");
    server.until("/v1/sessions?berth=L1-001&state=open", |answer| {
        answer["sessions"].as_array().unwrap().len() == 1
    });
    assert_eq!(ask(&change(8, false)), [0xa0, 1, 0, 2, 3, 0x13, 8, 4, 1, 0, 0, 1]);
    server.until("/v1/sessions?berth=L1-001&state=closed", |answer| {
        answer["sessions"].as_array().unwrap().len() == 1
    });
    let frames = server.feed("frames");
    assert_eq!(frames.iter().filter(|line| line["record"]["listener"] == "udp").count(), 3);

    // What cannot be read, and who is not known, hears nothing.
    let counted = |reason: &str| format!("parkline_refused_total{{listener=\"udp\",reason=\"{reason}\"}}");
    let mut broken = change(9, true);
    broken[20] ^= 1;
    let mut stranger = change(9, true);
    stranger[4] = 9;
    for (bytes, reason) in [(broken, "malformed"), (stranger, "unknown_device"), (Vec::new(), "malformed")] {
        let before = server.metric(&counted(reason));
        socket.send_to(&bytes, to).unwrap();
        server.metric_until(&counted(reason), before + 1);
    }
    assert_eq!(server.metric("parkline_frames_total{listener=\"udp\"}"), 3);
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 64]).is_err(), "no answer waits");
    assert!(server.terminate().success());
}

#[test]
fn datagrams_from_elsewhere_are_not_taken() {
    let device = json!({"id": "f-1", "serial": "010000203", "protocol": "f6213", "berth": "L1-001", "sources": ["192.0.2.0/24"]});
    let (_folder, server, to) = started("f6213", device);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&change(1, true), to).unwrap();
    server.metric_until("parkline_refused_total{listener=\"udp\",reason=\"address\"}", 1);
    assert_eq!(server.metric("parkline_frames_total{listener=\"udp\"}"), 0);
}

#[test]
fn frames_of_a_barrier_board_behind_a_converter_are_those_of_its_address() {
    let device = json!({"id": "b-1", "protocol": "barrier-aa55", "lot": "G1", "sources": ["127.0.0.1"]});
    let (_folder, server, to) = started("barrier-aa55", device);
    let mut line = TcpStream::connect(to).unwrap();
    // Noise, then a status in two pieces.
    line.write_all(b"noise").unwrap();
    line.write_all(&[0xaa, 0x55, 0x02]).unwrap();
    line.write_all(&[0x01, 0x01, 0x04]).unwrap();
    server.metric_until("parkline_frames_total{listener=\"port\"}", 1);
    let frames = server.feed_until("frames", |line| line["record"]["device"] == "b-1");
    let frame = frames.iter().find(|line| line["record"]["device"] == "b-1").unwrap();
    assert_eq!(frame["record"]["payload"], "aa5502010104");
    server.metric_until("parkline_noise_bytes_total{listener=\"port\"}", 5);
    drop(line);
    server.metric_until("parkline_connections{listener=\"port\"}", 0);
}

#[test]
fn a_photo_behind_a_cameras_result_lies_beside_the_log() {
    let device = json!({"id": "v-1", "protocol": "vz-tcp", "lot": "G1", "sources": ["127.0.0.1"]});
    let (_folder, server, to) = started("vz-tcp", device);
    let result =
        json!({"cmd": "ivs_result", "id": 7, "PlateResult": {"license": "A12345", "confidence": 97}});
    let photo = [b"\xff\xd8\xff\xe0", &[7; 2000][..], b"\xff\xd9"].concat();
    let body = [result.to_string().as_bytes(), b"\0", &photo].concat();
    let frame = [b"VZ\0\0", &(body.len() as u32).to_be_bytes()[..], &body].concat();
    TcpStream::connect(to).unwrap().write_all(&frame).unwrap();
    let frames = server.feed_until("frames", |line| line["record"]["device"] == "v-1");
    let line = frames.iter().find(|line| line["record"]["device"] == "v-1").unwrap();
    assert_eq!(line["record"]["images"][0]["bytes"], photo.len());
    let position = format!("{}-{}", line["partition"], line["offset"]);
    assert_eq!(line["record"]["images"][0]["sha256"], Hash::of(&photo).to_string());
    let (status, whole) = server.get(&format!("/v1/frames/{position}/payload"));
    assert_eq!((status, whole), (200, common::text(&frame)));
}
