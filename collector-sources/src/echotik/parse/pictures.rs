//! Links to pictures that work for a while, for the names they have in the vendor's store.

use std::collections::HashMap;

use collector_core::creator::CreatorSighting;
use collector_core::error::Result;
use collector_core::task::{Absence, Malformed, Outcome, Page, Task};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::PICTURE;
use super::super::kind::param;
use crate::values::answer::misshapen;

/// Longest link kept, in bytes; signatures are long.
const LONGEST_LINK: usize = 2_048;

/// What an earlier edition called the two links of an entry.
const OLD_NAMES: [&str; 2] = ["source_cover_url", "dest_cover_url"];

pub(super) fn read(tasks: &[Task], data: &RawValue, page: &mut Page<CreatorSighting>) -> Result<()> {
    let links = links(data, &mut page.malformed)?;
    super::all(page, || Outcome::Absent(Absence::NotFound));
    for (task, outcome) in tasks.iter().zip(&mut page.outcomes) {
        // A picture that the vendor has not copied is its own link, or is left out.
        let Some(link) = links.get(task.subject()).filter(|link| ***link != *task.subject()) else {
            continue;
        };
        let usable = link.len() <= LONGEST_LINK
            && url::Url::parse(link).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        let Some(uid) = task.get(param::UID).filter(|_| usable) else {
            page.malformed
                .push(Malformed { part: "data".to_owned(), reason: "a picture's link is none".to_owned() });
            continue;
        };
        *outcome = Outcome::Done;
        let mut seen = CreatorSighting::showing(PICTURE);
        seen.uid = Some(uid.into());
        seen.avatar = Some(link.as_str().into());
        page.items.push(seen);
    }
    Ok(())
}

/// Link by name, out of any of three shapes: an object of them, a list of objects with one each, and a list of objects
/// with both under names of their own.
fn links(data: &RawValue, malformed: &mut Vec<Malformed>) -> Result<HashMap<String, String>> {
    let wrong = || misshapen("data", "links by name");
    let mut links = HashMap::new();
    let mut add = |place: &str, name: String, link: Value| match link {
        Value::String(link) => drop(links.insert(name, link)),
        Value::Null => {}
        _ => {
            malformed.push(Malformed { part: place.to_owned(), reason: "a link that is no text".to_owned() })
        }
    };
    match serde_json::from_str(data.get()).map_err(|_| wrong())? {
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::Object(pairs) => pairs.into_iter().for_each(|(name, link)| add("data", name, link)),
        Value::Array(entries) => {
            for (index, entry) in entries.into_iter().enumerate() {
                let place = format!("data[{index}]");
                let Value::Object(mut pairs) = entry else {
                    add(&place, String::new(), Value::Bool(false));
                    continue;
                };
                match OLD_NAMES.map(|name| pairs.remove(name)) {
                    [Some(Value::String(name)), Some(link)] => add(&place, name, link),
                    _ => pairs.into_iter().for_each(|(name, link)| add(&place, name, link)),
                }
            }
        }
        _ => return Err(wrong()),
    }
    Ok(links)
}
