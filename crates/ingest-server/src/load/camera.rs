//! A Vzenith camera that posts what it reads, one post at a time, as it does.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use super::{
    PATIENCE, Plan, Tally,
    pace::Pace,
    site::{self, plate},
};
use crate::clock;

pub(super) struct Camera {
    plan: Arc<Plan>,
    index: u32,
    begin: Instant,
}

/// What an answer said.
struct Answer {
    status: u16,
    opened: bool,
    keeps: bool,
}

/// The longest answer.
const LONGEST: usize = 64 << 10;

impl Camera {
    pub(super) fn new(plan: Arc<Plan>, index: u32, begin: Instant) -> Self {
        Self { plan, index, begin }
    }

    pub(super) async fn run(self) -> Tally {
        let mut tally = Tally::default();
        let pace = Pace::new(self.begin, self.plan.camera_rate, self.index, self.plan.cameras);
        let end = self.begin + self.plan.duration;
        let most = self.plan.most / u64::from(self.plan.cameras.max(1));
        let mut connection = None;
        for n in 0..most {
            let meant = pace.at(n);
            if meant >= end {
                break;
            }
            tokio::time::sleep_until(meant).await;
            tally.sent += 1;
            tally.late.count(clock::timer_moment().saturating_duration_since(meant));
            let done =
                tokio::time::timeout_at(end + PATIENCE, self.post(n, meant, &mut connection, &mut tally));
            if done.await.is_err() {
                break;
            }
        }
        let meant = pace.due(end - Duration::from_nanos(1)).min(most);
        tally.unsent = meant.saturating_sub(tally.sent);
        tally
    }

    /// Posts until the answer is 200: a camera sends again what was not answered so.
    async fn post(&self, n: u64, meant: Instant, connection: &mut Option<TcpStream>, tally: &mut Tally) {
        let request = self.request(n);
        loop {
            let answer = match connection.take() {
                Some(stream) => ask(stream, &request).await,
                None => match TcpStream::connect(self.plan.http).await {
                    Ok(stream) => {
                        let _ = stream.set_nodelay(true);
                        ask(stream, &request).await
                    }
                    Err(_) => None,
                },
            };
            let Some((answer, stream)) = answer else {
                tally.reconnects += 1;
                tokio::time::sleep(super::native::AGAIN).await;
                continue;
            };
            *connection = Some(stream).filter(|_| answer.keeps);
            if answer.status == 200 {
                tally.acknowledged += 1;
                tally.opened += u64::from(answer.opened);
                let now = clock::timer_moment();
                tally.latency.count(now.saturating_duration_since(meant));
                tally.took = now.saturating_duration_since(self.begin);
                return;
            }
            tally.refused += 1;
            if answer.status < 500 {
                return;
            }
        }
    }

    fn request(&self, n: u64) -> Vec<u8> {
        // A record's number is told from those of the runs before by the start's number.
        let record = (u64::from(self.plan.boot_id) << 24 | n) & 0x7fff_ffff;
        let read = n * u64::from(self.plan.cameras) + u64::from(self.index);
        let body = serde_json::json!({"AlarmInfoPlate": {"channel": 0, "deviceName": "load", "ipaddr": "127.0.0.1",
            "result": {"PlateResult": {"license": plate(read), "colorType": 1, "type": 1, "confidence": 97, "plateid": record,
                "triggerType": 8, "direction": 4, "isoffline": 0}}}})
        .to_string();
        let token = self.plan.token.as_ref().map_or(String::new(), |token| format!("?token={token}"));
        let (camera, host) = (site::camera(self.index), self.plan.http);
        format!("POST /vz/{camera}{token} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len())
        .into_bytes()
    }
}

/// One request and its answer on a connection that stays; `None` where the connection has ended.
async fn ask(mut stream: TcpStream, request: &[u8]) -> Option<(Answer, TcpStream)> {
    stream.write_all(request).await.ok()?;
    let mut bytes = Vec::with_capacity(2_048);
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 || bytes.len() > LONGEST {
            return None;
        }
        if let Some(answer) = whole(&bytes) {
            return Some((answer, stream));
        }
    }
}

/// The answer, once all of it is there.
fn whole(bytes: &[u8]) -> Option<Answer> {
    let head_len = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..head_len)?).ok()?;
    let field = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let length: usize = field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = bytes.get(head_len + 4..head_len + 4 + length)?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let opened = body.windows(11).any(|window| window == br#""info":"ok""#);
    let keeps = field("connection") != Some("close");
    Some(Answer { status, opened, keeps })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_when_it_is_whole() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{\"info\":\"ok\"}";
        for cut in 0..text.len() {
            assert!(whole(&text[..cut]).is_none(), "{cut}");
        }
        let answer = whole(text).unwrap();
        assert!(answer.status == 200 && answer.opened && answer.keeps);
        let shut = whole(b"HTTP/1.1 503 Later\r\nconnection: close\r\n\r\n").unwrap();
        assert!(shut.status == 503 && !shut.opened && !shut.keeps);
    }
}
