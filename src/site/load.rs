//! Site documents: read, merged, checked.

use std::sync::Arc;

use parking_types::{Id, Instant};

use crate::hash::IdMap;

use super::{
    CalendarDocument, Shelves, Site, Tariff,
    check::{Check, Group},
    entity::*,
    error::SiteError,
    index::Index,
    read::Read,
};
use crate::tree::{Fault, Fields, Node, Path, Tree, Wrong};

/// The format that this release reads.
const FORMAT: i64 = 1;

/// Where an entity stands: document and index in its list.
type Origin = (usize, usize);

/// What one kind's lists held.
struct Found<T>(Vec<(Origin, Arc<T>)>);

impl<T> Default for Found<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

#[derive(Default)]
struct Lists {
    tenant: Option<Id>,
    areas: Found<Area>,
    operators: Found<Operator>,
    suppliers: Found<Supplier>,
    sims: Found<Sim>,
    calendars: Found<CalendarDocument>,
    tariffs: Vec<(Origin, Id, Tree)>,
    lots: Found<Lot>,
    berths: Found<Berth>,
    lanes: Found<Lane>,
    devices: Found<Device>,
    lot_sets: Found<LotSet>,
    plate_sets: Found<PlateSet>,
    lists: Found<ListEntry>,
    passes: Found<PassEntry>,
}

impl Site {
    /// Reads a site from documents with their names; several are merged.
    ///
    /// # Errors
    /// [`SiteError`] with the document's name and the path of the field: what is no JSON, an unknown field, a value
    /// that is not one, an id that stands twice, a name of something that is not there, and what does not fit.
    pub fn parse<D: AsRef<[u8]>>(documents: &[(&str, D)]) -> Result<Self, SiteError> {
        let named = |document: usize| {
            let name = documents.get(document).map_or("", |(name, _)| name);
            move |fault| SiteError { document: name.into(), fault }
        };
        let mut lists = Lists::default();
        for (document, (_, text)) in documents.iter().enumerate() {
            let tree = Tree::parse(text.as_ref()).map_err(named(document))?;
            Node::root(&tree).object(|fields| lists.read(document, fields)).map_err(named(document))?;
        }
        lists.into_site().map_err(|(document, fault)| named(document)(fault))
    }
}

impl Lists {
    fn read(&mut self, document: usize, fields: &mut Fields<'_, '_>) -> Result<(), Fault> {
        fields.must("format", |node| node.whole("the format 1", FORMAT, FORMAT))?;
        let tenant = fields.maybe("tenant", |node| node.id())?;
        if tenant.is_some_and(|tenant| *self.tenant.get_or_insert(tenant) != tenant) {
            return Err(fields.wrong("tenant", Wrong::Conflict("another tenant than in the document before")));
        }
        self.areas.read(document, fields)?;
        self.operators.read(document, fields)?;
        self.suppliers.read(document, fields)?;
        self.sims.read(document, fields)?;
        self.calendars.read(document, fields)?;
        let mut index = 0;
        let tariffs = fields.list("tariffs", |node| {
            let id = Tariff::id_of(node)?;
            index += 1;
            Ok(((document, index - 1), id, node.tree.clone()))
        })?;
        self.tariffs.extend(tariffs);
        self.lots.read(document, fields)?;
        self.berths.read(document, fields)?;
        self.lanes.read(document, fields)?;
        self.devices.read(document, fields)?;
        self.lot_sets.read(document, fields)?;
        self.plate_sets.read(document, fields)?;
        self.lists.read(document, fields)?;
        self.passes.read(document, fields)
    }

    fn into_site(mut self) -> Result<Site, (usize, Fault)> {
        let mut shelves = Shelves::default();
        self.areas.put(&mut shelves)?;
        self.operators.put(&mut shelves)?;
        self.suppliers.put(&mut shelves)?;
        self.sims.put(&mut shelves)?;
        self.calendars.put(&mut shelves)?;
        put_tariffs(core::mem::take(&mut self.tariffs), &mut shelves)?;
        self.lots.put(&mut shelves)?;
        self.berths.put(&mut shelves)?;
        self.lanes.put(&mut shelves)?;
        self.devices.put(&mut shelves)?;
        self.lot_sets.put(&mut shelves)?;
        self.plate_sets.put(&mut shelves)?;
        self.lists.put(&mut shelves)?;
        self.passes.put(&mut shelves)?;
        let tenant = self.tenant.map_or_else(|| Id::new("default"), Ok);
        let tenant = tenant.map_err(|_| (0, Path::Root.fault(Wrong::Missing)))?;
        let mut site = Site {
            tenant,
            shelves,
            index: Index::default(),
            edition: 0,
            changed_at: std::collections::BTreeSet::new(),
        };
        site.index = Index::new(&site);
        self.areas.check(&site)?;
        self.lots.check(&site)?;
        self.berths.check(&site)?;
        self.lanes.check(&site)?;
        self.devices.check(&site)?;
        self.lot_sets.check(&site)?;
        self.lists.check(&site)?;
        self.passes.check(&site)?;
        self.check_groups(&site)?;
        Ok(site)
    }

    /// Lots of one group have one zone and one currency.
    fn check_groups(&self, site: &Site) -> Result<(), (usize, Fault)> {
        let mut groups: IdMap<Group> = IdMap::default();
        let lots = self.lots.0.iter().map(|(origin, lot)| (Kind::Lots, *origin, &**lot, &lot.tariffs));
        let berths = self.berths.0.iter().filter(|(_, berth)| !berth.tariffs.is_empty());
        let berths = berths.filter_map(|(origin, berth)| {
            let lot = site.at::<Lot>(&berth.lot, Instant::MIN)?;
            Some((Kind::Berths, *origin, lot, &berth.tariffs))
        });
        lots.chain(berths).try_for_each(|(kind, origin, lot, tariffs)| {
            let admitted = groups.entry(lot.group).or_default().admit(site, Instant::MIN, &lot.zone, tariffs);
            admitted.map_err(|(field, wrong)| {
                (origin.0, at(kind, origin, |path| Path::Field(&path, field).fault(wrong)))
            })
        })
    }
}

impl<T: Read + Check> Found<T> {
    fn read(&mut self, document: usize, fields: &mut Fields<'_, '_>) -> Result<(), Fault> {
        let found = fields.list(T::KIND.as_str(), |node| T::read(node).map(Arc::new))?;
        self.0.extend(found.into_iter().enumerate().map(|(index, entity)| ((document, index), entity)));
        Ok(())
    }

    fn put(&self, shelves: &mut Shelves) -> Result<(), (usize, Fault)> {
        let shelf = T::shelf_mut(shelves);
        for (origin, entity) in &self.0 {
            if shelf.put(entity.id(), Instant::MIN, Some(entity.clone())).is_some() {
                return Err((
                    origin.0,
                    at(T::KIND, *origin, |path| Path::Field(&path, "id").fault(Wrong::Repeated)),
                ));
            }
        }
        Ok(())
    }

    fn check(&self, site: &Site) -> Result<(), (usize, Fault)> {
        self.0.iter().try_for_each(|(origin, entity)| {
            at(T::KIND, *origin, |path| entity.check(site, Instant::MIN, path))
                .map_err(|fault| (origin.0, fault))
        })
    }
}

/// Calls `with` with the path of an entity.
fn at<R>(kind: Kind, (_, index): Origin, with: impl FnOnce(Path<'_>) -> R) -> R {
    with(Path::Item(&Path::Field(&Path::Root, kind.as_str()), index))
}

/// Tariff documents of one id are versions of one tariff.
fn put_tariffs(mut found: Vec<(Origin, Id, Tree)>, shelves: &mut Shelves) -> Result<(), (usize, Fault)> {
    found.sort_by_key(|(_, id, _)| *id);
    for versions in found.chunk_by(|a, b| a.1 == b.1) {
        let Some((_, id, _)) = versions.first() else { continue };
        let trees: Vec<&Tree> = versions.iter().map(|(_, _, tree)| tree).collect();
        let tariff = Tariff::new(*id, &trees).map_err(|(version, wrong, field)| {
            let origin = versions.get(version).map_or((0, 0), |(origin, ..)| *origin);
            (origin.0, at(Kind::Tariffs, origin, |path| path.within(&field).fault(wrong)))
        })?;
        shelves.tariffs.put(*id, Instant::MIN, Some(Arc::new(tariff)));
    }
    Ok(())
}
