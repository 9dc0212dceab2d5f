//! A row of the database to a sighting.

use collector_core::creator::{CreatorSighting, DayFigures};
use collector_core::task::Malformed;
use serde_json::{Map, Value};

use super::super::wire::Row;
use super::super::{AVATAR_SOURCE, STORED_PICTURES};
use super::figures;
use crate::values::answer::Fields;
use crate::values::text::{clipped, country, language};
use crate::values::{bio, ident};

/// Longest texts kept, in characters; the platform's own limits are far below.
const LONGEST_NAME: usize = 200;
const LONGEST_BIO: usize = 5_000;

/// Longest link to a picture kept, in bytes.
const LONGEST_LINK: usize = 2_048;

/// The market whose money is the dollar.
const DOLLAR_MARKET: &str = "US";

/// The `sales_flag` of somebody who sells in videos and nowhere else.
const VIDEOS_ONLY: u64 = 1;

/// Where a row gets its totals from: a ranking has growth where lists have totals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Totals {
    pub(super) followers: &'static str,
    pub(super) videos: &'static str,
}

/// The totals of everything but rankings.
pub(super) const TOTALS: Totals = Totals { followers: "total_followers_cnt", videos: "total_post_video_cnt" };

/// The totals of a ranking.
pub(super) const HISTORY: Totals =
    Totals { followers: "total_followers_history_cnt", videos: "total_post_video_history_cnt" };

/// Who a row is about.
#[derive(Debug, Default)]
pub(super) struct Who {
    pub(super) uid: Option<Box<str>>,
    pub(super) handle: Option<Box<str>>,
}

/// Who a row is about, as far as it says.
pub(super) fn who(row: &Row<'_>) -> Who {
    let uid = super::said(&row.text("user_id")).filter(|uid| ident::is_uid(uid)).map(Into::into);
    let handle = row.text("unique_id");
    let handle = super::said(&handle).filter(|handle| ident::handle(handle).is_some());
    Who { uid, handle: handle.map(|handle| handle.strip_prefix('@').unwrap_or(handle).into()) }
}

/// Reads a row as the side `aspect` of a creator.
///
/// # Errors
/// When nothing in it says who it is about.
pub(super) fn sighting(
    row: &Row<'_>,
    aspect: &'static str,
    totals: Totals,
    keep_email: bool,
    place: &str,
    malformed: &mut Vec<Malformed>,
) -> Result<CreatorSighting, Malformed> {
    let Who { uid, handle } = who(row);
    if uid.is_none() && handle.is_none() {
        let reason = "no identity: user_id or unique_id";
        return Err(Malformed { part: place.to_owned(), reason: reason.to_owned() });
    }
    let mut fields = Fields { place, malformed };
    for (name, known) in [("user_id", uid.is_some()), ("unique_id", handle.is_some())] {
        // Handles are missing now and then; numbers are not.
        let told = super::said(&row.text(name)).is_some_and(|text| text != "0");
        if !known && (told || name == "user_id") {
            fields.refuse::<()>(name, "not an identity of this kind");
        }
    }
    let mut seen = CreatorSighting::showing(aspect);
    (seen.uid, seen.handle) = (uid, handle);
    set_texts(&mut seen, row, keep_email, &mut fields);
    set_counters(&mut seen, row, totals, &mut fields);
    set_picture(&mut seen, row);
    set_commerce(&mut seen, row, &mut fields);
    Ok(seen)
}

fn set_texts(seen: &mut CreatorSighting, row: &Row<'_>, keep_email: bool, fields: &mut Fields<'_>) {
    let mut email = None;
    if let Some(name) = fields.text("nick_name", &row.text("nick_name")) {
        let name = bio::mask(&clipped(name, LONGEST_NAME), keep_email);
        seen.has_email = name.has_email.then_some(true);
        email = name.email;
        seen.name = Some(name.text.into());
    }
    // An empty biography is known to be empty; only a missing one is unknown.
    if let Some(about) = fields.take("signature", &row.text("signature")) {
        let about = bio::mask(&clipped(about, LONGEST_BIO), keep_email);
        if about.has_email {
            seen.has_email = Some(true);
        }
        email = about.email.or(email);
        seen.links = bio::links(&about.text);
        seen.bio = Some(about.text.into());
    }
    // Mostly empty, which says that the vendor knows none and not that there is none.
    if let Some(address) = fields.text("contact_email", &row.text("contact_email")) {
        let address = bio::mask(&clipped(address, LONGEST_NAME), keep_email);
        if address.has_email {
            seen.has_email = Some(true);
        }
        email = address.email.or(email);
    }
    seen.email = email.map(Into::into);
    seen.language = fields.text("language", &row.text("language")).and_then(language);
    seen.country = fields.text("region", &row.text("region")).and_then(country);
    let category =
        fields.text("category", &row.text("category")).map(|name| clipped(name.trim(), LONGEST_NAME));
    seen.categories = category.into_iter().collect();
    let showcase = fields.copy("show_case_flag", &row.count("show_case_flag"));
    let shop = fields.text("seller_id", &row.text("seller_id")).filter(|id| *id != "0").is_some();
    seen.has_shop = if shop { Some(true) } else { showcase.map(|flag| flag > 0) };
}

/// A zero stands for a figure that is not computed yet as well as for none, so it is no value.
fn set_counters(seen: &mut CreatorSighting, row: &Row<'_>, totals: Totals, fields: &mut Fields<'_>) {
    let mut counter = |name: &str| fields.copy(name, &row.count(name)).filter(|count| *count > 0);
    seen.followers = counter(totals.followers);
    seen.videos = counter(totals.videos);
    seen.following = counter("total_following_cnt");
    // Likes on the videos the vendor has are another figure: `total_digg_cnt`.
    seen.likes = counter("total_likes_cnt");
    if row.count(totals.followers).is_missing() {
        fields.refuse::<()>(totals.followers, "missing, though every row has it");
    }
}

/// What somebody sells. Turnover is in dollars wherever it was made, prices are in the market's own money: they can
/// stand beside it where that is the dollar. Pieces are counted for videos only: they are all there are for somebody who
/// sells in videos alone. What cannot be had so stays what the vendor calls it.
fn set_commerce(seen: &mut CreatorSighting, row: &Row<'_>, fields: &mut Fields<'_>) {
    seen.gmv_30d = hundredths(fields, row, "total_sale_gmv_30d_amt");
    if seen.country.as_deref() == Some(DOLLAR_MARKET) {
        seen.avg_price = hundredths(fields, row, "avg_30d_price");
    }
    seen.currency = seen.gmv_30d.or(seen.avg_price).map(|_| "USD".into());
    if row.count("sales_flag").value() == Some(&VIDEOS_ONLY) {
        seen.units_30d = fields.copy("total_video_sale_30d_cnt", &row.count("total_video_sale_30d_cnt"));
        seen.units_30d = seen.units_30d.filter(|units| *units > 0);
    }
    seen.ec_score = hundredths(fields, row, "ec_score");
}

/// An amount in hundredths; zero stands for "not computed" as well.
fn hundredths(fields: &mut Fields<'_>, row: &Row<'_>, name: &str) -> Option<u64> {
    let amount = fields.take(name, &row.number(name))?.as_f64()?;
    // Up to 2^53 every whole number is exact.
    let hundredths = (amount * 100.0).round();
    if !(0.0..=9_007_199_254_740_992.0).contains(&hundredths) {
        return fields.refuse(name, "no amount anything could be sold for");
    }
    Some(hundredths as u64).filter(|amount| *amount > 0)
}

/// The vendor's own store refuses to serve pictures, so a link there is a name to be converted; any other is a link.
fn set_picture(seen: &mut CreatorSighting, row: &Row<'_>) {
    let avatar = row.text("avatar");
    let Some(link) = super::said(&avatar).filter(|link| link.len() <= LONGEST_LINK) else { return };
    let Ok(url) = url::Url::parse(link) else { return };
    if url.host_str() == Some(STORED_PICTURES) {
        seen.extra.insert(AVATAR_SOURCE.into(), Value::from(link));
    } else if matches!(url.scheme(), "http" | "https") {
        seen.avatar = Some(link.into());
    }
}

/// Adds everything a row of the database has besides, under the vendor's names.
pub(super) fn add_extra(seen: &mut CreatorSighting, row: &Row<'_>, fields: &mut Fields<'_>) {
    let mut extra = Map::new();
    figures::add(&mut extra, row, figures::OF_CREATORS, fields);
    figures::add_texts(&mut extra, row, figures::TEXTS, fields);
    figures::add_documents(&mut extra, row, figures::DOCUMENTS, fields);
    seen.extra.extend(extra.into_iter().map(|(name, value)| (name.into_boxed_str(), value)));
}

/// What a row of a trend says of its day.
pub(super) fn day(row: &Row<'_>, day: i32, fields: &mut Fields<'_>) -> DayFigures {
    let mut counter = |name: &str| fields.copy(name, &row.count(name)).filter(|count| *count > 0);
    DayFigures {
        day,
        followers: counter(TOTALS.followers),
        videos: counter(TOTALS.videos),
        ..DayFigures::default()
    }
}
