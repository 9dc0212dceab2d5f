//! A creator, by itself or as a row of a list.

use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::Result;
use collector_core::task::{Absence, Outcome, Page, Payload, Task};
use serde_json::Value;

use super::super::wire::{Label, OneCreator};
use super::{Reader, text};
use crate::values::answer::Fields;
use crate::values::lenient::{Part, Text};
use crate::values::list::List;
use crate::values::text::{clipped, country};
use crate::values::{bio, ident};

/// Longest link to a picture kept, in bytes.
const LONGEST_LINK: usize = 2_048;

/// Labels kept of one creator, and the longest kept, in characters.
const MOST_LABELS: usize = 30;
const LONGEST_LABEL: usize = 100;

pub(super) fn read(reader: &Reader, task: &Task, payload: &Payload) -> Result<Page<CreatorSighting>> {
    let found = match reader.open::<OneCreator<'_>>(payload)? {
        Ok(found) => found,
        Err(absence) => return reader.absent(payload, absence),
    };
    let mut page = reader.page(payload)?;
    let mut fields = Fields { place: "data", malformed: &mut page.malformed };
    let mut seen = sighting(&found, aspect::PROFILE, reader.keep_email, &mut fields);
    match &seen.handle {
        Some(handle) if **handle != *task.subject() => {
            // Somebody else: a sighting of theirs, and no answer to the task.
            page.outcomes = vec![Outcome::Absent(Absence::NotFound)];
        }
        Some(_) => {}
        None if seen == CreatorSighting::showing(aspect::PROFILE) => {
            return reader.absent(payload, Absence::NotFound);
        }
        None => seen.handle = Some(task.subject().into()),
    }
    page.items.push(seen);
    Ok(page)
}

/// What an object says about a creator. The handle is in lower case, and missing when it cannot be one.
pub(super) fn sighting(
    found: &OneCreator<'_>,
    shown: &'static str,
    keep_email: bool,
    fields: &mut Fields<'_>,
) -> CreatorSighting {
    let mut seen = CreatorSighting::showing(shown);
    let handle = found.handle_name.or(&found.handle);
    seen.handle = fields.text("handle_name", handle).and_then(ident::handle).map(Into::into);
    if let Some(name) = fields.text("display_name", &found.display_name) {
        bio::set_name(&mut seen, name, keep_email);
    }
    if let Some(about) = fields.take("bio", &found.bio) {
        bio::set_bio(&mut seen, about, keep_email);
    }
    let usable = |link: &&str| link.starts_with("http") && link.len() <= LONGEST_LINK;
    seen.avatar = fields.text("profile_image", &found.profile_image).filter(usable).map(Into::into);
    seen.followers = fields.copy("followers_count", &found.followers_count);
    seen.following = fields.copy("following_count", &found.following_count);
    seen.likes = fields.copy("likes_count", &found.likes_count);
    seen.videos = fields.copy("videos_count", &found.videos_count);
    seen.country = fields.text("country_code", &found.country_code).and_then(country);
    seen.categories = [&found.content_labels, &found.industry_labels].into_iter().flat_map(labels).collect();
    seen.categories.dedup();
    let median = fields.copy("median_views", &found.median_views).map(Value::from);
    // What an account is paid for a post is no price of what it sells.
    let currency = fields.text("currency", &found.currency).map(|text| Value::from(&*clipped(text, 8)));
    let creator_id = fields.text("creator_id", &found.creator_id).map(|id| Value::from(&*clipped(id, 64)));
    for (name, value) in [
        ("creator_id", creator_id),
        ("median_views", median),
        ("engagement_rate", scalar(&found.engagement_rate)),
        ("creator_price", scalar(&found.creator_price)),
        ("creator_price_currency", currency),
    ] {
        seen.extra.extend(value.map(|value| (name.into(), value)));
    }
    seen
}

/// A number, or a short text such as `3.2%`; nothing else.
fn scalar(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) if !text.trim().is_empty() => Some(Value::from(&*clipped(text.trim(), 40))),
        _ => None,
    }
}

fn labels(list: &List<'_>) -> Vec<Box<str>> {
    let name = |raw: &&serde_json::value::RawValue| {
        let label = serde_json::from_str::<Part<Label<'_>>>(raw.get()).ok()?;
        let name = match &label {
            Part::Value(label) => text(&label.label_name).to_owned(),
            _ => text(&serde_json::from_str::<Text<'_>>(raw.get()).ok()?).to_owned(),
        };
        (!name.trim().is_empty()).then(|| clipped(name.trim(), LONGEST_LABEL))
    };
    list.rows().iter().take(MOST_LABELS).filter_map(name).collect()
}
