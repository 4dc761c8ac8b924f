//! What the transport told about a frame.

/// What the transport gave along with a payload. All of it may be absent.
///
/// ```
/// use device_codec::Context;
/// let on_port_2 = Context { port: Some(2), ..Context::default() };
/// assert_eq!(on_port_2.route, None);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// LoRaWAN's FPort.
    pub port: Option<u8>,
    /// MQTT topic, or HTTP path with query.
    pub route: Option<&'a str>,
    /// The content type of an HTTP request, with its parameters (`multipart/form-data; boundary=…`).
    pub content_type: Option<&'a str>,
    /// Photos that were cut out of the payload, in the order of their offsets.
    pub images: &'a [ImageCut],
}

/// A photo that was cut out of a payload: the payload goes on at `offset` with what stood behind the photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageCut {
    /// Where the photo began, in the payload as it was received.
    pub offset: u64,
    /// How long it was.
    pub bytes: u64,
}
