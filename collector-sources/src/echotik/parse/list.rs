//! A page of people: of a region, of a ranking, or found by words.

use collector_core::creator::{CreatorSighting, aspect};
use collector_core::error::Result;
use collector_core::task::{Outcome, Page, Payload, Task};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::super::date::Date;
use super::super::kind::{Kind, TEN, param};
use super::super::wire::{self, Row};
use super::super::{RANKING_ROW, SEARCH_ROW, follow, request, seed};
use super::person::{self, HISTORY, TOTALS};
use super::{Reader, figures};
use crate::values::answer::Fields;
use crate::values::found::Found;
use crate::values::ident;
use collector_core::task::Malformed;

/// Periods back that are looked at for the latest ranking: they lag by up to three days.
const MOST_BACK: u32 = 3;

pub(super) fn read(
    reader: &Reader,
    kind: Kind,
    tasks: &[Task],
    payload: &Payload,
    data: &RawValue,
    page: &mut Page<CreatorSighting>,
) -> Result<()> {
    let rows = wire::rows(data)?;
    // A call for a page has one task.
    let [task] = tasks else { return Ok(()) };
    let context = match kind {
        Kind::Ranking => Some(Rank::of(task, payload)?),
        _ => None,
    };
    let (mut found, mut last) = (Found::default(), None);
    for (index, raw) in rows.iter().enumerate() {
        let place = format!("data[{index}]");
        let row =
            Row::read(raw).map_err(|reason| Malformed { part: place.clone(), reason: reason.to_owned() });
        if let Ok(row) = &row {
            last = person::who(row).uid.or(last);
        }
        let read = row.and_then(|row| {
            let rank = context.as_ref().map(|rank| (rank, index));
            one(reader, kind, payload, &row, &place, rank, &mut page.malformed)
        });
        match read {
            Ok(Some(seen)) => found.add(seen, None),
            Ok(None) => {}
            Err(malformed) => page.malformed.push(malformed),
        }
    }
    page.items = found.into_sightings();
    let next = if !rows.is_empty() {
        follow::next_page(task, kind, rows.len(), last.as_deref()).map(|next| match (&context, next) {
            // Its day is known now: the pages that follow are of the same one.
            (Some(rank), Some(next)) => {
                let next = follow::changed(&next, param::BACK, None);
                Some(follow::changed(&next, param::DATE, Some(&rank.date)))
            }
            (_, next) => next,
        })
    } else {
        Ok(context.and_then(|_| earlier(task)))
    };
    match next {
        Ok(next) => page.follow_ups.extend(next),
        Err(error) => super::all(page, {
            let error = std::cell::Cell::new(Some(error));
            move || error.take().map_or(Outcome::Done, Outcome::Failed)
        }),
    }
    if reader.settings.pictures {
        page.follow_ups.extend(page.items.iter().filter_map(|seen| follow::picture(task, seen)));
    }
    page.follow_ups.extend(profiles(kind, task, &page.items));
    Ok(())
}

/// The ranking before the one that is not there yet.
fn earlier(task: &Task) -> Option<Task> {
    let back: u32 = task.get(param::BACK)?.parse().ok()?;
    let next = (back + 1).to_string();
    (back < MOST_BACK).then(|| follow::changed(task, param::BACK, Some(&next)))
}

/// Which ranking it is.
struct Rank {
    date: String,
    period: &'static str,
    by: String,
    /// The rank of the page's first row.
    first: u64,
    end: collector_core::clock::Timestamp,
}

impl Rank {
    fn of(task: &Task, payload: &Payload) -> Result<Self> {
        let period = request::period(task)?;
        // When it was asked, not when it was answered.
        let date = request::ranking_date(task, period, payload.at - payload.took)?;
        let number: u64 = task.get(param::PAGE).and_then(|page| page.parse().ok()).unwrap_or(1);
        let end = Date::parse(&date).map_or(payload.at, |first| period.end(first));
        Ok(Self {
            date,
            period: period.name(),
            by: task.get(param::RANK_FIELD).unwrap_or_default().to_owned(),
            first: number.saturating_sub(1).saturating_mul(TEN as u64) + 1,
            end,
        })
    }
}

fn one(
    reader: &Reader,
    kind: Kind,
    payload: &Payload,
    row: &Row<'_>,
    place: &str,
    rank: Option<(&Rank, usize)>,
    malformed: &mut Vec<Malformed>,
) -> Result<Option<CreatorSighting>, Malformed> {
    if row.count("off_mark").value().is_some_and(|mark| *mark > 0) {
        return Ok(None);
    }
    let (aspect, totals) = match kind {
        Kind::Ranking => (RANKING_ROW, HISTORY),
        Kind::Search => (SEARCH_ROW, TOTALS),
        _ => (aspect::LIST_ROW, TOTALS),
    };
    let mut seen = person::sighting(row, aspect, totals, reader.keep_email, place, malformed)?;
    let mut fields = Fields { place, malformed };
    match rank {
        Some((rank, index)) => {
            seen.as_of = Some(rank.end);
            let mut ranking = Map::new();
            figures::add(&mut ranking, row, figures::OF_RANKINGS, &mut fields);
            figures::add_texts(&mut ranking, row, figures::TEXTS, &mut fields);
            figures::add_documents(&mut ranking, row, &[], &mut fields);
            ranking.insert("date".to_owned(), Value::from(&*rank.date));
            ranking.insert("period".to_owned(), Value::from(rank.period));
            let by = if rank.by == "2" { "sales" } else { "followers" };
            ranking.insert("by".to_owned(), Value::from(by));
            ranking.insert("rank".to_owned(), Value::from(rank.first + index as u64));
            seen.extra.insert("ranking".into(), Value::Object(ranking));
            let mut own = Map::new();
            figures::add(&mut own, row, &["sales_flag"], &mut fields);
            seen.extra.extend(own.into_iter().map(|(name, value)| (name.into_boxed_str(), value)));
        }
        None => {
            seen.as_of = Some(super::as_of(payload.at));
            person::add_extra(&mut seen, row, &mut fields);
        }
    }
    Ok(Some(seen))
}

/// One task for the details of each person. Unless the query says otherwise, only where a row shows less than they do.
fn profiles(kind: Kind, page: &Task, people: &[CreatorSighting]) -> Vec<Task> {
    let wanted = |person: &&CreatorSighting| match page.get(param::HYDRATE) {
        Some("false") => false,
        Some(_) => true,
        None => kind != Kind::List || person.followers.is_none(),
    };
    let details = |person: &CreatorSighting| match (&person.uid, &person.handle) {
        (Some(uid), _) => Some(seed::by_uid(page.source(), uid)),
        (None, Some(handle)) => Some(seed::by_handle(page.source(), &ident::handle(handle)?)),
        (None, None) => None,
    };
    people.iter().filter(wanted).filter_map(details).collect()
}
