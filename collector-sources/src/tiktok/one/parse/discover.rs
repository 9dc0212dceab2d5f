//! A page of a search: its creators, the next page, and narrower searches in place of one that was cut off.

use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::{Malformed, Outcome, Page, Payload, Task};
use serde_json::value::RawValue;

use super::super::kind::param;
use super::super::seed;
use super::super::wire::{Creators, OneCreator, PageInfo};
use super::creator::sighting;
use super::{Reader, following, odd, without};
use crate::values::answer::Fields;
use crate::values::ident;
use crate::values::lenient::{Lenient, Part};
use crate::values::list::List;

/// Creators at which a search is cut off, as far as its clients have seen.
const CUT_OFF: u64 = 250;

/// Followers at which a search without bounds is divided first.
const FIRST_BOUND: u64 = 30_000;

/// More than anybody has.
const MOST_FOLLOWERS: u64 = 1_000_000_000;

pub(super) fn read(reader: &Reader, task: &Task, payload: &Payload) -> Result<Page<CreatorSighting>> {
    let data = match reader.open::<Creators<'_>>(payload)? {
        Ok(data) => data,
        Err(absence) => return reader.absent(payload, absence),
    };
    let mut page = reader.page(payload)?;
    if let List::Odd(found) = data.creators {
        page.malformed.push(odd("data.creators", found));
    }
    for (index, raw) in data.creators.rows().iter().enumerate() {
        match row(reader, task, raw, index, &mut page.malformed) {
            Ok(seen) if page.items.iter().all(|known| known.handle != seen.handle) => page.items.push(seen),
            Ok(_) => {}
            Err(malformed) => page.malformed.push(malformed),
        }
    }
    let none = PageInfo::default();
    let info = if let Part::Value(info) = &data.page_info { info } else { &none };
    match next(task, info) {
        Ok(next) => page.follow_ups.extend(next),
        Err(error) => page.outcomes = vec![Outcome::Failed(error)],
    }
    page.follow_ups.extend(profiles(task, &page.items));
    Ok(page)
}

fn row(
    reader: &Reader,
    task: &Task,
    raw: &RawValue,
    index: usize,
    malformed: &mut Vec<Malformed>,
) -> Result<CreatorSighting, Malformed> {
    let place = format!("data.creators[{index}]");
    let broken = |reason: &str| Malformed { part: place.clone(), reason: reason.to_owned() };
    let found: OneCreator<'_> = match serde_json::from_str(raw.get()) {
        Ok(Part::Value(found)) => found,
        Ok(Part::Missing | Part::Odd(_)) => return Err(broken("expected an object, found none")),
        Err(_) => return Err(broken("a key comes twice, or text that cannot be decoded")),
    };
    let known = malformed.len();
    let mut fields = Fields { place: &place, malformed };
    let mut seen = sighting(&found, aspect::LIST_ROW, reader.keep_email, &mut fields);
    if seen.handle.is_none() {
        // The row is told once, as a whole.
        malformed.truncate(known);
        return Err(broken("no identity: handle_name"));
    }
    // Who is found in a search of one country is of it.
    seen.country = seen.country.or_else(|| Some(task.subject().into()));
    Ok(seen)
}

/// The next page; or, when the first says that the search was cut off, the halves of it, whose pages are all there is.
///
/// # Errors
/// `Malformed` when the answer is of another page than was asked for.
fn next(task: &Task, info: &PageInfo) -> Result<Vec<Task>> {
    let number = |name: &str| task.get(name).and_then(|value| value.parse::<u64>().ok());
    let asked = number(param::PAGE).unwrap_or(1);
    if let Lenient::Value(page) = info.page
        && page != asked
    {
        let message = "repeated page: the answer is of another page than was asked for";
        return Err(Error::new(ErrorKind::Malformed, message).with("asked", asked).with("got", page));
    }
    if asked == 1
        && info.total_number.value() == Some(&CUT_OFF)
        && let Some(halves) = halves(task, number(param::MIN_FOLLOWERS), number(param::MAX_FOLLOWERS))
    {
        return Ok(halves.into());
    }
    let more = info.total_page.value().is_some_and(|total| asked < *total);
    Ok(more.then(|| following(task, param::PAGE, asked + 1)).flatten().into_iter().collect())
}

/// The search over fewer and over more followers; `None` when it can be divided no further.
fn halves(task: &Task, least: Option<u64>, most: Option<u64>) -> Option<[Task; 2]> {
    let (low, high) = (least.unwrap_or(0), most.unwrap_or(MOST_FOLLOWERS));
    let middle = match (least, most) {
        (None, None) => FIRST_BOUND,
        // Few have many: the middle of the digits, not of the numbers.
        _ => (low.max(1) as f64 * high as f64).sqrt() as u64,
    };
    if middle <= low || middle >= high {
        return None;
    }
    let bound = |name: &str, value: u64| without(task, &[name]).param(name, value.to_string());
    Some([bound(param::MAX_FOLLOWERS, middle - 1), bound(param::MIN_FOLLOWERS, middle)])
}

/// One task for each creator. Unless the query says otherwise, only of those whose row has no biography: the others have
/// all a profile has.
fn profiles(task: &Task, people: &[CreatorSighting]) -> Vec<Task> {
    let wanted = |person: &&CreatorSighting| match task.get(param::HYDRATE) {
        Some("false") => false,
        Some(_) => true,
        None => person.bio.is_none() || person.followers.is_none(),
    };
    let handles = people.iter().filter(wanted).filter_map(|person| ident::handle(person.handle.as_deref()?));
    handles.map(|handle| seed::creator(task.source(), &handle)).collect()
}
