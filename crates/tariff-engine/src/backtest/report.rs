//! The figures of a comparison.

use core::fmt;
use std::collections::BTreeMap;

use parking_types::{Amount, Currency, Instant};

use crate::{Code, LineKind, PriceError, Receipt, Stay};

/// A sum of amounts of any size, in millionths.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Sum(i128);

impl Sum {
    /// The sum in millionths of the currency's main unit.
    pub const fn as_micros(self) -> i128 {
        self.0
    }

    fn add(&mut self, amount: Amount) {
        self.0 += i128::from(amount.as_micros());
    }

    /// With as many decimals as the currency has, and more where they are not zero.
    pub fn in_currency(self, currency: Currency) -> String {
        self.written(usize::from(currency.decimals()))
    }

    fn written(self, least: usize) -> String {
        let size = self.0.unsigned_abs();
        let (whole, part) = (size / 1_000_000, format!("{:06}", size % 1_000_000));
        let used = part.trim_end_matches('0').len().max(least);
        let sign = if self.0 < 0 { "-" } else { "" };
        match part.get(..used).filter(|part| !part.is_empty()) {
            Some(part) => format!("{sign}{whole}.{part}"),
            None => format!("{sign}{whole}"),
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.written(0))
    }
}

/// Stays, and an amount that belongs to them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Moved {
    /// How many stays.
    pub stays: u64,
    /// How much.
    pub amount: Sum,
}

impl Moved {
    fn count(&mut self, amount: Amount) {
        self.stays += 1;
        self.amount.add(amount);
    }

    fn merge(&mut self, other: Self) {
        self.stays += other.stays;
        self.amount.0 += other.amount.0;
    }
}

/// What one side came to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SideReport {
    /// The stays that both sides price, and what they cost.
    pub compared: Moved,
    /// The stays that only this side prices, and what they cost.
    pub alone: Moved,
    /// The stays that this side does not price, by code.
    pub refused: BTreeMap<Code, u64>,
}

/// What charges or takes off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ItemKind {
    /// A rule, by id.
    Rule,
    /// A cap: `rule ID` for a rule's own, else what it counts together.
    Cap,
    /// A package, by id.
    Package,
    /// Anything else, by the kind of its lines: the minimum, adjustments, rounding.
    Other,
}

impl ItemKind {
    /// The word for it in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Cap => "cap",
            Self::Package => "package",
            Self::Other => "other",
        }
    }
}

/// What a rule, a cap or a package came to on each side, over the stays that both price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// Which one.
    pub name: String,
    /// Stays with such a line on the old side, and what these lines come to.
    pub old: Moved,
    /// The same on the new side.
    pub new: Moved,
}

/// How one stay's price changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The stay's id.
    pub id: Option<Box<str>>,
    /// When it began, with the local offset in seconds.
    pub entry: (Instant, i32),
    /// When it ended, with the local offset in seconds.
    pub exit: (Instant, i32),
    /// What it cost.
    pub old: Amount,
    /// What it would cost.
    pub new: Amount,
}

impl Change {
    /// What is added to the price.
    pub fn difference(&self) -> Amount {
        self.new.saturating_sub(self.old)
    }

    fn size(&self) -> u64 {
        self.difference().as_micros().unsigned_abs()
    }
}

/// How many of the largest changes are kept.
const LARGEST: usize = 10;

/// What changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// The currency of every amount.
    pub currency: Currency,
    /// All stays.
    pub stays: u64,
    /// The old side.
    pub old: SideReport,
    /// The new side.
    pub new: SideReport,
    /// The stays that become dearer, and by how much together.
    pub dearer: Moved,
    /// The stays that become cheaper, and by how much together; negative.
    pub cheaper: Moved,
    /// The stays that cost the same.
    pub same: u64,
    /// By rule, cap and package, sorted.
    pub items: Vec<Item>,
    /// The ten largest changes, the largest first; of equal ones, those that came first.
    pub largest: Vec<Change>,
}

impl Report {
    pub(super) fn new(currency: Currency) -> Self {
        Self {
            currency,
            stays: 0,
            old: SideReport::default(),
            new: SideReport::default(),
            dearer: Moved::default(),
            cheaper: Moved::default(),
            same: 0,
            items: Vec::new(),
            largest: Vec::new(),
        }
    }

    /// What all stays that both sides price cost more by the new one; negative where they cost less.
    pub fn difference(&self) -> Sum {
        Sum(self.new.compared.amount.0 - self.old.compared.amount.0)
    }

    /// Counts one stay.
    pub(super) fn compare(
        &mut self,
        stay: &Stay,
        old: Result<Receipt<'_>, PriceError>,
        new: Result<Receipt<'_>, PriceError>,
    ) {
        self.stays += 1;
        let (old, new) = match (old, new) {
            (Ok(old), Ok(new)) => (old, new),
            (old, new) => {
                self.old.only(old);
                self.new.only(new);
                return;
            }
        };
        self.old.compared.count(old.total);
        self.new.compared.count(new.total);
        self.lines(&old, |item| &mut item.old);
        self.lines(&new, |item| &mut item.new);
        let change = new.total.saturating_sub(old.total);
        if change > Amount::ZERO {
            self.dearer.count(change);
        } else if change < Amount::ZERO {
            self.cheaper.count(change);
        } else {
            self.same += 1;
            return;
        }
        let at = |at: Instant| (at, new.zone.offset_secs(at));
        let (entry, exit) = (at(stay.entry), at(stay.exit));
        let size = change.as_micros().unsigned_abs();
        if self.largest.len() < LARGEST || self.largest.last().is_some_and(|least| least.size() < size) {
            self.keep(Change { id: stay.id.clone(), entry, exit, old: old.total, new: new.total });
        }
    }

    fn lines(&mut self, receipt: &Receipt<'_>, side: impl Fn(&mut Item) -> &mut Moved) {
        for (index, line) in receipt.lines.iter().enumerate() {
            let what = named(line);
            let before = receipt.lines.iter().take(index).any(|line| named(line) == what);
            if let Some(item) = self.item(what) {
                let moved = side(item);
                moved.amount.add(line.amount);
                // A stay with several such lines is one stay.
                moved.stays += u64::from(!before);
            }
        }
    }

    /// The item of that name, added where there is none yet.
    fn item(&mut self, (kind, prefix, name): Named<'_>) -> Option<&mut Item> {
        let same = |item: &Item| {
            item.kind == kind && item.name.strip_prefix(prefix).is_some_and(|rest| rest == name)
        };
        let at = self.items.iter().position(same).unwrap_or_else(|| {
            let name = format!("{prefix}{name}");
            let at = self.items.partition_point(|item| (item.kind, &item.name) < (kind, &name));
            self.items.insert(at, Item { kind, name, old: Moved::default(), new: Moved::default() });
            at
        });
        self.items.get_mut(at)
    }

    fn keep(&mut self, change: Change) {
        let at = self.largest.partition_point(|other| other.size() >= change.size());
        self.largest.insert(at, change);
        self.largest.truncate(LARGEST);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.stays += other.stays;
        self.old.merge(other.old);
        self.new.merge(other.new);
        self.dearer.merge(other.dearer);
        self.cheaper.merge(other.cheaper);
        self.same += other.same;
        for item in other.items {
            if let Some(own) = self.item((item.kind, "", &item.name)) {
                own.old.merge(item.old);
                own.new.merge(item.new);
            }
        }
        for change in other.largest {
            self.keep(change);
        }
    }

    /// One JSON object: `stays`, `currency`, `old` and `new` (`total` of the stays that both price, `alone`, `refused` by
    /// code), `difference`, `dearer`, `cheaper`, `same`, `by_rule`, `by_cap`, `by_package`, `by_other`, `largest`.
    pub fn to_json(&self) -> String {
        let money = |sum: Sum| format!("\"{}\"", sum.in_currency(self.currency));
        let moved =
            |moved: Moved| format!("{{\"stays\":{},\"amount\":{}}}", moved.stays, money(moved.amount));
        let side = |side: &SideReport| {
            let refused: Vec<String> =
                side.refused.iter().map(|(code, stays)| format!("\"{code}\":{stays}")).collect();
            format!(
                "{{\"total\":{},\"alone\":{},\"refused\":{{{}}}}}",
                money(side.compared.amount),
                moved(side.alone),
                refused.join(",")
            )
        };
        let items = |kind: ItemKind| {
            let items = self.items.iter().filter(|item| item.kind == kind);
            let texts = items.map(|item| {
                let difference = Sum(item.new.amount.0 - item.old.amount.0);
                format!(
                    "{{\"name\":{},\"old\":{},\"new\":{},\"difference\":{}}}",
                    text(&item.name),
                    moved(item.old),
                    moved(item.new),
                    money(difference)
                )
            });
            texts.collect::<Vec<_>>().join(",")
        };
        let largest: Vec<String> = self.largest.iter().map(|change| self.change_json(change)).collect();
        format!(
            "{{\"stays\":{},\"compared\":{},\"currency\":\"{}\",\"old\":{},\"new\":{},\"difference\":{},\"dearer\":{},\"cheaper\":{},\"same\":{},\"by_rule\":[{}],\"by_cap\":[{}],\"by_package\":[{}],\"by_other\":[{}],\"largest\":[{}]}}",
            self.stays,
            self.old.compared.stays,
            self.currency,
            side(&self.old),
            side(&self.new),
            money(self.difference()),
            moved(self.dearer),
            moved(self.cheaper),
            self.same,
            items(ItemKind::Rule),
            items(ItemKind::Cap),
            items(ItemKind::Package),
            items(ItemKind::Other),
            largest.join(",")
        )
    }

    fn change_json(&self, change: &Change) -> String {
        let money = |amount: Amount| amount.in_currency(self.currency).to_string();
        let at = |(at, offset): (Instant, i32)| at.at_offset(offset);
        format!(
            "{{\"id\":{},\"entry\":\"{}\",\"exit\":\"{}\",\"old\":\"{}\",\"new\":\"{}\",\"difference\":\"{}\"}}",
            change.id.as_deref().map_or_else(|| "null".to_owned(), text),
            at(change.entry),
            at(change.exit),
            money(change.old),
            money(change.new),
            money(change.difference())
        )
    }
}

impl SideReport {
    fn only(&mut self, priced: Result<Receipt<'_>, PriceError>) {
        match priced {
            Ok(receipt) => self.alone.count(receipt.total),
            Err(error) => *self.refused.entry(error.code()).or_default() += 1,
        }
    }

    fn merge(&mut self, other: Self) {
        self.compared.merge(other.compared);
        self.alone.merge(other.alone);
        for (code, stays) in other.refused {
            *self.refused.entry(code).or_default() += stays;
        }
    }
}

/// Kind, what stands before the name, and the name.
type Named<'l> = (ItemKind, &'static str, &'l str);

fn named<'l>(line: &crate::Line<'l>) -> Named<'l> {
    let rule = line.rule.unwrap_or("");
    match (line.kind, line.cap) {
        (LineKind::Flat | LineKind::Tier | LineKind::Unit, _) => (ItemKind::Rule, "", rule),
        (LineKind::Cap, None | Some(crate::CapPer::Rule)) => (ItemKind::Cap, "rule ", rule),
        (LineKind::Cap, Some(per)) => (ItemKind::Cap, "", per.as_str()),
        (LineKind::Package, _) => (ItemKind::Package, "", rule),
        (kind, _) => (ItemKind::Other, "", kind.as_str()),
    }
}

fn text(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    parking_types::append_json_string(&mut out, text);
    String::from_utf8(out).unwrap_or_default()
}
