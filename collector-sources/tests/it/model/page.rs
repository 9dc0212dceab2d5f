//! The page of the model: the table of fields, what is made of others, and where each source has each field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use collector_core::clock::Timestamp;
use collector_core::creator::{Creator, Creators, Field, FieldType, PostStats};
use collector_core::domain::Day;
use collector_core::id::RecordKey;
use collector_core::search::{Document, SearchField};
use collector_core::sink::{Facts, Record};
use serde_json::{Value, json};

use super::mapping::mapping;
use super::samples::{SOURCES, recorded};

/// What the page is made with fails with.
pub(crate) type Failure = Box<dyn std::error::Error>;

const HEAD: &str = "\
# The model of a creator

One table in the code (`collector_core::creator::Field`) says what a creator has; this page is written from it, and from the
sources themselves: `cargo run -p collector-sources --features full --example model_reference`. Where a source has a field is
found by reading sample answers again with each value changed in turn, so it is what the code does.

## How a value is chosen

Every source says what it knows; nothing that was said is thrown away, and each field is chosen by itself:

1. A newer answer of the same source about the same side of somebody (profile, row of a list, author of a post …) takes the
   place of the older one. A field that it leaves out is not stated any more. \"Not known\", such as a vendor's zero, is no
   value.
2. A value that is older than the field's *maximum age*, counted from the newest thing anybody said about the creator, gives
   way to any younger one.
3. Among those that are not too old, the declared *precedence* of the sources decides: `Creators::precedence` for all
   fields, `Creators::field_precedence` for one. The command declares none: it believes all sources alike.
4. Among sources alike, where the table says *profile*, a profile's value comes before one that stood in a list or beside a
   post. Else, and among several of these, the youngest value is taken.
5. A handle belongs to whoever showed it last; the former owner loses it and is asked about by number.

`collector show HANDLE --explain` says of each value who said it and when, who says the same, who says something else, and
what growth is computed from.
";

const FIELDS: &str = "\
## Fields

*Search* names the fields of the index that hold it; `collector search --help` says how they are asked.

| field | type | unit | means | maximum age | first | search |
| --- | --- | --- | --- | --- | --- | --- |
";

const MADE: &str = "\
### Figures over posts

Over the latest 12 posts that are not pinned, whoever showed them. Each average is over the posts of which the figure is known.

| figure | search |
| --- | --- |
";

const GROWTH: &str = "\
### Growth

A store keeps one row of followers, following, likes and videos a day. What a source tells of earlier days fills in days
that have none. Growth is (latest - earlier) / earlier, a share; `earlier` is the latest figure from the span of days below,
counted back from the day of the latest figure. Without one, or when it is 0, growth is not known.

| fact | compared with the latest figure from | search |
| --- | --- | --- |
";

const BESIDE: &str = "\
### Beside the fields

| what | means | search |
| --- | --- | --- |
";

const SOURCES_HEAD: &str = "\
## Where each source has it

Every kind of call that a source makes is here. Paths are those of the answer: `[]` stands for any element of a list, and
`{subject}` for what was asked for. Where all fields of a kind of call stand below one path, it is written once. *Else* is read
where the first is missing. The answers hold everything that is read in such a place: a vendor may leave it out, or send zeros
that say nothing. `keep_email` is on here; it is off unless switched on, and then there is no `email`. What stands in `extra.*`
is what the model does not have, by the source's own names.

A source that a file describes has the fields that its file names, so the file is its table: see [http-source.md](http-source.md),
and `fields` of a web site's description.
";

/// The whole page.
///
/// # Errors
/// When a recorded answer is missing or cannot be read.
pub(crate) fn page() -> Result<String, Failure> {
    let mut page = [HEAD, "\n", FIELDS].concat();
    for field in Field::ALL {
        let info = field.info();
        let first = if field.is_best_in_profiles() { "profile" } else { "" };
        let (name, value, age) = (code(info.name), kind(info.value), age(info.max_age));
        let search = listed(&searched(*field)?);
        row(&mut page, &[&name, value, info.unit, info.definition, &age, first, &search]);
    }
    page.push('\n');
    page.push_str(MADE);
    for (name, value) in stats()? {
        let figure = code(&format!("posts.{name}"));
        row(&mut page, &[&figure, &listed(&searched_in(json!({ "posts": { name: value } }))?)]);
    }
    page.push('\n');
    page.push_str(GROWTH);
    for growth in Creators::default().growth(&[Day { day: 0, figures: vec![Some(1)] }]) {
        let days = format!("{} to {} days before", -growth.until, -growth.since);
        let facts = Facts::from([(growth.name.to_owned(), json!(0.5))]);
        let found = index_fields(&Creator::default(), facts);
        row(&mut page, &[&code(growth.name), &days, &listed(&found)]);
    }
    page.push('\n');
    page.push_str(BESIDE);
    for (name, means, value) in beside() {
        row(&mut page, &[&code(name), means, &listed(&searched_in(value)?)]);
    }
    page.push('\n');
    page.push_str(SOURCES_HEAD);
    for (heading, file, source) in SOURCES {
        // Nothing is sent.
        page.push_str(&mapping(heading, file, &source("http://vendor.test")?, &recorded(file)?)?);
    }
    Ok(page)
}

fn beside() -> [(&'static str, &'static str, Value); 2] {
    [
        ("platform", "The platform: an open name, such as `tiktok`.", json!({ "platform": "tiktok" })),
        (
            "sources",
            "Who has shown the creator: source, side, and as of when; the one that says most first.",
            json!({ "sources": [{ "source": "a", "aspect": "profile", "as_of": "2026-01-01T00:00:00Z" }] }),
        ),
    ]
}

/// Every figure over posts, with a value.
fn stats() -> Result<BTreeMap<String, Value>, Failure> {
    let stats = PostStats {
        seen: 1,
        avg_views: Some(1),
        median_views: Some(1),
        avg_likes: Some(1),
        avg_comments: Some(1),
        avg_shares: Some(1),
        engagement_rate: Some(0.5),
        hashtags: vec!["tea".into()],
        last_post_at: Some(Timestamp::from_secs(1_800_000_000)),
    };
    match serde_json::to_value(stats)? {
        Value::Object(stats) => Ok(stats.into_iter().collect()),
        _ => Err("figures over posts are an object".into()),
    }
}

/// The fields of the index that hold a field's value.
fn searched(field: Field) -> Result<Vec<&'static str>, Failure> {
    let value = match (field, field.info().value) {
        (Field::Posts, _) => json!({}),
        (Field::Extra, _) => json!({ "a": { "value": 1 } }),
        (Field::Links, _) => json!(["https://shop.example/a"]),
        (_, FieldType::Text) => json!("words #tag @friend"),
        (_, FieldType::List) => json!(["words"]),
        (_, FieldType::Flag) => json!(true),
        (_, FieldType::Number) => json!(7),
        (_, FieldType::Time) => json!("2026-01-01T00:00:00Z"),
        (_, FieldType::Object) => json!({}),
    };
    searched_in(json!({ field.name(): value }))
}

/// The fields of the index that hold something of a creator who has nothing but this.
fn searched_in(creator: Value) -> Result<Vec<&'static str>, Failure> {
    let none = index_fields(&Creator::default(), Facts::new());
    let mut found = index_fields(&serde_json::from_value(creator)?, Facts::new());
    found.retain(|name| !none.contains(name));
    Ok(found)
}

fn index_fields(creator: &Creator, facts: Facts) -> Vec<&'static str> {
    let record = Record { key: RecordKey(1), version: 1, entity: Arc::new(creator.clone()), facts };
    let document = Document::of(&record);
    let texts = document.texts.iter().chain(&document.keywords).map(|(field, _)| *field);
    let held: BTreeSet<SearchField> = texts.chain(document.numbers.iter().map(|(field, _)| *field)).collect();
    held.into_iter().map(SearchField::name).collect()
}

pub(crate) fn code(text: &str) -> String {
    format!("`{text}`")
}

fn kind(value: FieldType) -> &'static str {
    match value {
        FieldType::Text => "text",
        FieldType::List => "list of texts",
        FieldType::Flag => "flag",
        FieldType::Number => "whole number",
        FieldType::Time => "moment",
        FieldType::Object => "object",
    }
}

fn age(age: Option<Duration>) -> String {
    let Some(age) = age else { return "none".to_owned() };
    match age.as_secs() / 3_600 {
        hours if hours % 24 == 0 => format!("{} d", hours / 24),
        hours => format!("{hours} h"),
    }
}

/// One row of a table.
pub(crate) fn row(text: &mut String, cells: &[&str]) {
    for cell in cells {
        // A cell's own bar would end it.
        text.extend(["| ", &cell.replace('|', "\\|"), " "]);
    }
    text.push_str("|\n");
}

/// Names of fields of the index.
fn listed(names: &[&str]) -> String {
    names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ")
}
