//! What every listener for single frames does with one: its photos beside the log, the rest into the log.

use std::sync::Arc;

use device_codec::{Context, Protocol};
use parkline::stage::Position;

use crate::{
    clock::{Clock, Moment, moment},
    directory::Device,
    host::Host,
    images::Images,
    intake::{Intake, Refusal},
    log::{Batch, LogError},
    metrics::{Listener, Refused},
    record::FrameRecord,
};

/// Puts frames into the log.
#[derive(Clone)]
pub(super) struct Taker {
    /// The door into the log.
    pub(super) intake: Arc<Intake>,
    images: Option<Images>,
    clock: Clock,
}

/// A frame as it came.
#[derive(Clone, Copy)]
pub(super) struct Came<'a> {
    pub(super) device: &'a Device,
    pub(super) protocol: Protocol,
    pub(super) payload: &'a [u8],
    pub(super) route: Option<&'a str>,
    pub(super) content_type: Option<&'a str>,
    pub(super) listener: Listener,
    /// When its last byte was there.
    pub(super) since: Moment,
}

impl Taker {
    /// For a running host; `images` is where photos go, where there is such a place.
    pub(super) fn new(host: &Host, images: Option<Images>) -> Self {
        Self { intake: host.intake.clone(), images, clock: host.clock.clone() }
    }

    /// Stores a frame; afterwards it is durable with its photos.
    ///
    /// # Errors
    /// Why it was not; it is not counted yet.
    pub(super) async fn take(&self, came: &Came<'_>) -> Result<Position, Refused> {
        let Came { device, protocol, payload, route, content_type, listener, since } = *came;
        let context = Context { route, content_type, ..Context::default() };
        let cut = match &self.images {
            Some(images) => images.take(protocol, payload, &context, self.clock.now()).await,
            None => Ok(None),
        };
        let cut = cut.map_err(|_| Refused::Busy)?;
        let (kept, images) = cut.as_ref().map_or((payload, &[][..]), |(kept, images)| (kept, images));
        let record = FrameRecord {
            device: Some(&device.id),
            protocol: protocol.name(),
            payload: kept,
            route,
            content_type,
            images,
            listener: listener.word(),
            ..FrameRecord::default()
        };
        let bytes = kept.len() * 2 + images.len() * 128 + route.map_or(0, str::len) + 256;
        let write = |at, batch: &mut Batch| batch.push_with(|out| record.encode(at, out));
        let pending = self.intake.take(device.partition, bytes, write).await.map_err(|why| match why {
            Refusal::Log(LogError::TooLarge { .. }) => Refused::TooLarge,
            _ => Refused::Busy,
        })?;
        let position = pending.durable().await.map_err(|_| Refused::Busy)?;
        let took = moment().duration_since(since);
        self.intake.metrics().stored(listener, 1, payload.len() as u64, took);
        Ok(position)
    }
}
