//! Reference records: one version of one entity, since an instant.

use std::sync::Arc;

use parking_types::{Id, Instant};

use super::{
    CalendarDocument, Entity, Site, Tariff,
    check::{Check, Group},
    entity::*,
    error::ReferenceError,
    read::Read,
};
use crate::tree::{Fault, Node, Path, Tree, Wrong};

/// A change of reference data that has been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The kind.
    pub kind: Kind,
    /// Which one.
    pub id: Id,
    /// Since when it holds.
    pub since: Instant,
    /// It is gone since then.
    pub gone: bool,
}

/// A reference record, taken apart: `{"kind","id","since","value","by","reason"}`.
#[derive(Clone, Copy, Debug)]
pub struct Reference<'t> {
    /// The kind.
    pub kind: Kind,
    /// Which one.
    pub id: Id,
    /// Since when it shall hold.
    pub since: Instant,
    /// The new version; `None`: it is gone.
    value: Option<&'t Tree>,
}

const FROM: Path<'static> = Path::Field(&Path::Root, "reference");
const VALUE: Path<'static> = Path::Field(&FROM, "value");

impl<'t> Reference<'t> {
    pub(crate) fn read(tree: &'t Tree, received_at: Instant) -> Result<Self, ReferenceError> {
        let reference = Node { tree, path: FROM }.object(|fields| {
            let kind =
                fields.must("kind", |node| node.word("the name of a list of the site", Kind::parse))?;
            let id = fields.must("id", |node| node.id())?;
            let since = fields.maybe("since", |node| node.instant())?.unwrap_or(received_at);
            fields.maybe("reason", |node| node.text())?;
            fields.maybe("by", |node| {
                node.object(|by| {
                    by.must("kind", |node| node.text())?;
                    by.must("id", |node| node.id())
                })
            })?;
            let value = fields.take("value").ok_or_else(|| fields.wrong("value", Wrong::Missing))?;
            let value = Some(value).filter(|value| **value != Tree::Null);
            Ok(Self { kind, id, since, value })
        })?;
        Ok(reference)
    }
}

impl Site {
    /// Makes the change that the `reference` object of a record asks for, or none.
    ///
    /// # Errors
    /// [`ReferenceError`]; the version before stays.
    pub fn apply_reference(
        &mut self,
        reference: &[u8],
        received_at: Instant,
    ) -> Result<Change, ReferenceError> {
        let tree = Tree::parse(reference).map_err(|fault| FROM.within(&fault.path).fault(fault.wrong))?;
        self.apply(&Reference::read(&tree, received_at)?, received_at)
    }

    pub(crate) fn apply(
        &mut self,
        reference: &Reference<'_>,
        received_at: Instant,
    ) -> Result<Change, ReferenceError> {
        if reference.since < received_at - self.index.longest_late_window() {
            return Err(ReferenceError::TooFarBack);
        }
        match reference.kind {
            Kind::Areas => self.change::<Area>(reference)?,
            Kind::Operators => self.change::<Operator>(reference)?,
            Kind::Suppliers => self.change::<Supplier>(reference)?,
            Kind::Sims => self.change::<Sim>(reference)?,
            Kind::Calendars => self.change::<CalendarDocument>(reference)?,
            Kind::Tariffs => self.change::<Tariff>(reference)?,
            Kind::Lots => {
                self.keep_group(reference)?;
                self.change::<Lot>(reference)?;
            }
            Kind::Berths => self.change::<Berth>(reference)?,
            Kind::Lanes => self.change::<Lane>(reference)?,
            Kind::Devices => self.change::<Device>(reference)?,
            Kind::LotSets => self.change::<LotSet>(reference)?,
            Kind::PlateSets => self.change::<PlateSet>(reference)?,
            Kind::Lists => self.change::<ListEntry>(reference)?,
            Kind::Passes => self.change::<PassEntry>(reference)?,
        }
        let Reference { kind, id, since, value } = *reference;
        self.edition += 1;
        self.changed_at.insert(since);
        Ok(Change { kind, id, since, gone: value.is_none() })
    }

    fn change<T: Read + Check>(&mut self, reference: &Reference<'_>) -> Result<(), ReferenceError> {
        let Reference { id, since, .. } = *reference;
        let entity = match reference.value {
            Some(tree) => Some(Arc::new(Self::read_as::<T>(id, tree)?)),
            None => {
                self.may_go::<T>(&id, since)?;
                None
            }
        };
        let before = T::shelf_mut(&mut self.shelves).put(id, since, entity.clone());
        self.refresh(T::KIND, &id);
        let checked = entity.map_or(Ok(()), |entity| {
            entity.check(self, since, VALUE)?;
            self.check_others(T::KIND, &id, since)
        });
        if checked.is_err() {
            T::shelf_mut(&mut self.shelves).take_back(&id, since, before);
            self.refresh(T::KIND, &id);
        }
        Ok(checked?)
    }

    fn read_as<T: Read + Entity>(id: Id, tree: &Tree) -> Result<T, Fault> {
        let node = Node { tree, path: VALUE };
        let entity = T::read(node)?;
        if entity.id() == id {
            Ok(entity)
        } else {
            Err(Path::Field(&VALUE, "id").fault(Wrong::Conflict("another id than the record's")))
        }
    }

    fn refresh(&mut self, kind: Kind, id: &Id) {
        let mut index = core::mem::take(&mut self.index);
        index.refresh(self, kind, id);
        self.index = index;
    }

    /// A lot's group is fixed when the lot is made: it decides the partition.
    fn keep_group(&self, reference: &Reference<'_>) -> Result<(), ReferenceError> {
        let Some(tree) = reference.value else { return Ok(()) };
        let lot = Self::read_as::<Lot>(reference.id, tree)?;
        let mut versions = self.shelves.lots.versions(&reference.id);
        if versions.any(|(_, known)| known.group != lot.group) {
            Err(ReferenceError::FixedGroup)
        } else {
            Ok(())
        }
    }

    /// Whether a change still fits what names the changed entity.
    fn check_others(&self, kind: Kind, id: &Id, since: Instant) -> Result<(), Fault> {
        match kind {
            Kind::Lots => {
                let group = self.at::<Lot>(id, since).map(|lot| lot.group);
                group.map_or(Ok(()), |group| Group::check(self, &group, since, VALUE))
            }
            Kind::Berths => {
                let lot =
                    self.at::<Berth>(id, since).filter(|berth| !berth.tariffs.is_empty()).map(|b| b.lot);
                let group = lot.and_then(|lot| self.at::<Lot>(&lot, since)).map(|lot| lot.group);
                group.map_or(Ok(()), |group| Group::check(self, &group, since, VALUE))
            }
            Kind::Tariffs => {
                self.index.groups().try_for_each(|group| Group::check(self, group, since, VALUE))
            }
            Kind::Calendars => {
                let torn = self.index.calendars_with(id).any(|ids| {
                    let there = ids.iter().all(|id| self.at::<CalendarDocument>(id, since).is_some());
                    there && self.index.calendars.at(&*ids, since).is_none()
                });
                if torn {
                    Err(VALUE.fault(Wrong::Conflict("another weekend than a calendar it is merged with")))
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    /// What is named by something that stays cannot go; places and devices can: what was bound to them is unbound.
    fn may_go<T: Entity>(&self, id: &Id, since: Instant) -> Result<(), ReferenceError> {
        if self.at::<T>(id, since).is_none() {
            return Err(ReferenceError::Unknown);
        }
        let place = matches!(T::KIND, Kind::Lots | Kind::Berths | Kind::Lanes | Kind::Devices);
        let named = !place
            && (self.named_by::<Lot>(T::KIND, id, since)
                || self.named_by::<Berth>(T::KIND, id, since)
                || self.named_by::<Device>(T::KIND, id, since)
                || self.named_by::<Area>(T::KIND, id, since)
                || self.named_by::<ListEntry>(T::KIND, id, since)
                || self.named_by::<PassEntry>(T::KIND, id, since));
        if named { Err(ReferenceError::InUse) } else { Ok(()) }
    }

    /// Whether an entity of another kind that holds at `since` or later names this one.
    fn named_by<T: Check>(&self, kind: Kind, id: &Id, since: Instant) -> bool {
        let shelf = T::shelf(&self.shelves);
        shelf.keys().iter().any(|other| {
            let now = shelf.at(other, since).is_some_and(|entity| entity.names(kind, id));
            now || shelf.versions(other).any(|(from, entity)| from > since && entity.names(kind, id))
        })
    }
}

impl Read for Tariff {
    /// One version, or an array of all versions of one tariff.
    fn read(node: Node<'_, '_>) -> Result<Self, Fault> {
        let (id, versions) = match node.tree {
            Tree::List(versions) => {
                let ids = node.list(Self::id_of)?;
                let first = ids.first().copied().ok_or_else(|| node.expected("at least one version"))?;
                if let Some(other) = ids.iter().position(|id| *id != first) {
                    return Err(
                        Path::Item(&node.path, other).fault(Wrong::Conflict("versions of several tariffs"))
                    );
                }
                (first, versions.iter().collect::<Vec<_>>())
            }
            _ => (Self::id_of(node)?, vec![node.tree]),
        };
        let many = matches!(node.tree, Tree::List(_));
        Self::new(id, &versions).map_err(|(version, wrong, field)| {
            let item = if many { Path::Item(&node.path, version) } else { node.path };
            item.within(&field).fault(wrong)
        })
    }
}
