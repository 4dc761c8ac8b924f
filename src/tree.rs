//! JSON that people write, read strictly: no unknown field, no name twice, and a path in every error.

use core::fmt;

use parking_types::{Id, Instant, Plate, Span};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// A JSON value in which no object has a name twice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, as `serde_json` keeps it.
    Number(serde_json::Number),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Tree>),
    /// An object, in the order written.
    Map(Vec<(String, Tree)>),
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The text is no JSON, or an object has a name twice.
    Json,
    /// No such field here.
    UnknownField,
    /// A field that must be there is not.
    Missing,
    /// Another type or value than is wanted, which the text names.
    Expected(&'static str),
    /// It names something that the site does not have; the text says what kind of thing.
    Unknown(&'static str),
    /// Another entry of this kind has the same id.
    Repeated,
    /// Two fields that exclude each other.
    Both(&'static str, &'static str),
    /// It contradicts something else in the site; the text says what.
    Conflict(&'static str),
    /// A tariff or calendar document is wrong, by the code of its contract.
    Tariff(&'static str),
}

impl Wrong {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Json => "bad_json",
            Self::UnknownField => "unknown_field",
            Self::Missing | Self::Expected(_) | Self::Both(..) => "bad_field",
            Self::Unknown(_) => "unknown_reference",
            Self::Repeated => "repeated",
            Self::Conflict(_) => "conflict",
            Self::Tariff(code) => code,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json => f.write_str("not JSON, or a name that stands twice in one object"),
            Self::UnknownField => f.write_str("an unknown field"),
            Self::Missing => f.write_str("a field that must be there is missing"),
            Self::Expected(what) => write!(f, "expected {what}"),
            Self::Unknown(kind) => write!(f, "there is no such entry in {kind}"),
            Self::Repeated => f.write_str("the id stands twice"),
            Self::Both(one, other) => write!(f, "{one} and {other} exclude each other"),
            Self::Conflict(what) => f.write_str(what),
            Self::Tariff(code) => write!(f, "the tariff engine refuses it: {code}"),
        }
    }
}

/// An error and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field, e.g. `lots[0].policy.flicker`; empty for the whole text.
    pub path: Box<str>,
    /// What is wrong there.
    pub wrong: Wrong,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { self.wrong.fmt(f) } else { write!(f, "{}: {}", self.path, self.wrong) }
    }
}

impl core::error::Error for Fault {}

/// Where a value stands; built on the stack and only printed for an error.
#[derive(Clone, Copy)]
pub(crate) enum Path<'p> {
    /// The whole text.
    Root,
    /// A field of what stands at the path before.
    Field(&'p Path<'p>, &'p str),
    /// An item of what stands at the path before.
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    /// The path of what another reader calls `inner`; empty is the whole.
    pub(crate) const fn within<'s: 'i, 'i>(&'s self, inner: &'i str) -> Path<'i> {
        if inner.is_empty() { *self } else { Path::Field(self, inner) }
    }

    pub(crate) fn fault(&self, wrong: Wrong) -> Fault {
        Fault { path: self.to_string().into_boxed_str(), wrong }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(before, name) => write!(f, "{before}.{name}"),
            Self::Item(before, index) => write!(f, "{before}[{index}]"),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Node<'t, 'p> {
    pub(crate) tree: &'t Tree,
    pub(crate) path: Path<'p>,
}

impl<'t, 'p> Node<'t, 'p> {
    pub(crate) const fn root(tree: &'t Tree) -> Self {
        Self { tree, path: Path::Root }
    }

    pub(crate) fn wrong(&self, wrong: Wrong) -> Fault {
        self.path.fault(wrong)
    }

    pub(crate) fn expected(&self, what: &'static str) -> Fault {
        self.wrong(Wrong::Expected(what))
    }

    pub(crate) fn text(&self) -> Result<&'t str, Fault> {
        match self.tree {
            Tree::Text(text) => Ok(text),
            _ => Err(self.expected("a string")),
        }
    }

    fn parsed<T>(&self, what: &'static str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Fault> {
        match self.tree {
            Tree::Text(text) => parse(text).ok_or_else(|| self.expected(what)),
            _ => Err(self.expected(what)),
        }
    }

    pub(crate) fn id(&self) -> Result<Id, Fault> {
        self.parsed("an id: 1 to 32 characters of 0-9 A-Z a-z _ -", |text| Id::new(text).ok())
    }

    pub(crate) fn instant(&self) -> Result<Instant, Fault> {
        self.parsed("an RFC 3339 time with an offset", |text| text.parse().ok())
    }

    pub(crate) fn span(&self) -> Result<Span, Fault> {
        self.parsed("a duration such as \"90s\", \"30m\", \"2h\", \"1d\" or \"1h30m\"", |text| {
            text.parse().ok()
        })
    }

    pub(crate) fn plate(&self) -> Result<Plate, Fault> {
        self.parsed("a plate", |text| Plate::parse(text).ok())
    }

    /// One word of a closed list.
    pub(crate) fn word<T>(&self, what: &'static str, parse: fn(&str) -> Option<T>) -> Result<T, Fault> {
        self.parsed(what, parse)
    }

    pub(crate) fn whole(&self, what: &'static str, from: i64, to: i64) -> Result<i64, Fault> {
        match self.tree {
            Tree::Number(number) => number.as_i64().filter(|n| (from..=to).contains(n)),
            _ => None,
        }
        .ok_or_else(|| self.expected(what))
    }

    /// Reads every item of an array.
    pub(crate) fn list<T>(
        &self,
        mut read: impl FnMut(Node<'t, '_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let Tree::List(items) = self.tree else { return Err(self.expected("an array")) };
        let item = |(index, tree)| read(Node { tree, path: Path::Item(&self.path, index) });
        items.iter().enumerate().map(item).collect()
    }

    /// Reads every member of an object.
    pub(crate) fn members<T>(
        &self,
        mut read: impl FnMut(&'t str, Node<'t, '_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let Tree::Map(members) = self.tree else { return Err(self.expected("an object")) };
        let member =
            |(name, tree): &'t (String, Tree)| read(name, Node { tree, path: Path::Field(&self.path, name) });
        members.iter().map(member).collect()
    }

    /// Reads an object field by field; what `read` did not ask for is an error.
    pub(crate) fn object<T>(
        &self,
        read: impl FnOnce(&mut Fields<'t, '_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let Tree::Map(members) = self.tree else { return Err(self.expected("an object")) };
        let mut fields = Fields { members, path: self.path, asked: vec![false; members.len()] };
        let value = read(&mut fields)?;
        let unknown = members.iter().zip(&fields.asked).find(|(_, asked)| !**asked);
        match unknown {
            Some(((name, _), _)) => Err(Path::Field(&self.path, name).fault(Wrong::UnknownField)),
            None => Ok(value),
        }
    }
}

/// The fields of one object.
pub(crate) struct Fields<'t, 'p> {
    members: &'t [(String, Tree)],
    pub(crate) path: Path<'p>,
    asked: Vec<bool>,
}

impl<'t> Fields<'t, '_> {
    fn find(&mut self, name: &str) -> Option<&'t Tree> {
        let at = self.members.iter().position(|(known, _)| known == name)?;
        if let Some(asked) = self.asked.get_mut(at) {
            *asked = true;
        }
        self.members.get(at).map(|(_, tree)| tree)
    }

    /// Whether the object has the field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|(known, _)| known == name)
    }

    /// Reads a field that may be absent.
    pub(crate) fn maybe<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Node<'t, '_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let tree = self.find(name);
        tree.map(|tree| read(Node { tree, path: Path::Field(&self.path, name) })).transpose()
    }

    /// Reads a field that must be there.
    pub(crate) fn must<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(Node<'t, '_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.maybe(name, read)?.ok_or_else(|| Path::Field(&self.path, name).fault(Wrong::Missing))
    }

    /// Reads an array; an absent one is empty.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        read: impl FnMut(Node<'t, '_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        Ok(self.maybe(name, |node| node.list(read))?.unwrap_or_default())
    }

    /// An error at one of the fields.
    pub(crate) fn wrong(&self, name: &str, wrong: Wrong) -> Fault {
        Path::Field(&self.path, name).fault(wrong)
    }

    /// Takes a field without looking at it.
    pub(crate) fn take(&mut self, name: &str) -> Option<&'t Tree> {
        self.find(name)
    }
}

impl Tree {
    /// Reads one JSON text.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(text).map_err(|_| Path::Root.fault(Wrong::Json))
    }

    /// The field of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.iter().find(|(known, _)| known == name).map(|(_, tree)| tree),
            _ => None,
        }
    }

    /// Appends the value as compact JSON; `sorted` orders the members of objects by name.
    pub(crate) fn write(&self, out: &mut Vec<u8>, sorted: bool) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Self::Text(text) => crate::output::string(out, text),
            Self::List(items) => {
                out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    item.write(out, sorted);
                }
                out.push(b']');
            }
            Self::Map(members) => {
                let mut order: Vec<&(String, Self)> = members.iter().collect();
                if sorted {
                    order.sort_by(|a, b| a.0.cmp(&b.0));
                }
                out.push(b'{');
                for (index, (name, value)) in order.into_iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    crate::output::string(out, name);
                    out.push(b':');
                    value.write(out, sorted);
                }
                out.push(b'}');
            }
        }
    }

    /// The value as compact JSON.
    pub(crate) fn compact(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out, false);
        out
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let tree = from.deserialize_any(TreeVisitor)?;
        Ok(tree)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }
    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
        serde_json::Number::from_f64(value).map(Tree::Number).ok_or_else(|| E::custom("no number"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Tree>()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut map: Vec<(String, Tree)> = Vec::new();
        while let Some((name, value)) = members.next_entry::<String, Tree>()? {
            map.push((name, value));
        }
        let mut names: Vec<&str> = map.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(A::Error::custom("a name stands twice"));
        }
        Ok(Tree::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Tree {
        Tree::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_stand_once() {
        assert_eq!(Tree::parse(br#"{"a":1,"b":{"c":1,"c":1}}"#).unwrap_err().wrong, Wrong::Json);
        assert_eq!(Tree::parse(b"{").unwrap_err().wrong, Wrong::Json);
    }

    #[test]
    fn an_error_names_its_path() {
        let site = tree(r#"{"lots":[{"policy":{"flicker":3}},{"x":1}]}"#);
        let read = |node: Node<'_, '_>| {
            node.object(|lot| {
                lot.maybe("policy", |policy| policy.object(|p| p.must("flicker", |n| n.span())))
            })
        };
        let fault = Node::root(&site).object(|site| site.list("lots", read)).unwrap_err();
        assert_eq!(&*fault.path, "lots[0].policy.flicker");
        let other = tree(r#"{"lots":[{"x":1}]}"#);
        let fault = Node::root(&other).object(|site| site.list("lots", read)).unwrap_err();
        assert_eq!((&*fault.path, fault.wrong), ("lots[0].x", Wrong::UnknownField));
    }

    #[test]
    fn sorted_text_does_not_depend_on_the_order_written() {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        tree(r#"{"b":[1,"x\n"],"a":{"d":null,"c":true}}"#).write(&mut a, true);
        tree(r#" {"a":{"c":true, "d":null},"b":[1,"x\n"]}"#).write(&mut b, true);
        assert_eq!(a, b);
        assert_eq!(a, br#"{"a":{"c":true,"d":null},"b":[1,"x\n"]}"#);
    }
}
