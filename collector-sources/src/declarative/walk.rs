//! Reads an answer once, from front to back, and takes out what plain paths lead to. No tree is built, and what no path
//! leads to is skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::path::Step;

/// The most elements that are kept of one list.
const MOST_ELEMENTS: usize = 1_000;

/// A single value as JSON has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    Flag(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'a, str>),
}

/// What stands where a path leads.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Seen<'a> {
    /// The path leads nowhere.
    #[default]
    Nothing,
    Null,
    Scalar(Scalar<'a>),
    List(Vec<Scalar<'a>>),
    Json(Value),
    /// Something of another kind than asked for.
    Odd(&'static str),
}

impl Seen<'_> {
    /// Whether the path led to something, even if that is `null`.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// Whether a value of a later place of the same path is to be taken instead.
    fn is_open(&self) -> bool {
        matches!(self, Self::Nothing | Self::Null)
    }
}

/// What is wanted at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// One value: the first one that is not `null`.
    One,
    /// All values, those of a list one by one.
    Many,
    /// Whatever it is.
    Json,
}

/// Paths, joined where they begin alike.
#[derive(Debug, Clone)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    slots: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    members: Vec<(Box<str>, usize)>,
    indexes: Vec<(usize, usize)>,
    each: Option<usize>,
    slots: Vec<(usize, Want)>,
    /// Whether what stands here is an item.
    item: bool,
}

impl Node {
    fn is_leaf(&self) -> bool {
        self.members.is_empty() && self.indexes.is_empty() && self.each.is_none()
    }

    fn child(&self, step: &Step) -> Option<usize> {
        match step {
            Step::Member(name) => {
                self.members.iter().find(|(known, _)| known == name).map(|(_, child)| *child)
            }
            Step::Index(index) => {
                self.indexes.iter().find(|(known, _)| known == index).map(|(_, child)| *child)
            }
            Step::Each => self.each,
        }
    }

    /// Whether both a name or number and "each" are asked for here: one reading cannot serve both.
    fn is_torn(&self) -> bool {
        let other = !self.members.is_empty() || !self.indexes.is_empty();
        let wants = |want| self.slots.iter().any(|(_, wanted)| *wanted == want);
        let list = !self.indexes.is_empty() || self.each.is_some();
        (self.each.is_some() && other)
            || (self.item && !(self.is_leaf() && self.slots.is_empty()))
            || (wants(Want::Json) && !(self.is_leaf() && self.slots.len() == 1))
            || (wants(Want::Many) && list)
    }
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], slots: 0 }
    }
}

impl Trie {
    /// Adds a path; `None` when it cannot be read together with those that are there.
    pub(super) fn add(&mut self, steps: &[Step], want: Want) -> Option<usize> {
        let slot = self.slots;
        let mut with = self.clone();
        let end = with.grow(steps);
        with.nodes[end].slots.push((slot, want));
        with.slots += 1;
        *self = with.whole()?;
        Some(slot)
    }

    /// Says that items stand at the end of a path; tells whether that can be read together with the rest.
    pub(super) fn mark_items(&mut self, steps: &[Step]) -> bool {
        let mut with = self.clone();
        let end = with.grow(steps);
        with.nodes[end].item = true;
        match with.whole() {
            Some(with) => {
                *self = with;
                true
            }
            None => false,
        }
    }

    fn whole(self) -> Option<Self> {
        let torn = self.nodes.iter().any(Node::is_torn);
        (!torn).then_some(self)
    }

    fn grow(&mut self, steps: &[Step]) -> usize {
        steps.iter().fold(0, |at, step| match self.nodes[at].child(step) {
            Some(child) => child,
            None => {
                let child = self.nodes.len();
                self.nodes.push(Node::default());
                let node = &mut self.nodes[at];
                match step {
                    Step::Member(name) => node.members.push((name.clone(), child)),
                    Step::Index(index) => node.indexes.push((*index, child)),
                    Step::Each => node.each = Some(child),
                }
                child
            }
        })
    }

    /// A place for each path's value.
    pub(super) fn slots<'a>(&self) -> Vec<Seen<'a>> {
        vec![Seen::Nothing; self.slots]
    }

    /// Reads a document: values go to `slots`, items to `items`.
    pub(super) fn read<'de, D: Deserializer<'de>, I: Items<'de>>(
        &self,
        document: D,
        slots: &mut [Seen<'de>],
        items: &mut I,
    ) -> Result<(), D::Error> {
        self.seed(slots, items).deserialize(document)
    }

    /// The same, for a reader that takes a seed.
    pub(super) fn seed<'s, 'de, I: Items<'de>>(
        &'s self,
        slots: &'s mut [Seen<'de>],
        items: &'s mut I,
    ) -> impl DeserializeSeed<'de, Value = ()> {
        At { trie: self, node: 0, slots, items }
    }
}

/// Takes the items of a document as they come.
pub(super) trait Items<'de> {
    /// Takes one.
    fn item<D: Deserializer<'de>>(&mut self, item: D) -> Result<(), D::Error>;
}

/// There are no items.
pub(super) struct NoItems;

impl<'de> Items<'de> for NoItems {
    fn item<D: Deserializer<'de>>(&mut self, item: D) -> Result<(), D::Error> {
        IgnoredAny::deserialize(item).map(drop)
    }
}

struct At<'t, 's, 'de, I> {
    trie: &'t Trie,
    node: usize,
    slots: &'s mut [Seen<'de>],
    items: &'s mut I,
}

impl<'t, 'de, I: Items<'de>> At<'t, '_, 'de, I> {
    fn node(&self) -> &'t Node {
        &self.trie.nodes[self.node]
    }

    fn child(&mut self, node: usize) -> At<'t, '_, 'de, I> {
        At { trie: self.trie, node, slots: self.slots, items: self.items }
    }

    /// Notes what stands here for those who want one value, or each of many.
    fn put(&mut self, seen: impl Fn() -> Seen<'de>) {
        for (slot, want) in &self.trie.nodes[self.node].slots {
            let Some(place) = self.slots.get_mut(*slot) else { continue };
            match (want, seen(), place) {
                (Want::Many, Seen::Scalar(scalar), Seen::List(list)) if list.len() < MOST_ELEMENTS => {
                    list.push(scalar);
                }
                (Want::Many, _, Seen::List(_)) => {}
                (Want::Many, Seen::Scalar(scalar), place) => *place = Seen::List(vec![scalar]),
                (_, seen, place) if place.is_open() => *place = seen,
                _ => {}
            }
        }
    }

    fn put_scalar(mut self, scalar: Scalar<'de>) {
        // Nearly always one path leads here: its value is moved, not copied.
        if let [(slot, Want::One)] = self.node().slots[..] {
            match self.slots.get_mut(slot) {
                Some(place) if place.is_open() => *place = Seen::Scalar(scalar),
                _ => {}
            }
        } else {
            self.put(|| Seen::Scalar(scalar.clone()));
        }
    }
}

impl<'de, I: Items<'de>> DeserializeSeed<'de> for At<'_, '_, 'de, I> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, value: D) -> Result<(), D::Error> {
        let node = self.node();
        if node.item {
            return self.items.item(value);
        }
        if let [(_, Want::Json)] = node.slots[..] {
            let value = Value::deserialize(value)?;
            self.put(|| if value.is_null() { Seen::Null } else { Seen::Json(value.clone()) });
            return Ok(());
        }
        value.deserialize_any(self)
    }
}

impl<'de, I: Items<'de>> Visitor<'de> for At<'_, '_, 'de, I> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.put(|| Seen::Null);
        Ok(())
    }
    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.put_scalar(Scalar::Flag(flag));
        Ok(())
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.put_scalar(Scalar::Unsigned(number));
        Ok(())
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.put_scalar(u64::try_from(number).map_or(Scalar::Signed(number), Scalar::Unsigned));
        Ok(())
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.put_scalar(Scalar::Float(number));
        Ok(())
    }
    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.put_scalar(Scalar::Text(Cow::Borrowed(text)));
        Ok(())
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.visit_string(text.to_owned())
    }
    fn visit_string<E: Error>(self, text: String) -> Result<(), E> {
        self.put_scalar(Scalar::Text(Cow::Owned(text)));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let node = self.node();
        self.put(|| Seen::Odd("an object"));
        if let Some(each) = node.each {
            while map.next_key::<IgnoredAny>()?.is_some() {
                map.next_value_seed(self.child(each))?;
            }
            return Ok(());
        }
        if node.members.is_empty() {
            return IgnoredAny.visit_map(map).map(drop);
        }
        let mut next = 0;
        while let Some(member) = map.next_key_seed(Key { node, next })? {
            match member {
                Some(at) => {
                    next = at + 1;
                    map.next_value_seed(self.child(node.members[at].1))?;
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let node = self.node();
        if let Some(each) = node.each {
            self.put(|| Seen::Odd("a list"));
            while list.next_element_seed(self.child(each))?.is_some() {}
            return Ok(());
        }
        if node.slots.iter().any(|(_, want)| *want == Want::Many) {
            self.start_lists();
            while let Some(element) = list.next_element::<Element<'de>>()? {
                if let Some(scalar) = element.0 {
                    self.put_element(&scalar);
                }
            }
            return Ok(());
        }
        self.put(|| Seen::Odd("a list"));
        let mut number = 0;
        loop {
            let wanted = node.indexes.iter().find(|(index, _)| *index == number).map(|(_, child)| *child);
            let more = match wanted {
                Some(child) => list.next_element_seed(self.child(child))?.is_some(),
                None => list.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                return Ok(());
            }
            number += 1;
        }
    }
}

impl<'de, I: Items<'de>> At<'_, '_, 'de, I> {
    /// An empty list is a list.
    fn start_lists(&mut self) {
        for (slot, want) in &self.trie.nodes[self.node].slots {
            if let Some(place) = self.slots.get_mut(*slot).filter(|place| place.is_open()) {
                *place = if *want == Want::Many { Seen::List(Vec::new()) } else { Seen::Odd("a list") };
            }
        }
    }

    fn put_element(&mut self, scalar: &Scalar<'de>) {
        for (slot, _) in &self.trie.nodes[self.node].slots {
            if let Some(Seen::List(list)) = self.slots.get_mut(*slot)
                && list.len() < MOST_ELEMENTS
            {
                list.push(scalar.clone());
            }
        }
    }
}

/// A single value of a list; anything else is passed over.
struct Element<'a>(Option<Scalar<'a>>);

impl<'de> Deserialize<'de> for Element<'de> {
    fn deserialize<D: Deserializer<'de>>(element: D) -> Result<Self, D::Error> {
        let mut slots = [Seen::Nothing];
        let trie = Trie { nodes: vec![Node { slots: vec![(0, Want::One)], ..Node::default() }], slots: 1 };
        trie.read(element, &mut slots, &mut NoItems)?;
        let [seen] = slots;
        Ok(Self(match seen {
            Seen::Scalar(scalar) => Some(scalar),
            _ => None,
        }))
    }
}

/// Which member a key names; looks first where the last object had it, since objects of one list are alike.
struct Key<'t> {
    node: &'t Node,
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Option<usize>, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Option<usize>, E> {
        let members = &self.node.members;
        if members.get(self.next).is_some_and(|(name, _)| **name == *key) {
            return Ok(Some(self.next));
        }
        Ok(members.iter().position(|(name, _)| **name == *key))
    }
}

#[cfg(test)]
mod tests {
    use collector_core::fingerprint::{self, Volatile};
    use serde_json::json;

    use super::super::path::Path;
    use super::*;

    /// Every item, as JSON.
    struct Kept(Vec<Value>);

    impl<'de> Items<'de> for Kept {
        fn item<D: Deserializer<'de>>(&mut self, item: D) -> Result<(), D::Error> {
            self.0.push(Value::deserialize(item)?);
            Ok(())
        }
    }

    fn trie(paths: &[(&str, Want)]) -> Trie {
        let mut trie = Trie::default();
        for (path, want) in paths {
            let path = Path::parse(path).unwrap();
            trie.add(path.steps().unwrap(), *want)
                .unwrap_or_else(|| panic!("{path} does not go with the others"));
        }
        trie
    }

    fn read(paths: &[(&str, Want)], json: &str) -> Vec<String> {
        let (trie, volatile) = (trie(paths), Volatile::new(&["q", "b"]));
        let mut slots = trie.slots();
        let ((), print) =
            fingerprint::read_seed(json.as_bytes(), &volatile, trie.seed(&mut slots, &mut NoItems)).unwrap();
        let expected = fingerprint::json(json.as_bytes(), &volatile);
        assert_eq!(Some(print), expected, "the fingerprint does not depend on what is looked for: {json}");
        slots.iter().map(|seen| format!("{seen:?}")).collect()
    }

    #[test]
    fn values_are_found_wherever_they_stand() {
        let paths = [
            ("$.a.b", Want::One),
            ("$.a.c[1]", Want::One),
            ("$.tags", Want::Many),
            ("$.links[*].url", Want::Many),
            ("$.any", Want::Json),
            ("$.none", Want::One),
        ];
        let json = r#"{"z":[{"deep":[1]}],"any":{"x":[1,null]},"a":{"c":[1,"t\n"],"b":null},
            "tags":["x",null,{"q":1},2],"links":[{"url":"u"},{},{"url":"v"}]}"#;
        assert_eq!(
            read(&paths, json),
            [
                "Null",
                "Scalar(Text(\"t\\n\"))",
                "List([Text(\"x\"), Unsigned(2)])",
                "List([Text(\"u\"), Text(\"v\")])",
                "Json(Object {\"x\": Array [Number(1), Null]})",
                "Nothing",
            ]
        );
    }

    #[test]
    fn members_that_are_taken_whatever_their_name_count_with_it() {
        let json = r#"{"a":{"x":{"n":1},"y":{"n":2},"wide":18446744073709551616}}"#;
        assert_eq!(read(&[("$.a[*].n", Want::Many)], json), ["List([Unsigned(1), Unsigned(2)])"]);
    }

    #[test]
    fn of_several_places_the_first_with_a_value_counts() {
        assert_eq!(
            read(&[("$.a[*].b", Want::One)], r#"{"a":[{},{"b":null},{"b":2},{"b":3}]}"#),
            ["Scalar(Unsigned(2))"]
        );
    }

    #[test]
    fn a_value_of_another_kind_is_said_to_be_one() {
        let paths = [("$.a", Want::One), ("$.b", Want::One), ("$.c", Want::Many)];
        assert_eq!(
            read(&paths, r#"{"a":{"x":1},"b":[1],"c":{"y":1}}"#),
            ["Odd(\"an object\")", "Odd(\"a list\")", "Odd(\"an object\")"]
        );
        assert_eq!(read(&paths, "7"), ["Nothing", "Nothing", "Nothing"]);
    }

    #[test]
    fn a_path_and_one_that_goes_on_from_it_are_both_followed() {
        assert_eq!(
            read(&[("$.a", Want::One), ("$.a.b", Want::One)], r#"{"a":{"b":1}}"#),
            ["Odd(\"an object\")", "Scalar(Unsigned(1))"]
        );
    }

    #[test]
    fn items_come_beside_values() {
        let mut trie = trie(&[("$.next", Want::One)]);
        assert!(trie.mark_items(Path::parse("$.rows[*]").unwrap().steps().unwrap()));
        let (mut slots, mut kept) = (trie.slots(), Kept(Vec::new()));
        let json = json!({"rows": [{"a": 1}, 7], "next": "c"}).to_string();
        trie.read(&mut serde_json::Deserializer::from_str(&json), &mut slots, &mut kept).unwrap();
        assert_eq!(kept.0, [json!({"a": 1}), json!(7)]);
        assert_eq!(slots, [Seen::Scalar(Scalar::Text("c".into()))]);
    }

    #[test]
    fn what_cannot_be_read_in_one_go_is_refused() {
        let mut trie = trie(&[("$.a[*].b", Want::One)]);
        assert_eq!(trie.add(&[Step::Member("a".into()), Step::Index(0)], Want::One), None);
        assert!(!trie.mark_items(&[Step::Member("a".into())]));
        assert!(!trie.mark_items(&[]));
        assert_eq!(trie.add(&[Step::Member("a".into())], Want::Json), None);
    }
}
