//! Tariffs and calendars of the site: the tariff engine's own documents, by id.

use parking_types::{Currency, Id, Instant};
use tariff_engine::{Calendar, DocumentError, TariffSet};

use super::read::Read;
use crate::tree::{Fault, Node, Path, Tree, Wrong};

/// A tariff with all its versions.
#[derive(Clone, Debug)]
pub struct Tariff {
    /// Its id.
    pub id: Id,
    versions: TariffSet,
}

/// A calendar.
#[derive(Clone)]
pub struct CalendarDocument {
    /// Its id.
    pub id: Id,
    /// The calendar.
    pub calendar: Calendar,
}

/// What is wrong with a tariff: the version's index, what, and the path within that version.
pub(super) type TariffFault = (usize, Wrong, Box<str>);

impl Tariff {
    /// Compiles the versions of one id.
    pub(super) fn new(id: Id, versions: &[&Tree]) -> Result<Self, TariffFault> {
        let mut text = vec![b'['];
        for (index, version) in versions.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            version.write(&mut text, false);
        }
        text.push(b']');
        match TariffSet::from_json(&text) {
            Ok(versions) => Ok(Self { id, versions }),
            Err(error) => Err(split(&error)),
        }
    }

    /// The id that a tariff document says it has.
    pub(super) fn id_of(node: Node<'_, '_>) -> Result<Id, Fault> {
        let Some(tree) = node.tree.get("id") else {
            return Err(Path::Field(&node.path, "id").fault(Wrong::Missing));
        };
        Node { tree, path: Path::Field(&node.path, "id") }.id()
    }

    /// All versions, the earliest first.
    pub fn versions(&self) -> &[tariff_engine::Tariff] {
        self.versions.versions(self.id.as_str())
    }

    /// The version that prices stays which begin at `entry`.
    pub fn version_at(&self, entry: Instant) -> Option<&tariff_engine::Tariff> {
        self.versions.version_at(self.id.as_str(), entry)
    }

    pub(super) fn zones(&self) -> impl Iterator<Item = &str> {
        self.versions().iter().map(|version| version.zone().name())
    }

    pub(super) fn currencies(&self) -> impl Iterator<Item = Currency> {
        self.versions().iter().map(tariff_engine::Tariff::currency)
    }
}

/// `[2].rules[0].id` is `rules[0].id` of version 2.
fn split(error: &DocumentError) -> TariffFault {
    let wrong = Wrong::Tariff(error.code().as_str());
    let inner = error.path().strip_prefix('[').and_then(|path| path.split_once(']'));
    match inner.and_then(|(index, path)| Some((index.parse().ok()?, path))) {
        Some((index, path)) => (index, wrong, path.strip_prefix('.').unwrap_or(path).into()),
        None => (0, wrong, error.path().into()),
    }
}

impl Read for CalendarDocument {
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        let id = Tariff::id_of(node)?;
        let calendar = Calendar::from_json(&node.tree.compact());
        let calendar = calendar
            .map_err(|error| node.path.within(error.path()).fault(Wrong::Tariff(error.code().as_str())))?;
        Ok(Self { id, calendar })
    }
}

/// One calendar of several; `None` where there is none or their weekends differ.
pub(super) fn merge(calendars: &[&CalendarDocument]) -> Option<Calendar> {
    let calendars: Vec<&Calendar> = calendars.iter().map(|document| &document.calendar).collect();
    Calendar::merge(&calendars).ok()
}
