//! Commands as frames of our own.

use parking_types::Instant;

use super::{Action, Command, CommandError, Target};
use crate::native::{self, CommandAction, Head, Key, Message, push_tlv, tlv_kind};

/// To which device, lane or berth a native command goes.
#[derive(Clone, Copy)]
pub struct NativeTarget<'a> {
    /// The device.
    pub device_id: u64,
    /// Which of its lanes; 0 the only one.
    pub lane: u16,
    /// Which of its berths; 0 the only one.
    pub berth: u32,
    /// For how long, in milliseconds; 0 as the device is set.
    pub duration_ms: u32,
    /// When the command leaves.
    pub at: Instant,
    /// The key's id and the key of a device that has one; it obeys no command without a tag.
    pub key: Option<(u32, &'a Key)>,
}

impl NativeTarget<'_> {
    /// A device with one lane or berth and without a key.
    pub const fn new(device_id: u64, at: Instant) -> Self {
        Self { device_id, lane: 0, berth: 0, duration_ms: 0, at, key: None }
    }
}

/// Writes a command as a native frame (message 0x8002 of `docs/native-frame.md`). What became of it comes back as
/// message 8: [`Reading::command`](crate::Reading::command) and [`Reading::proof`](crate::Reading::proof).
///
/// ```
/// use device_codec::command::{Action, Command, NativeTarget, native_frame};
/// use device_codec::native::{CommandAction, Frame, Message};
/// use parking_types::{Instant, Span};
/// let now = Instant::EPOCH + Span::from_days(20_000);
/// let open = Command { id: "c-1", action: Action::Open, not_after: now + Span::from_secs(10) };
/// let bytes = native_frame(&open, &NativeTarget::new(0x4a3, now))?;
/// let frame = Frame::new_checked(&bytes).unwrap();
/// let Ok(Some(Message::Command(command))) = frame.message() else { panic!() };
/// assert_eq!(command.action, CommandAction::OPEN);
/// # Ok::<(), device_codec::command::CommandError>(())
/// ```
///
/// # Errors
/// [`CommandError`] for an action that the frame has no word for, an id that does not fit, or lines that are missing.
pub fn native_frame(command: &Command<'_>, to: &NativeTarget<'_>) -> Result<Vec<u8>, CommandError> {
    let mut tlvs = Vec::new();
    let mut text = |kind, text: &str, field| {
        let fits = !text.is_empty() && push_tlv(&mut tlvs, kind, text.as_bytes()).is_some();
        if fits { Ok(()) } else { Err(CommandError::Value(field)) }
    };
    let mut value = 0;
    let action = match command.action {
        Action::Open => CommandAction::OPEN,
        Action::Close => CommandAction::CLOSE,
        Action::Hold => CommandAction::HOLD,
        Action::Lock => CommandAction::LOCK,
        Action::Normal => CommandAction::NORMAL,
        Action::Raise => CommandAction::RAISE,
        Action::Lower => CommandAction::LOWER,
        Action::Show { lines: [], .. } => return Err(CommandError::Missing("lines")),
        Action::Show { lines, say } => {
            lines.iter().try_for_each(|line| text(tlv_kind::SHOW, line, "lines"))?;
            say.into_iter().try_for_each(|say| text(tlv_kind::SAY, say, "say"))?;
            CommandAction::SHOW
        }
        Action::Say(say) => {
            text(tlv_kind::SAY, say, "say")?;
            CommandAction::SAY
        }
        Action::FreePlaces(places) => {
            value = places;
            CommandAction::FREE_PLACES
        }
        Action::Query => CommandAction::REPORT,
        Action::SetClock { .. } | Action::ListAdd { .. } | Action::ListRemove { .. } | Action::Capture => {
            return Err(CommandError::NotSupported);
        }
    };
    let mut command_id = [0; 32];
    let id = command.id.as_bytes();
    if id.is_empty() || !id.iter().all(u8::is_ascii_graphic) {
        return Err(CommandError::Missing("id"));
    }
    command_id.get_mut(..id.len()).ok_or(CommandError::TooLong("id"))?.copy_from_slice(id);
    let not_after = command.not_after.as_nanos().div_euclid(1000);
    if not_after <= 0 {
        return Err(CommandError::Value("not_after"));
    }
    let message = native::Command {
        command_id,
        not_after,
        action,
        lane: to.lane,
        berth: to.berth,
        duration_ms: to.duration_ms,
        value,
        ..native::Command::default()
    };
    let key_id = to.key.map_or(0, |(id, _)| id);
    let head = Head { key_id, device_id: to.device_id, sent_at: Some(to.at), ..Head::default() };
    let frame = Message::Command(message).encode_with(&head, &tlvs, to.key.map(|(_, key)| key));
    // A payload that is too long for a frame is refused as our own decoder refuses it.
    native::Frame::new_checked(&frame).map_err(|_| CommandError::TooLong("text"))?;
    Ok(frame)
}

/// A native command for what a [`Target`] says: the serial number is the device's id, sixteen hex digits.
pub(super) fn frame(action: &Action<'_>, target: &Target<'_>) -> Result<Vec<u8>, CommandError> {
    let serial = target.serial.ok_or(CommandError::Missing("serial"))?;
    let device_id = u64::from_str_radix(serial, 16).map_err(|_| CommandError::Value("serial"))?;
    let not_after = target.not_after.ok_or(CommandError::Missing("not_after"))?;
    let command = Command { id: target.id, action: *action, not_after };
    native_frame(&command, &NativeTarget::new(device_id, target.at))
}
