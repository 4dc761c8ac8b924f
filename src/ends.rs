//! When to look for tariffs and calendars that end soon without a successor, and what to say of them.

use parking_types::{Instant, Span};
use session_core::{ReferenceEnd, World};

use crate::site::{Ending, Kind, Lot, Site};

/// Lots and berths are changed in bulk: what comes of it for what ends is looked at with the clock's next minute.
const LATER: Span = Span::from_mins(1);

/// Who looks for what ends: partition 0 alone, as it belongs to no lot.
///
/// Nothing of it is saved. A look that finds what is known already changes nothing, so one more after a restart does not
/// show.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ends {
    /// When to look again; `None`: not yet known to be partition 0.
    due: Option<Instant>,
    changed: bool,
}

impl Ends {
    /// Whether to look before a record of this partition and instant.
    pub(crate) fn is_due(&self, partition: u32, before: Option<Instant>, now: Instant) -> bool {
        let minute = |at: Instant| at.floor(LATER);
        let minute_over = before.is_none_or(|before| minute(before) < minute(now));
        partition == 0 && (self.due.is_none_or(|due| due <= now) || self.changed && minute_over)
    }

    /// When to look at the latest.
    pub(crate) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Reference data of a kind have changed. Says whether to look at once.
    pub(crate) fn changed(&mut self, kind: Kind) -> bool {
        self.changed |= matches!(kind, Kind::Lots | Kind::Berths);
        self.due.is_some() && matches!(kind, Kind::Tariffs | Kind::Calendars)
    }

    /// What ends soon; `before` is the clock before `now`.
    pub(crate) fn look(&mut self, before: Option<Instant>, now: Instant, site: &Site) -> Vec<ReferenceEnd> {
        let endings = site.endings(now);
        let coming = endings.iter().map(Ending::told_from).filter(|from| *from > now);
        self.due = Some(coming.fold(site.standing(now).until, Instant::min));
        self.changed = false;
        let near = endings.iter().filter(|ending| ending.told_from() <= now);
        near.map(|ending| {
            let since = Some(ending.told_from()).filter(|from| before.is_some_and(|before| before < *from));
            told(ending, since.unwrap_or(now), site)
        })
        .collect()
    }
}

fn told(ending: &Ending, since: Instant, site: &Site) -> ReferenceEnd {
    let Ending { at, subject, lots } = ending;
    let first = lots.first().copied();
    let zone = first.and_then(|lot| site.known::<Lot>(&lot, since)).map(|lot| &lot.zone);
    let at = zone.map_or_else(|| at.to_string(), |zone| at.at_offset(zone.offset_secs(*at)).to_string());
    let lot = first.filter(|_| lots.len() == 1);
    let first = first.map_or_else(String::new, |lot| format!(", in {lot}"));
    let more = match lots.len() {
        0 | 1 => String::new(),
        all => format!(" and {} more", all - 1),
    };
    let detail = format!("{subject}: ends {at} without a successor{first}{more}").into();
    ReferenceEnd { subject: subject.as_str().into(), since, lot, detail }
}
