//! Takes what is wanted out of an answer: values beside the items, and the items as sightings.

use std::borrow::Cow;

use collector_core::creator::{CreatorSighting, Field as Place};
use collector_core::task::Malformed;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::path::{Path, Step};
use super::walk::{Items, NoItems, Scalar, Seen, Trie, Want};
use crate::values::{Filter, Target, apply_all, bio};

/// Malformed parts of one answer that are told one by one.
const MOST_MALFORMED: usize = 100;

/// A set of paths that are read together: in one go where that can be done, the rest from a tree.
#[derive(Debug, Clone, Default)]
struct Paths {
    trie: Trie,
    /// Where each path's value is: in the trie's slots, or in those of the tree.
    all: Vec<(Path, Want, Option<usize>)>,
}

impl Paths {
    fn add(&mut self, path: Path, want: Want) -> usize {
        let slot = path.steps().and_then(|steps| self.trie.add(steps, want));
        self.all.push((path, want, slot));
        self.all.len() - 1
    }

    fn needs_tree(&self) -> bool {
        self.all.iter().any(|(_, _, slot)| slot.is_none())
    }

    /// The values in the order of the paths.
    fn arrange<'a>(&self, mut slots: Vec<Seen<'a>>, tree: Option<&'a Value>) -> Vec<Seen<'a>> {
        let take = |(path, want, slot): &(Path, Want, Option<usize>)| match (slot, tree) {
            (Some(slot), _) => slots.get_mut(*slot).map(std::mem::take).unwrap_or_default(),
            (None, Some(tree)) => selected(path, *want, tree),
            (None, None) => Seen::Nothing,
        };
        self.all.iter().map(take).collect()
    }

    fn of_tree<'a>(&self, tree: &'a Value) -> Vec<Seen<'a>> {
        self.all.iter().map(|(path, want, _)| selected(path, *want, tree)).collect()
    }
}

/// What a path selects in a tree, as the walk would have seen it.
fn selected<'a>(path: &Path, want: Want, tree: &'a Value) -> Seen<'a> {
    let found = path.select(tree);
    match want {
        Want::Json | Want::One => {
            let first = found.iter().find(|value| !value.is_null()).or(found.first());
            first.map_or(Seen::Nothing, |value| match (want, value) {
                (_, Value::Null) => Seen::Null,
                (Want::Json, value) => Seen::Json((*value).clone()),
                (_, value) => scalar(value),
            })
        }
        Want::Many if found.is_empty() => Seen::Nothing,
        Want::Many => {
            let each = |value: &&'a Value| match value {
                Value::Array(list) => list.iter().collect::<Vec<_>>(),
                value => vec![*value],
            };
            let scalars = found.iter().flat_map(each).filter_map(|value| match scalar(value) {
                Seen::Scalar(scalar) => Some(scalar),
                _ => None,
            });
            Seen::List(scalars.collect())
        }
    }
}

fn scalar(value: &Value) -> Seen<'_> {
    match value {
        Value::Null => Seen::Null,
        Value::Bool(flag) => Seen::Scalar(Scalar::Flag(*flag)),
        Value::String(text) => Seen::Scalar(Scalar::Text(Cow::Borrowed(text))),
        Value::Number(number) => Seen::Scalar(match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => Scalar::Unsigned(number),
            (None, Some(number)) => Scalar::Signed(number),
            (None, None) => Scalar::Float(number.as_f64().unwrap_or_default()),
        }),
        Value::Array(_) => Seen::Odd("a list"),
        Value::Object(_) => Seen::Odd("an object"),
    }
}

impl Scalar<'_> {
    /// The text of it; of a fraction none.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Unsigned(number) => Some(number.to_string().into()),
            Self::Signed(number) => Some(number.to_string().into()),
            Self::Flag(flag) => Some(flag.to_string().into()),
            Self::Float(number) if number.fract() == 0.0 => Some(number.to_string().into()),
            Self::Float(_) => None,
        }
    }

    /// The number, also written as text.
    pub(super) fn number(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            // Up to 2^53 every whole number is exact.
            Self::Float(number)
                if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(number) =>
            {
                Some(*number as u64)
            }
            _ => None,
        }
    }

    /// Whether it says yes: neither `false` nor 0 nor an empty text.
    pub(super) fn is_set(&self) -> bool {
        match self {
            Self::Flag(flag) => *flag,
            Self::Unsigned(number) => *number != 0,
            Self::Signed(_) => true,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !matches!(&**text, "" | "0" | "false" | "False" | "no"),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Flag(flag) => Value::from(*flag),
            Self::Unsigned(number) => Value::from(*number),
            Self::Signed(number) => Value::from(*number),
            Self::Float(number) => Value::from(*number),
            Self::Text(text) => Value::from(text.as_ref()),
        }
    }

    fn into_owned(self) -> Scalar<'static> {
        match self {
            Self::Flag(flag) => Scalar::Flag(flag),
            Self::Unsigned(number) => Scalar::Unsigned(number),
            Self::Signed(number) => Scalar::Signed(number),
            Self::Float(number) => Scalar::Float(number),
            Self::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
        }
    }
}

impl Seen<'_> {
    /// The single value.
    pub(super) fn scalar(&self) -> Option<&Scalar<'_>> {
        match self {
            Self::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    fn into_owned(self) -> Seen<'static> {
        match self {
            Self::Nothing => Seen::Nothing,
            Self::Null => Seen::Null,
            Self::Scalar(scalar) => Seen::Scalar(scalar.into_owned()),
            Self::List(list) => Seen::List(list.into_iter().map(Scalar::into_owned).collect()),
            Self::Json(value) => Seen::Json(value),
            Self::Odd(what) => Seen::Odd(what),
        }
    }
}

/// A field of a creator: where it comes from, and how it becomes what it is.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) target: Target,
    pub(super) filters: Vec<Filter>,
    pub(super) path: Path,
    /// The key in the file.
    pub(super) key: String,
    pub(super) required: bool,
}

impl Field {
    /// What has to be taken for it.
    pub(super) fn want(&self) -> Want {
        let list = matches!(self.target, Target::Field(Place::Links | Place::Categories));
        let whole = self.filters.iter().any(|filter| {
            matches!(
                filter,
                Filter::First | Filter::Length | Filter::Present | Filter::EmptyIsUnknown | Filter::Json
            )
        });
        let each = self.path.steps().is_none_or(|steps| steps.contains(&Step::Each));
        match &self.target {
            Target::Extra(_) if self.filters.is_empty() => Want::Json,
            _ if list && (self.filters.is_empty() || each) => Want::Many,
            _ if whole || list => Want::Json,
            _ => Want::One,
        }
    }

    /// Puts what was seen where it belongs; tells whether there was anything.
    fn set(&self, seen: Seen<'_>, item: &mut CreatorSighting) -> Result<bool, String> {
        let value = match seen {
            Seen::Nothing | Seen::Null => return Ok(false),
            Seen::Odd(found) => {
                return Err(format!("`{}` leads to {found}, where one value is wanted", self.path));
            }
            Seen::Scalar(scalar) => match self.set_plain(scalar, item) {
                Ok(set) => return Ok(set),
                Err(scalar) => scalar.to_json(),
            },
            Seen::List(list) => list.iter().map(Scalar::to_json).collect(),
            Seen::Json(value) => value,
        };
        let value = apply_all(&self.filters, value).map_err(|unfit| unfit.to_string())?;
        self.target.set(item, &value)?;
        Ok(!value.is_null())
    }

    /// The short way for nearly all values: they are of the right kind already. Gives the others back.
    fn set_plain<'a>(&self, scalar: Scalar<'a>, item: &mut CreatorSighting) -> Result<bool, Scalar<'a>> {
        let Target::Field(place) = &self.target else { return Err(scalar) };
        match (scalar, self.filters.as_slice()) {
            (Scalar::Text(text), [] | [Filter::Text]) if text.len() <= SHORT => {
                let Some(place) = text_place(*place, item) else { return Err(Scalar::Text(text)) };
                *place = Some(text.into());
                Ok(true)
            }
            (Scalar::Unsigned(0), [.., Filter::ZeroIsUnknown]) => Ok(false),
            (Scalar::Unsigned(number), [] | [Filter::Int | Filter::Count | Filter::ZeroIsUnknown])
            | (Scalar::Unsigned(number), [Filter::Int | Filter::Count, Filter::ZeroIsUnknown]) => {
                let Some(place) = number_place(*place, item) else { return Err(Scalar::Unsigned(number)) };
                *place = Some(number);
                Ok(true)
            }
            (Scalar::Flag(flag), [] | [Filter::Flag]) => {
                let Some(place) = flag_place(*place, item) else { return Err(Scalar::Flag(flag)) };
                *place = Some(flag);
                Ok(true)
            }
            (scalar, _) => Err(scalar),
        }
    }
}

/// Longer texts go the long way, where they are cut.
const SHORT: usize = 1_000;

fn text_place(place: Place, item: &mut CreatorSighting) -> Option<&mut Option<Box<str>>> {
    Some(match place {
        Place::Uid => &mut item.uid,
        Place::SecUid => &mut item.sec_uid,
        Place::Handle => &mut item.handle,
        Place::Name => &mut item.name,
        Place::Bio => &mut item.bio,
        Place::Language => &mut item.language,
        Place::Country => &mut item.country,
        Place::AccountType => &mut item.account_type,
        Place::Avatar => &mut item.avatar,
        _ => return None,
    })
}

fn number_place(place: Place, item: &mut CreatorSighting) -> Option<&mut Option<u64>> {
    Some(match place {
        Place::Followers => &mut item.followers,
        Place::Following => &mut item.following,
        Place::Likes => &mut item.likes,
        Place::Videos => &mut item.videos,
        _ => return None,
    })
}

fn flag_place(place: Place, item: &mut CreatorSighting) -> Option<&mut Option<bool>> {
    Some(match place {
        Place::Verified => &mut item.verified,
        Place::Private => &mut item.private,
        Place::HasShop => &mut item.has_shop,
        Place::HasEmail => &mut item.has_email,
        _ => return None,
    })
}

/// Reads items.
#[derive(Debug, Clone)]
pub(super) struct ItemReader {
    paths: Paths,
    pub(super) fields: Vec<Field>,
    matched: Option<usize>,
    aspect: Cow<'static, str>,
    keep_email: bool,
}

/// An item that was understood.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) item: CreatorSighting,
    /// The subject it answers, in a batch.
    pub(super) matched: Option<String>,
}

/// What an answer's items were.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Elements, the unusable ones included.
    pub(super) count: usize,
    pub(super) malformed: Vec<Malformed>,
}

impl ItemReader {
    pub(super) fn new(
        aspect: Cow<'static, str>,
        fields: Vec<Field>,
        matched: Option<Path>,
        keep_email: bool,
    ) -> Self {
        let mut paths = Paths::default();
        for field in &fields {
            paths.add(field.path.clone(), field.want());
        }
        let matched = matched.map(|path| paths.add(path, Want::One));
        Self { paths, fields, matched, aspect, keep_email }
    }

    /// Reads one item.
    fn read<'de, D: Deserializer<'de>>(&self, item: D, rows: &mut Rows, at: &Path) -> Result<(), D::Error> {
        if self.paths.needs_tree() {
            let tree = Value::deserialize(item)?;
            self.read_tree(&tree, rows, at);
        } else {
            let mut slots = self.paths.trie.slots();
            self.paths.trie.read(item, &mut slots, &mut NoItems)?;
            self.take(self.paths.arrange(slots, None), rows, at);
        }
        Ok(())
    }

    fn read_tree(&self, tree: &Value, rows: &mut Rows, at: &Path) {
        self.take(self.paths.of_tree(tree), rows, at);
    }

    /// Makes a row of what was seen.
    fn take(&self, mut seen: Vec<Seen<'_>>, rows: &mut Rows, at: &Path) {
        let place = rows.count;
        rows.count += 1;
        let matched = self.matched.and_then(|slot| seen.get(slot)?.scalar()?.text().map(Cow::into_owned));
        let mut item = CreatorSighting { aspect: self.aspect.clone(), ..CreatorSighting::default() };
        let before = rows.malformed.len();
        for (field, seen) in self.fields.iter().zip(&mut seen) {
            let there = seen.is_there();
            let reason = match field.set(std::mem::take(seen), &mut item) {
                Ok(true) => continue,
                Ok(false) if !field.required => continue,
                Ok(false) if there => format!("`{}` has nothing, and is required", field.path),
                Ok(false) => format!("`{}` matches nothing, and is required", field.path),
                Err(reason) => reason,
            };
            if field.required || identifies(&field.target) {
                rows.malformed.truncate(before);
                return rows.refuse(at, place, &field.key, reason);
            }
            rows.refuse(at, place, &field.key, reason);
        }
        if item.uid.is_none() && item.sec_uid.is_none() && item.handle.is_none() && !self.is_about_subject() {
            rows.malformed.truncate(before);
            return rows.refuse(
                at,
                place,
                "",
                "it has no identity: no `uid`, `sec_uid` or `handle`".to_owned(),
            );
        }
        self.keep_private(&mut item);
        rows.rows.push(Row { item, matched });
    }

    /// Whether the answer says nothing of who it is about: then it is whoever was asked for.
    fn is_about_subject(&self) -> bool {
        !self.fields.iter().any(|field| identifies(&field.target))
    }

    /// Takes e-mail addresses out, unless they are to be kept.
    fn keep_private(&self, item: &mut CreatorSighting) {
        if let Some(email) = item.email.take() {
            item.has_email = Some(true);
            item.email = self.keep_email.then_some(email);
        }
        for (is_bio, text) in [(false, &mut item.name), (true, &mut item.bio)] {
            let Some(written) = text.as_deref().filter(|text| text.contains(['@', '＠'])) else { continue };
            let masked = bio::mask(written, self.keep_email);
            if !masked.has_email {
                continue;
            }
            if is_bio {
                item.has_email = Some(true);
                if item.email.is_none() {
                    item.email = masked.email.map(Into::into);
                }
            }
            *text = Some(masked.text.into());
        }
    }
}

fn identifies(target: &Target) -> bool {
    matches!(target, Target::Field(Place::Uid | Place::SecUid | Place::Handle))
}

impl Rows {
    fn refuse(&mut self, at: &Path, place: usize, key: &str, reason: String) {
        if self.malformed.len() < MOST_MALFORMED {
            let part = if key.is_empty() { at.at(place) } else { format!("{} ({key})", at.at(place)) };
            self.malformed.push(Malformed { part, reason });
        }
    }
}

/// How items are found.
#[derive(Debug, Clone)]
enum Way {
    /// There are none.
    None,
    /// Each where the walk passes.
    Marked,
    /// The one item's values are read beside the others; from this path on.
    Joined(usize),
    /// From the tree.
    Tree,
}

/// Reads answers of one kind.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    paths: Paths,
    items: Option<(Path, ItemReader)>,
    way: Way,
    /// Whether the place where items are is there at all.
    presence: Option<usize>,
}

/// What an answer says.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) seen: Vec<Seen<'static>>,
    pub(super) rows: Rows,
    /// Whether items could have been there: `None` when their place is missing.
    pub(super) items: Option<bool>,
}

/// Collects the paths beside the items.
#[derive(Debug, Default)]
pub(super) struct ReaderBuilder(Paths);

impl ReaderBuilder {
    /// Adds a path; its value will be at this place.
    pub(super) fn add(&mut self, path: &Path) -> usize {
        self.0.add(path.clone(), Want::One)
    }

    /// The reader, which finds items at the end of a path.
    pub(super) fn build(mut self, items: Option<(Path, ItemReader)>) -> Reader {
        let Some((path, item)) = items else {
            return Reader { paths: self.0, items: None, way: Way::None, presence: None };
        };
        let own = self.0.all.len();
        let Some(steps) = path.steps().map(<[Step]>::to_vec) else {
            return Reader { paths: self.0, items: Some((path, item)), way: Way::Tree, presence: None };
        };
        let each = steps.iter().position(|step| *step == Step::Each);
        let before = steps.get(..each.unwrap_or(steps.len())).unwrap_or_default();
        let place = Path::parse(&written(before)).ok();
        let presence = place.map(|path| self.0.add(path, Want::One));
        let way = if each.is_some() {
            let joined = self.0.trie.mark_items(&steps);
            if joined && !self.0.needs_tree() { Way::Marked } else { Way::Tree }
        } else {
            let start = self.0.all.len();
            let mut with = self.0.clone();
            for (inner, want, _) in &item.paths.all {
                let whole = format!("{}{}", path, inner.to_string().trim_start_matches('$'));
                if let Ok(whole) = Path::parse(&whole) {
                    with.add(whole, *want);
                }
            }
            if with.needs_tree() || with.all.len() != start + item.paths.all.len() {
                Way::Tree
            } else {
                self.0 = with;
                Way::Joined(start)
            }
        };
        debug_assert!(self.0.all.len() >= own);
        Reader { paths: self.0, items: Some((path, item)), way, presence }
    }
}

/// Plain steps as a path.
fn written(steps: &[Step]) -> String {
    let mut text = "$".to_owned();
    for step in steps {
        match step {
            Step::Member(name) => text.push_str(&format!("['{name}']")),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Each => text.push_str("[*]"),
        }
    }
    text
}

/// Hands items to their reader.
struct Sink<'r> {
    reader: &'r ItemReader,
    path: &'r Path,
    rows: &'r mut Rows,
}

impl<'de> Items<'de> for Sink<'_> {
    fn item<D: Deserializer<'de>>(&mut self, item: D) -> Result<(), D::Error> {
        self.reader.read(item, self.rows, self.path)
    }
}

impl Reader {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is no JSON.
    pub(super) fn read(&self, body: &[u8]) -> Result<Document, serde_json::Error> {
        let mut rows = Rows::default();
        let mut json = serde_json::Deserializer::from_slice(body);
        let seen: Vec<Seen<'static>> = match (&self.way, &self.items) {
            (Way::Tree, _) | (Way::None, _) if self.paths.needs_tree() || matches!(self.way, Way::Tree) => {
                let tree = Value::deserialize(&mut json)?;
                if let Some((path, item)) = &self.items {
                    let one = path.steps().is_some_and(|steps| !steps.contains(&Step::Each));
                    // One that is `null` is nobody; in a list it is an element that cannot be used.
                    let found = path.select(&tree).into_iter().filter(|found| !(one && found.is_null()));
                    found.for_each(|found| item.read_tree(found, &mut rows, path));
                }
                own(self.paths.of_tree(&tree))
            }
            (Way::Marked, Some((path, reader))) => {
                let mut slots = self.paths.trie.slots();
                let mut sink = Sink { reader, path, rows: &mut rows };
                self.paths.trie.read(&mut json, &mut slots, &mut sink)?;
                own(self.paths.arrange(slots, None))
            }
            (Way::Joined(start), Some((path, reader))) => {
                let mut slots = self.paths.trie.slots();
                self.paths.trie.read(&mut json, &mut slots, &mut NoItems)?;
                let mut seen = self.paths.arrange(slots, None);
                let item = seen.split_off(*start);
                match self.presence.and_then(|at| seen.get(at)) {
                    Some(Seen::Odd("an object")) => reader.take(item, &mut rows, path),
                    Some(Seen::Null | Seen::Nothing) | None => {}
                    Some(_) => {
                        rows.count = 1;
                        rows.refuse(
                            path,
                            0,
                            "",
                            "it is no object; of a list, write `[*]` at the path's end".to_owned(),
                        );
                    }
                }
                own(seen)
            }
            _ => {
                let mut slots = self.paths.trie.slots();
                self.paths.trie.read(&mut json, &mut slots, &mut NoItems)?;
                own(self.paths.arrange(slots, None))
            }
        };
        json.end()?;
        let items = match (&self.way, self.presence.and_then(|at| seen.get(at))) {
            (_, Some(Seen::Nothing)) => None,
            (Way::Joined(_), Some(Seen::Null)) => Some(false),
            _ => Some(true),
        };
        Ok(Document { seen, rows, items })
    }

    /// The paths of items and of their fields, for those who look for paths that match nothing.
    pub(super) fn items(&self) -> Option<&(Path, ItemReader)> {
        self.items.as_ref()
    }
}

/// Values that outlive the answer's bytes: there are few beside the items.
fn own(seen: Vec<Seen<'_>>) -> Vec<Seen<'static>> {
    seen.into_iter().map(Seen::into_owned).collect()
}
