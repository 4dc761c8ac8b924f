//! Devices behind an MQTT broker: cameras, gateways, LoRaWAN network servers.
//!
//! The session is persistent and has a fixed client id: what comes while the server is away waits at the broker. A
//! message is acknowledged to the broker when it is durable, in the order in which messages came, and not before; with so
//! many unacknowledged the broker sends no more, which is what bounds the memory. A message that no device of the site
//! can have sent is counted and acknowledged, as it would come back for ever.
//!
//! Who may publish under which topic is the broker's to decide: the topic names the device, and nothing in these
//! protocols proves it.

mod message;
mod tls;
mod topics;

use std::{collections::HashMap, sync::Arc, time::Duration};

use device_codec::{Context, Protocol, command::Topics};
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, Packet, Publish, QoS, TlsConfiguration, Transport,
};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use self::message::{Message, look};
pub use self::{
    tls::BrokerTls,
    topics::{Speaks, Subscription},
};
use super::guard::Guard;
use crate::{
    clock::{Clock, Moment, duration, moment},
    desk::{Command, Desk},
    directory::Device,
    host::Host,
    images::Images,
    intake::{Intake, Pending},
    log::Batch,
    metrics::{Listener, Refused},
    record, reply,
    secrets::Text,
};

/// A broker and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name of our session, which outlives connections.
    pub client_id: String,
    /// User and password.
    pub login: Option<(String, Text)>,
    /// TLS, where the broker speaks it.
    pub tls: Option<BrokerTls>,
    /// What we listen to.
    pub subscriptions: Vec<Subscription>,
}

impl Broker {
    /// How to connect. Certificates that could be used at the start and cannot be used any more are told, and what was in
    /// force stays.
    fn transport(&self) -> Option<Transport> {
        let read = self.tls.as_ref()?.read();
        let told =
            read.inspect_err(|error| tracing::warn!("the broker's certificates stay as they were: {error}"));
        told.ok().map(|config| Transport::tls_with_config(TlsConfiguration::Rustls(config)))
    }
}

/// The largest message.
const LARGEST: usize = 4 << 20;
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long to wait before the next attempt, where the broker or the log is away.
const AGAIN: Duration = Duration::from_secs(1);
/// Messages between the connection and the log, and between the log and the acknowledgement.
const QUEUE: usize = 256;

/// Our connection to the broker.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    /// How many there were.
    count: u64,
    /// Whether it stands.
    up: bool,
}

/// A message as it came, and on which of our connections.
struct Came {
    publish: Publish,
    connection: u64,
    since: Moment,
}

/// A listener for one broker.
pub(super) struct Mqtt {
    intake: Arc<Intake>,
    desk: Arc<Desk>,
    clock: Clock,
    guard: Arc<Guard>,
    images: Option<Images>,
    broker: Broker,
}

impl Mqtt {
    pub(super) fn new(host: &Host, guard: Arc<Guard>, images: Option<Images>, broker: Broker) -> Self {
        let (intake, desk, clock) = (host.intake.clone(), host.desk.clone(), host.clock.clone());
        Self { intake, desk, clock, guard, images, broker }
    }

    /// Listens until `stop` says so.
    pub(super) async fn serve(self, mut stop: watch::Receiver<bool>) {
        loop {
            self.session(&mut stop).await;
            // Where it was not stopped the log could not keep a message: the next connection brings it again, and all after it.
            if tokio::time::timeout(AGAIN, stop.wait_for(|stop| *stop)).await.is_ok() {
                return;
            }
        }
    }

    /// Listens until `stop` says so or the log fails, and connects again whenever the broker has gone.
    async fn session(&self, stop: &mut watch::Receiver<bool>) {
        let (client, events) = AsyncClient::new(self.options(), QUEUE);
        let (came, coming) = mpsc::channel(QUEUE);
        let (stored, storing) = mpsc::channel(QUEUE);
        // A message is acknowledged only on the connection that brought it: the next one brings it again.
        let (link, current) = watch::channel(Link::default());
        let mut acknowledging =
            tokio::spawn(acknowledge(self.intake.clone(), client.clone(), storing, current.clone()));
        let connection = Connection {
            client: client.clone(),
            broker: self.broker.clone(),
            came,
            link,
            intake: self.intake.clone(),
        };
        let connected = tokio::spawn(connection.run(events));
        tokio::select! {
            () = self.take(coming, stored, client.clone(), current.clone()) => {}
            _ = &mut acknowledging => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        // What is on its way to the disk is still acknowledged, then the connection is left: the session stays.
        if !acknowledging.is_finished() {
            let _ = tokio::time::timeout(AGAIN, acknowledging).await;
        }
        let _ = tokio::time::timeout(AGAIN, client.disconnect()).await;
        connected.abort();
        let _ = connected.await;
        let Link { up, .. } = *current.borrow();
        self.intake.metrics().connections(Listener::Mqtt, -i64::from(up));
    }

    fn options(&self) -> MqttOptions {
        let broker = &self.broker;
        let mut options = MqttOptions::new(broker.client_id.clone(), broker.host.clone(), broker.port);
        options.set_clean_session(false).set_manual_acks(true).set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(LARGEST, LARGEST);
        if let Some(transport) = broker.transport() {
            options.set_transport(transport);
        }
        if let Some((user, Text(password))) = &broker.login {
            options.set_credentials(user.clone(), password.clone());
        }
        options
    }

    /// Puts messages into the log, in the order in which they came.
    async fn take(
        &self,
        mut coming: mpsc::Receiver<Came>,
        stored: mpsc::Sender<(Came, Option<Pending>)>,
        client: AsyncClient,
        link: watch::Receiver<Link>,
    ) {
        let mut couriers = Couriers::default();
        while let Some(came) = coming.recv().await {
            let pending = match look(&came.publish, &self.broker.subscriptions, &self.guard.directory) {
                Ok(None) => None,
                Ok(Some(message)) => {
                    couriers.deliver(self, &client, &link, &message);
                    Some(self.store(&message, &came).await)
                }
                Err(why) => {
                    self.intake.metrics().refused(Listener::Mqtt, why, 1);
                    None
                }
            };
            if stored.send((came, pending)).await.is_err() {
                return;
            }
        }
    }

    /// Waits for as long as the log takes nothing: the broker has the message meanwhile.
    async fn store(&self, message: &Message<'_>, came: &Came) -> Pending {
        loop {
            if let Some(pending) = self.try_store(message, &came.publish.topic).await {
                return pending;
            }
            self.intake.metrics().refused(Listener::Mqtt, Refused::Busy, 1);
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Its photos first, then the message; nothing where one of them cannot be kept now.
    async fn try_store(&self, message: &Message<'_>, topic: &str) -> Option<Pending> {
        let context = Context { route: Some(topic), ..Context::default() };
        let cut = match &self.images {
            Some(images) => {
                images.take(message.protocol, &message.payload, &context, self.clock.now()).await.ok()?
            }
            None => None,
        };
        let record = message.record(topic, cut.as_ref());
        let room = record.payload.len() * 2 + record.images.len() * 128 + topic.len() + 512;
        let write = |at, batch: &mut Batch| batch.push_with(|out| record.encode(at, out));
        self.intake.take(message.device.partition, room, write).await.ok()
    }
}

/// The connection: what comes goes on, and every new one subscribes.
struct Connection {
    client: AsyncClient,
    broker: Broker,
    came: mpsc::Sender<Came>,
    link: watch::Sender<Link>,
    intake: Arc<Intake>,
}

impl Connection {
    async fn run(self, mut events: EventLoop) {
        let Self { client, broker, came, link, intake } = self;
        let mut said = String::new();
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let Link { count, up } = *link.borrow();
                    intake.metrics().connections(Listener::Mqtt, i64::from(!up));
                    link.send_replace(Link { count: count + 1, up: true });
                    for subscription in &broker.subscriptions {
                        // The queue holds more than there are subscriptions; a full one means that the broker is gone again.
                        let _ = client.try_subscribe(subscription.filter.clone(), QoS::AtLeastOnce);
                    }
                    said.clear();
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let came_now = Came { publish, connection: link.borrow().count, since: moment() };
                    if came.send(came_now).await.is_err() {
                        return;
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let Link { count, up } = *link.borrow();
                    intake.metrics().connections(Listener::Mqtt, -i64::from(up));
                    link.send_replace(Link { count, up: false });
                    let says = error.to_string();
                    if says != said {
                        tracing::warn!("the broker is away: {says}");
                        said = says;
                    }
                    tokio::time::sleep(AGAIN).await;
                    // Certificates may have been changed meanwhile.
                    if let Some(transport) = broker.transport() {
                        events.mqtt_options.set_transport(transport);
                    }
                }
            }
        }
    }
}

/// Acknowledges messages in their order, each once it is durable.
async fn acknowledge(
    intake: Arc<Intake>,
    client: AsyncClient,
    mut storing: mpsc::Receiver<(Came, Option<Pending>)>,
    current: watch::Receiver<Link>,
) {
    while let Some((came, pending)) = storing.recv().await {
        let bytes = came.publish.payload.len() as u64;
        if let Some(pending) = pending {
            if pending.durable().await.is_err() {
                // The log has failed: the broker keeps this message and all after it.
                intake.metrics().refused(Listener::Mqtt, Refused::Busy, 1);
                return;
            }
            intake.metrics().stored(Listener::Mqtt, 1, bytes, moment().duration_since(came.since));
        }
        if came.connection == current.borrow().count && client.ack(&came.publish).await.is_err() {
            return;
        }
    }
}

/// Who delivers commands: one for each device that has spoken.
#[derive(Default)]
struct Couriers(HashMap<String, (AbortHandle, Topics)>);

impl Couriers {
    fn deliver(
        &mut self,
        mqtt: &Mqtt,
        client: &AsyncClient,
        link: &watch::Receiver<Link>,
        message: &Message<'_>,
    ) {
        let device = &message.device;
        if message.protocol.info().commands.is_empty()
            || self.0.get(&device.id).is_some_and(|(_, topics)| *topics == message.topics)
        {
            return;
        }
        let courier = Courier {
            desk: mqtt.desk.clone(),
            intake: mqtt.intake.clone(),
            clock: mqtt.clock.clone(),
            client: client.clone(),
            link: link.clone(),
            device: device.clone(),
            protocol: message.protocol,
            serial: message.serial.clone(),
            topics: message.topics,
        };
        let task = tokio::spawn(courier.run());
        if let Some((older, _)) = self.0.insert(device.id.clone(), (task.abort_handle(), message.topics)) {
            older.abort();
        }
    }
}

impl Drop for Couriers {
    fn drop(&mut self) {
        self.0.values().for_each(|(courier, _)| courier.abort());
    }
}

struct Courier {
    desk: Arc<Desk>,
    intake: Arc<Intake>,
    clock: Clock,
    client: AsyncClient,
    link: watch::Receiver<Link>,
    device: Arc<Device>,
    protocol: Protocol,
    serial: String,
    topics: Topics,
}

impl Courier {
    async fn run(self) {
        loop {
            for command in self.desk.take(&self.device.id) {
                let sent = self.send(&command).await.is_some();
                let state = if sent { "sent" } else { "refused" };
                if sent {
                    self.intake.metrics().command(Listener::Mqtt);
                }
                let told = |at, batch: &mut Batch| {
                    batch
                        .push_with(|out| record::command_state(at, &self.device.id, &command.id, state, out));
                };
                let _ = self.intake.note(self.device.partition, told);
            }
            self.desk.arrival(&self.device.id).await;
        }
    }

    /// Into a connection that stands, once, or not at all: neither we nor the broker may keep what opens a gate for later.
    async fn send(&self, command: &Command) -> Option<()> {
        let left = duration(command.not_after - self.clock.now());
        tokio::time::timeout(left, self.link.clone().wait_for(|link| link.up)).await.ok()?.ok()?;
        let now = self.clock.now();
        let wire = reply::mqtt(command, self.protocol, &self.serial, self.topics, now);
        let (topic, payload) = wire.filter(|_| now <= command.not_after)?;
        self.client.try_publish(topic, QoS::AtMostOnce, false, payload).ok()
    }
}
