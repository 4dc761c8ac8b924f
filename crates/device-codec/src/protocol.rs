//! The closed list of protocols: one line of the table each, one file each.

use parking_types::Span;

use crate::context::Context;
use crate::error::DecodeError;
use crate::reader::Reader;
use crate::reading::Reading;
use crate::trace::{Quiet, Trace};

mod bosch;
mod camera;
mod cicicom;
mod dingtek;
mod f6213;
mod gate;
mod libelium;
mod manual;
mod netvox;
mod nwave;
mod parkline;
mod pni;
mod tekzitel;
mod yuncitys;

pub use f6213::reply as f6213_reply;

pub(crate) use camera::{Form, Multipart, vz_block_photos, vz_document, vz_json};

/// Where a decoder puts its readings.
pub(crate) type Out<'o, 'a> = &'o mut dyn FnMut(&Reading<'a>);

/// What reads the frames of one protocol.
pub(crate) type Decode<T> =
    for<'a, 'c, 'o> fn(&'a [u8], &'c Context<'a>, T, Out<'o, 'a>) -> Result<(), DecodeError>;

/// In what form a protocol's payloads come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Bytes.
    Binary,
    /// One JSON document.
    Json,
    /// Other text: XML, multipart, form data, lines.
    Text,
}

/// How the frames of a device are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbering {
    /// Not at all.
    None,
    /// By the frame record's `counter`, which the transport counts modulo `modulo` (LoRaWAN's FCnt: 65,536).
    Counter {
        /// The number of different values.
        modulo: u32,
    },
    /// By [`Reading::sequence`], from `first` to `last` and around again.
    Sequence {
        /// The number after `last`.
        first: u32,
        /// The greatest number.
        last: u32,
        /// The number that only a restart gives.
        restart: Option<u32>,
    },
    /// By [`Reading::boot`], then [`Reading::sequence`]; neither wraps.
    Boot,
    /// Not numbered, but each record has an id ([`Reading::record`]).
    Record,
}

/// What is to be known about a protocol before its frames are read.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolInfo {
    /// One line for people: vendor, device, transport.
    pub title: &'static str,
    /// The form of its payloads.
    pub payload: Payload,
    /// The kinds and fields that its readings can have, by their JSON names.
    pub says: &'static [&'static str],
    /// The commands that can be encoded for it.
    pub commands: &'static [&'static str],
    /// Whether the device answers commands.
    pub acknowledges: bool,
    /// How its frames are numbered.
    pub numbering: Numbering,
    /// How often it gives a sign of life, where its documentation says so.
    pub heartbeat: Option<Span>,
    /// Whether its frames tell a change of state from a repeat.
    pub tells_change: bool,
    /// Whether too few real frames were seen to rely on it.
    pub experimental: bool,
}

impl ProtocolInfo {
    /// A binary protocol that tells changes from repeats, takes no commands and is not numbered.
    pub(crate) const BINARY: Self = Self {
        title: "",
        payload: Payload::Binary,
        says: &[],
        commands: &[],
        acknowledges: false,
        numbering: Numbering::None,
        heartbeat: None,
        tells_change: true,
        experimental: false,
    };

    /// A LoRaWAN detector: binary, numbered by the network's frame counter.
    pub(crate) const LORAWAN: Self =
        Self { numbering: Numbering::Counter { modulo: 65_536 }, ..Self::BINARY };

    /// A protocol of JSON documents, each with an id of its own.
    pub(crate) const JSON: Self =
        Self { payload: Payload::Json, numbering: Numbering::Record, ..Self::BINARY };
}

macro_rules! protocols {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $info:path, $decode:path;)+) => {
        /// A protocol that is built in.
        ///
        /// ```
        /// use device_codec::Protocol;
        /// assert_eq!(Protocol::parse("bosch-tps110"), Some(Protocol::BoschTps110));
        /// assert_eq!(Protocol::BoschTps110.name(), "bosch-tps110");
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Protocol { $($(#[$doc])* $variant),+ }

        impl Protocol {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in frame records and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The protocol with this name.
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }

            /// What is to be known about it.
            pub const fn info(self) -> &'static ProtocolInfo {
                match self { $(Self::$variant => &$info),+ }
            }

            /// Whether a frame can be JSON text: of protocols that speak it, and of the binary ones whose frames hold
            /// it, so that a body can be given without the frame around it.
            pub const fn takes_json(self) -> bool {
                matches!(self.info().payload, Payload::Json) || matches!(self, Self::VzTcp | Self::MilesightTcp)
            }

            /// The function that reads its frames. Each is one of its own: a caller that has looked it up jumps once,
            /// and no decoder pays for the stack frame of another.
            pub(crate) fn decoder<T: Trace>(self) -> Decode<T> {
                match self { $(Self::$variant => {
                    fn one<'a, T: Trace>(
                        payload: &'a [u8],
                        context: &Context<'a>,
                        trace: T,
                        out: Out<'_, 'a>,
                    ) -> Result<(), DecodeError> {
                        $decode(Reader::new(payload, trace), context, out)
                    }
                    one::<T>
                }),+ }
            }
        }
    };
}

protocols! {
    /// Our own frame.
    Parkline = "parkline", parkline::INFO, parkline::decode;
    /// Bosch TPS110, LoRaWAN.
    BoschTps110 = "bosch-tps110", bosch::INFO, bosch::decode;
    /// PNI PlacePod, LoRaWAN.
    PniPlacepod = "pni-placepod", pni::INFO, pni::decode;
    /// Nwave NPS310SM, LoRaWAN.
    NwaveNps310 = "nwave-nps310", nwave::nps310::INFO, nwave::nps310::decode;
    /// Nwave NPS405, LoRaWAN.
    NwaveNps405 = "nwave-nps405", nwave::nps405::INFO, nwave::nps405::decode;
    /// Nwave NCC405, LoRaWAN.
    NwaveNcc405 = "nwave-ncc405", nwave::ncc405::INFO, nwave::ncc405::decode;
    /// Netvox R719A, LoRaWAN.
    NetvoxR719a = "netvox-r719a", netvox::INFO, netvox::decode;
    /// Dingtek DO200, LoRaWAN.
    DingtekDo200 = "dingtek-do200", dingtek::DO200, dingtek::decode_do200;
    /// Dingtek DO201, LoRaWAN.
    DingtekDo201 = "dingtek-do201", dingtek::DO201, dingtek::decode_do201;
    /// Dingtek DO202, LoRaWAN.
    DingtekDo202 = "dingtek-do202", dingtek::DO202, dingtek::decode_do202;
    /// Libelium Smart Parking, first hardware, eleven-byte frames.
    Libelium11 = "libelium-11", libelium::V1, libelium::decode;
    /// Libelium Smart Parking, second hardware.
    LibeliumSp2 = "libelium-sp2", libelium::SP2, libelium::decode_sp2;
    /// TEKZITEL TEKZIPARK, LoRaWAN.
    TekzitelTekzipark = "tekzitel-tekzipark", tekzitel::INFO, tekzitel::decode;
    /// Cicicom S-LG-I3, LoRaWAN.
    CicicomSlgi3 = "cicicom-slgi3", cicicom::INFO, cicicom::decode;
    /// F6213, NB-IoT over UDP.
    F6213 = "f6213", f6213::INFO, f6213::decode;
    /// The YunParking gateway and what hangs on it, MQTT.
    YuncitysGateway = "yuncitys-gateway", yuncitys::INFO, yuncitys::decode;
    /// What people, partners and payments do.
    Manual = "manual", manual::INFO, manual::decode;
    /// Vzenith cameras, HTTP push.
    VzHttp = "vz-http", camera::vz::http::INFO, camera::vz::http::decode;
    /// Qianyi cameras, HTTP push.
    QianyiHttp = "qianyi-http", camera::vz::http::QIANYI, camera::vz::http::decode_qianyi;
    /// Alphadigi cameras, HTTP push.
    AlphadigiHttp = "alphadigi-http", camera::vz::http::ALPHADIGI, camera::vz::http::decode;
    /// Vzenith cameras, TCP.
    VzTcp = "vz-tcp", camera::vz::tcp::INFO, camera::vz::tcp::decode;
    /// Vzenith cameras, MQTT.
    VzMqtt = "vz-mqtt", camera::vz::mqtt::INFO, camera::vz::mqtt::decode;
    /// Hikvision cameras and recorders, ISAPI.
    HikvisionIsapi = "hikvision-isapi", camera::hikvision::INFO, camera::hikvision::decode;
    /// Dahua cameras, event streams and ITSAPI.
    DahuaHttp = "dahua-http", camera::dahua::INFO, camera::dahua::decode;
    /// GA/T 1400 view libraries.
    Gat1400 = "gat1400", camera::gat1400::INFO, camera::gat1400::decode;
    /// OpenALPR and Rekor webhooks.
    Openalpr = "openalpr", camera::webhook::OPENALPR_INFO, camera::webhook::openalpr;
    /// Plate Recognizer Stream and Snapshot.
    PlateRecognizer = "plate-recognizer", camera::webhook::PLATE_RECOGNIZER_INFO, camera::webhook::plate_recognizer;
    /// Axis cameras with the FF plate reader.
    AxisFf = "axis-ff", camera::webhook::AXIS_FF_INFO, camera::webhook::axis_ff;
    /// Milesight plate cameras, TCP.
    MilesightTcp = "milesight-tcp", camera::milesight::INFO, camera::milesight::decode;
    /// Survision cameras.
    Survision = "survision", camera::webhook::SURVISION_INFO, camera::webhook::survision;
    /// LILIN cameras.
    Lilin = "lilin", camera::webhook::LILIN_INFO, camera::webhook::lilin;
    /// Barrier boards `AA 55`.
    BarrierAa55 = "barrier-aa55", gate::barrier::INFO, gate::barrier::decode;
    /// Screen and voice boards `00 64 FF FF`.
    Led0064 = "led-0064", gate::led::INFO, gate::led::decode;
    /// Ground locks behind their platform.
    GroundLockDudu = "ground-lock-dudu", gate::ground_lock::INFO, gate::ground_lock::decode;
}

impl core::fmt::Display for Protocol {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}

/// Reads one frame and gives what it says to `out`, reading by reading, in order.
///
/// Either `out` gets all readings of the frame, or none and the call fails. A frame can be sound and say nothing
/// that is a reading. Binary protocols never touch the heap.
///
/// ```
/// use device_codec::{Context, Kind, Protocol, decode};
/// let context = Context { port: Some(1), ..Context::default() };
/// let mut occupied = Vec::new();
/// decode(Protocol::BoschTps110, &[0x01], &context, &mut |reading| {
///     assert_eq!(reading.kind, Kind::Occupancy);
///     occupied.push(reading.occupied);
/// })?;
/// assert_eq!(occupied, [Some(true)]);
/// # Ok::<(), device_codec::DecodeError>(())
/// ```
///
/// # Errors
/// [`DecodeError`] with a stable code, the offset in the payload and the protocol's name of the field.
#[inline]
pub fn decode<'a>(
    protocol: Protocol,
    payload: &'a [u8],
    context: &Context<'a>,
    out: &mut dyn FnMut(&Reading<'a>),
) -> Result<(), DecodeError> {
    protocol.decoder::<Quiet>()(payload, context, Quiet, out)
}
