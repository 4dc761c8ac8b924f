//! Devices that are called and then speak in frames on that connection.

use std::{io, time::Duration};

use device_codec::{
    Context, Framing, Protocol, Step,
    command::{BACKLOG, Wire},
    decode,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::MissedTickBehavior};

use super::{
    Called, Pauses, Standing,
    vz::{Heard, Talk},
};
use crate::{
    clock::{Moment, moment},
    listener::{buffer::Buffer, taker::Came},
    metrics::{Listener, Refused},
};

/// How often a Vzenith camera and we tell each other that we are there.
const SIGN: Duration = Duration::from_secs(5);
/// A camera that has said nothing for so long is gone, whatever its connection looks like.
const GONE: Duration = Duration::from_secs(16);

/// Calls the device for ever.
pub(super) async fn keep_calling(called: Called, framing: Framing) {
    let (marks, id) = (called.dialler.0.marks.clone(), called.device.id.clone());
    let kept = marks.read(&id).await.and_then(|mark| mark.parse().ok());
    let mut talk = Talk::new(kept);
    let mut pauses = Pauses::new();
    loop {
        let why = match called.connect().await {
            Err(error) => error.to_string(),
            Ok(stream) => {
                let standing = Standing::new(&called);
                let mut line = Line::new(&called, framing, stream, Talk::new(talk.mark()));
                let ended = line.run().await;
                line.keep().await;
                talk = line.talk;
                drop(standing);
                if line.heard {
                    pauses.answered(&called);
                }
                ended.map_or_else(|error| error.to_string(), str::to_owned)
            }
        };
        pauses.wait(&called, &why).await;
    }
}

/// One connection.
struct Line<'c> {
    called: &'c Called,
    framing: Framing,
    stream: TcpStream,
    buffer: Buffer,
    talk: Talk,
    /// What was kept of the talk last.
    kept: Option<u64>,
    /// Whether anything came that was a frame.
    heard: bool,
    noise: usize,
    begun: Option<Moment>,
}

impl<'c> Line<'c> {
    fn new(called: &'c Called, framing: Framing, stream: TcpStream, talk: Talk) -> Self {
        let (buffer, kept) = (called.dialler.0.buffers.buffer(), talk.mark());
        Self { called, framing, stream, buffer, talk, kept, heard: false, noise: 0, begun: None }
    }

    fn talks(&self) -> bool {
        self.called.protocol == Protocol::VzTcp
    }

    /// Until it ends, and why it did.
    async fn run(&mut self) -> io::Result<&'static str> {
        let mut signs = tokio::time::interval(SIGN);
        signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
        signs.reset();
        if self.talks() {
            let greeting = self.talk.greeting();
            self.say(&greeting).await?;
        }
        let desk = self.called.dialler.0.desk.clone();
        loop {
            self.deliver().await?;
            let patience = self.patience();
            tokio::select! {
                read = tokio::time::timeout(patience, self.buffer.read(&mut self.stream)) => match read {
                    Err(_) => {
                        self.called.refused(Refused::Deadline);
                        return Ok("it says nothing any more");
                    }
                    Ok(Ok(0)) => return Ok("it has ended the connection"),
                    Ok(Err(error)) => return Err(error),
                    Ok(Ok(_)) => if let Some(why) = self.take().await? {
                        return Ok(why);
                    },
                },
                () = desk.arrival(&self.called.device.id) => {}
                _ = signs.tick(), if self.talks() => {
                    let said = self.talk.sign();
                    self.say(&said).await?;
                    self.keep().await;
                }
            }
        }
    }

    async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        let limit = self.called.dialler.0.guard.limits.write;
        let written = tokio::time::timeout(limit, self.stream.write_all(bytes)).await;
        written.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
    }

    /// How long the next bytes may take.
    fn patience(&self) -> Duration {
        let limits = &self.called.dialler.0.guard.limits;
        let idle = if self.talks() { GONE } else { limits.idle };
        self.begun.map_or(idle, |begun| limits.frame.saturating_sub(moment().duration_since(begun)))
    }

    /// Sends the commands that wait.
    async fn deliver(&mut self) -> io::Result<()> {
        let inner = &self.called.dialler.0;
        for command in inner.desk.take(&self.called.device.id) {
            match self.called.wire(&command) {
                Some(Wire::Frame(bytes)) if inner.clock.now() <= command.not_after => {
                    self.say(&bytes).await?;
                    self.called.note(&command, "sent");
                }
                _ => self.called.note(&command, "refused"),
            }
        }
        Ok(())
    }

    /// Takes the frames that have come; gives why the connection is to end, where it is.
    async fn take(&mut self) -> io::Result<Option<&'static str>> {
        let mut taken = 0;
        let wanted = loop {
            let rest = self.buffer.bytes().get(taken..).unwrap_or_default();
            match self.framing.next(rest) {
                Step::Frame { len } => {
                    let frame = rest.get(..len).unwrap_or(rest).to_vec();
                    taken += frame.len();
                    if let Err(why) = self.frame(&frame).await? {
                        self.called.refused(why);
                        // What the log could not take is asked for again on the next connection.
                        if why == Refused::Busy {
                            return Ok(Some("the log takes nothing"));
                        }
                    }
                }
                Step::Noise { len, .. } => {
                    self.called.dialler.metrics().noise(Listener::Dial, len);
                    self.noise += len;
                    taken += len.max(1);
                }
                Step::NeedMore { at_least } => break at_least,
            }
        };
        self.begun = match self.begun {
            _ if taken >= self.buffer.bytes().len() => None,
            Some(begun) if taken == 0 => Some(begun),
            _ => Some(moment()),
        };
        self.buffer.took(taken, wanted);
        let noisy = self.noise >= self.called.dialler.0.guard.limits.noise_bytes;
        Ok(noisy.then_some("it brings noise"))
    }

    /// Stores a frame, and says what is to be said after it. The outer error ends the connection.
    async fn frame(&mut self, payload: &[u8]) -> io::Result<Result<(), Refused>> {
        let Called { dialler, device, protocol, .. } = self.called;
        let since = moment();
        let heard = if self.talks() { self.talk.hear(payload) } else { Heard::Other };
        let backlog = matches!(heard, Heard::Missed(_)).then(|| format!("get_record{BACKLOG}"));
        let came = Came {
            device,
            protocol: *protocol,
            payload,
            route: backlog.as_deref(),
            content_type: None,
            listener: Listener::Dial,
            since,
        };
        let is_its = is_its(self.called, payload);
        let paced = is_its.and_then(|()| dialler.0.guard.paces(device, Listener::Dial, since));
        let stored = match paced {
            Ok(()) => dialler.0.taker.take(&came).await.map(drop),
            Err(why) => Err(why),
        };
        if matches!(stored, Err(Refused::Busy | Refused::UnknownDevice | Refused::Rate)) {
            return Ok(stored);
        }
        self.heard = true;
        let said = self.talk.took(heard);
        if !said.is_empty() {
            self.say(&said).await?;
        }
        Ok(stored)
    }

    async fn keep(&mut self) {
        let mark = self.talk.mark();
        if mark != self.kept
            && let Some(mark) = mark
        {
            self.called.dialler.0.marks.write(&self.called.device.id, &mark.to_string()).await;
            self.kept = Some(mark);
        }
    }
}

/// Whether a frame is of the device that was called: one that names another serial number is not.
fn is_its(called: &Called, payload: &[u8]) -> Result<(), Refused> {
    let Some(serial) = &called.device.serial else { return Ok(()) };
    let mut other = false;
    // What cannot be read is evidence too.
    let _ = decode(called.protocol, payload, &Context::default(), &mut |reading| {
        other |= reading.device().is_some_and(|named| named.as_str() != serial.as_str());
    });
    if other { Err(Refused::UnknownDevice) } else { Ok(()) }
}
