//! TikTok's profile pages: what the data inside them says, and what a page without it means. Pure.

use collector_core::clock::Timestamp;
use collector_core::creator::{CreatorSighting, Field, aspect};
use collector_core::error::{Error, ErrorKind, Result};
use collector_core::id::Digest;
use collector_core::task::{Absence, Malformed, Page, Task};
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;
use url::Url;

use super::error::{blocked, challenge, is_login};
use super::html::Document;
use super::jsonld::Entity;
use super::parse::{absent, settle};
use super::wire::{Next, Node, Shape, Sigi, Universal, data};
use crate::values::{Filter, ident};

/// Pages below this size hold nobody, and are never what was asked for.
const SMALLEST_PAGE: usize = 1_500;

/// Old pages round from here on.
const FIRST_ROUNDED: u64 = 10_000;

/// Somebody with so many followers has been liked.
const SURELY_LIKED: u64 = 100_000;

/// Longest texts kept, in characters.
const LONGEST_NAME: usize = 200;
const LONGEST_BIO: usize = 5_000;

/// Reads a profile page.
///
/// # Errors
/// `Blocked` for pages that stand between us and the profile, `Unavailable` for ones that were cut or that TikTok could
/// not make, `Malformed` for data of another shape, `Rejected` for codes nobody knows.
pub(super) fn read(task: &Task, text: &str, address: &Url) -> Result<Page<CreatorSighting>> {
    if is_login(address.as_str()) {
        return Err(blocked("TikTok shows the page only to visitors who logged in"));
    }
    let Some((shape, json)) = data(text) else { return Err(without_data(text)) };
    let answer = match shape {
        Shape::Universal => universal(json)?,
        Shape::Sigi => sigi(json, task.subject())?,
        Shape::Next => next(json)?,
    };
    let person = Node(&answer.user);
    let hidden = match verdict(answer.code)? {
        Verdict::Shown => false,
        Verdict::Private if person.is_object() => true,
        Verdict::Private => return Ok(absent(Absence::Private)),
        Verdict::Absent(absence) => return Ok(absent(absence)),
    };
    if !person.is_object() {
        let message = "the page's data has no user: its shape has changed";
        return Err(Error::new(ErrorKind::Malformed, message).with("at", shape.user()));
    }
    let mut malformed = Vec::new();
    let mut seen = sighting(person, shape, &mut malformed);
    let videos =
        Node(&answer.stats_v2).number("videoCount").or_else(|| Node(&answer.stats).number("videoCount"));
    let exact = || Entity::of(&Document::parse(text, None).ok()?).filter(|entity| is_about(entity, &seen));
    let counters = counters(Node(&answer.stats), Node(&answer.stats_v2), exact);
    counters.set(&mut seen, hidden && videos.unwrap_or(0) == 0);
    if hidden {
        seen.private = Some(true);
    }
    let mut page = Page::answering(1, Digest::default());
    page.outcomes = vec![settle(task, &mut seen, &mut malformed)];
    page.malformed = malformed;
    page.items = vec![seen];
    Ok(page)
}

/// What is read of a page, whatever its shape.
#[derive(Debug, Default)]
struct Answer {
    code: i64,
    user: Value,
    stats: Value,
    stats_v2: Value,
}

fn universal(json: &str) -> Result<Answer> {
    let page: Universal = parse(json)?;
    let Some(detail) = page.scope.user_detail else {
        return Err(blocked("TikTok sent a page without the profile's data: it does not serve us for now"));
    };
    let node = Node(&detail);
    let info = node.get("userInfo");
    let part = |key: &str| info.get(key).0.clone();
    let code = node.number("statusCode").unwrap_or(0);
    Ok(Answer { code, user: part("user"), stats: part("stats"), stats_v2: part("statsV2") })
}

fn sigi(json: &str, handle: &str) -> Result<Answer> {
    let page: Sigi = parse(json)?;
    let (users, node) = (Node(&page.users), Node(&page.page));
    let user = users.get("users").named(handle);
    if user.is_none() && Node(&page.login).text("redirectUrl").is_some() {
        return Err(blocked("TikTok shows the page only to visitors who logged in"));
    }
    let value = |node: Option<Node<'_>>| node.map_or(Value::Null, |node| node.0.clone());
    let stats = |key: &str| value(users.get(key).named(handle));
    Ok(Answer {
        code: node.number("statusCode").unwrap_or(0),
        user: value(user),
        stats: stats("stats"),
        stats_v2: stats("statsV2"),
    })
}

fn next(json: &str) -> Result<Answer> {
    let page: Next = parse(json)?;
    let node = Node(&page.props).get("pageProps");
    let info = node.get("userInfo");
    let older = node.get("userData");
    let (user, stats) = if info.is_object() { (info.get("user"), info.get("stats")) } else { (older, older) };
    let server = node.number("serverCode").filter(|code| !(200..300).contains(code));
    let code = node.number("statusCode").filter(|code| *code != 0).or(server).unwrap_or(0);
    Ok(Answer { code, user: user.0.clone(), stats: stats.0.clone(), stats_v2: info.get("statsV2").0.clone() })
}

/// The first value of the text; what stands after it is no part of it.
fn parse<T: DeserializeOwned>(json: &str) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    T::deserialize(&mut deserializer).map_err(|error| match error.classify() {
        Category::Eof | Category::Io => {
            Error::new(ErrorKind::Unavailable, "the page was cut short").with("bytes", json.len())
        }
        Category::Syntax | Category::Data => {
            Error::new(ErrorKind::Malformed, "the page's data is broken, nested too deep or of another shape")
                .with("line", error.line())
                .with("column", error.column())
        }
    })
}

/// What a page without data means.
fn without_data(text: &str) -> Error {
    if let Some(error) = challenge(text) {
        return error;
    }
    let lower = text.to_ascii_lowercase();
    if lower.contains("59 apps") {
        return blocked("TikTok is not served in the country we ask from");
    }
    if text.len() < SMALLEST_PAGE {
        return blocked("TikTok sent an empty page: it does not serve us for now");
    }
    let untitled = lower.contains("<title></title>") || !lower.contains("<title");
    if lower.contains("make your day") || (untitled && lower.contains("webmssdk")) {
        return blocked("TikTok sent its shell without a profile: it does not serve us for now");
    }
    Error::new(ErrorKind::Malformed, "the page has none of the known kinds of data: its shape has changed")
}

/// What a status code inside the page means for a profile.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Shown,
    Private,
    Absent(Absence),
}

fn verdict(code: i64) -> Result<Verdict> {
    let absent = |absence| Ok(Verdict::Absent(absence));
    let error = |kind, message: &str| Err(Error::new(kind, message).with("status_code", code));
    match code {
        0 | 200 => Ok(Verdict::Shown),
        // Whoever is banned and whoever never was get the same code.
        404 | 10_202 | 10_203 | 10_205 | 10_208 | 10_210 | 10_221 => absent(Absence::NotFound),
        10_216 | 10_222 => Ok(Verdict::Private),
        10_209 | 10_211 | 10_212 | 10_215 | 10_217..=10_220 | 10_223..=10_225 | 10_227..=10_231 => {
            absent(Absence::Restricted)
        }
        450 | 10_101 | 10_111 => error(ErrorKind::Unavailable, "TikTok could not make the page"),
        10_000 | 10_113 | 10_114 => error(ErrorKind::Blocked, "TikTok wants to see a person"),
        10_102 | 10_119 | 10_213 | 10_214 => {
            error(ErrorKind::Blocked, "TikTok shows the page only to visitors who logged in")
        }
        10_204 => error(ErrorKind::Blocked, "TikTok does not show this to our address"),
        _ => error(ErrorKind::Rejected, "TikTok answers with a code nobody knows"),
    }
}

impl Shape {
    /// Where the user stands.
    fn user(self) -> &'static str {
        match self {
            Self::Universal => "__DEFAULT_SCOPE__.webapp.user-detail.userInfo.user",
            Self::Sigi => "UserModule.users",
            Self::Next => "props.pageProps.userInfo.user",
        }
    }
}

/// What a user object says.
fn sighting(user: Node<'_>, shape: Shape, malformed: &mut Vec<Malformed>) -> CreatorSighting {
    let mut refuse = |key: &str, reason: &str| {
        malformed.push(Malformed { part: format!("{}.{key}", shape.user()), reason: reason.to_owned() });
    };
    let mut seen = CreatorSighting::showing(aspect::PROFILE);
    for (place, key, fits) in [
        (&mut seen.uid, "id", (|text| ident::is_uid(text)) as fn(&str) -> bool),
        (&mut seen.sec_uid, "secUid", |text| ident::is_sec_uid(text)),
        (&mut seen.handle, "uniqueId", |text| ident::handle(text).is_some()),
    ] {
        match user.text(key) {
            Some(text) if fits(&text) => *place = Some(text.into()),
            Some(_) => refuse(key, "not an identity of this kind"),
            None => {}
        }
    }
    for key in ["nickname", "signature"] {
        let value = user.get(key).0;
        if !value.is_null() && !value.is_string() {
            refuse(key, "expected text");
        }
    }
    seen.name = user.text("nickname").map(|name| clipped(&name, LONGEST_NAME));
    // An empty biography is known to be empty; only a missing one is unknown.
    seen.bio = user.whole_text("signature").map(|about| clipped(&about, LONGEST_BIO));
    if let Some(link) = user.get("bioLink").text("link") {
        match Filter::Url.apply(&Value::from(link)) {
            Ok(link) => seen.links.extend(link.as_str().map(Into::into)),
            Err(unfit) => refuse("bioLink.link", &unfit.to_string()),
        }
    }
    let code = |key: &str, filter: Filter| {
        let text = user.text(key)?;
        filter.apply(&Value::from(text)).ok()?.as_str().map(Into::into)
    };
    seen.language = code("language", Filter::Language);
    seen.country = code("region", Filter::Country);
    seen.verified = user.flag("verified");
    seen.private = either(user.flag("privateAccount"), user.flag("secret"));
    seen.has_shop = user.flag("ttSeller");
    seen.created_at = user.number("createTime").filter(|seconds| *seconds > 0).map(Timestamp::from_secs);
    let commerce = user.get("commerceUserInfo");
    let kind = match (user.flag("isOrganization"), commerce.flag("commerceUser")) {
        (Some(true), _) => Some("organization"),
        (_, Some(true)) => Some("business"),
        (_, Some(false)) => Some("personal"),
        _ => None,
    };
    seen.account_type = kind.map(Into::into);
    seen.categories =
        commerce.text("category").map(|name| clipped(&name, LONGEST_NAME)).into_iter().collect();
    seen.avatar = ["avatarLarger", "avatarMedium", "avatarThumb"].iter().find_map(|key| {
        let link = user.text(key)?;
        (link.starts_with("http") && link.len() <= 2_048).then(|| link.into())
    });
    if user.get("roomId").0.is_string() {
        seen.extra.insert("live".into(), user.text("roomId").is_some().into());
    }
    seen
}

fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a || b),
        (one, other) => one.or(other),
    }
}

fn clipped(text: &str, most: usize) -> Box<str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => text.get(..end).unwrap_or_default().into(),
        None => text.into(),
    }
}

/// Whether a page's other data is about the same person.
fn is_about(entity: &Entity, seen: &CreatorSighting) -> bool {
    let handle = entity.field(Field::Handle);
    let shown = handle.as_str().zip(seen.handle.as_deref());
    shown.is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// Counters, and which of them are rounded.
#[derive(Debug, Default, PartialEq)]
struct Counters {
    followers: Option<u64>,
    following: Option<u64>,
    likes: Option<u64>,
    videos: Option<u64>,
    likes_given: Option<u64>,
    friends: Option<u64>,
    rounded: Vec<&'static str>,
}

/// The counters of both lists: the newer one has them exactly, and as text; the older one rounds them, and its hearts
/// are cut to 32 bits. What neither has exactly may stand in the page's JSON-LD.
fn counters(stats: Node<'_>, exact: Node<'_>, entity: impl FnOnce() -> Option<Entity>) -> Counters {
    let precise = |keys: &[&str]| keys.iter().find_map(|key| count(exact, key));
    let rough = |key: &str| count(stats, key);
    let mut counters = Counters {
        followers: precise(&["followerCount"]),
        following: precise(&["followingCount"]),
        likes: precise(&["heartCount", "heart"]),
        videos: precise(&["videoCount"]),
        likes_given: precise(&["diggCount"]),
        friends: precise(&["friendCount"]),
        rounded: Vec::new(),
    };
    if counters.followers.is_none() || counters.likes.is_none() {
        let entity = entity();
        let said = |field| entity.as_ref().and_then(|entity| entity.field(field).as_u64());
        counters.followers = counters.followers.or_else(|| said(Field::Followers));
        counters.likes = counters.likes.or_else(|| said(Field::Likes));
    }
    let likes = hearts(stats, rough("followerCount"));
    for (name, place, value) in [
        ("followers", &mut counters.followers, rough("followerCount")),
        ("following", &mut counters.following, rough("followingCount")),
        ("likes", &mut counters.likes, likes),
        ("videos", &mut counters.videos, rough("videoCount")),
        ("likes_given", &mut counters.likes_given, rough("diggCount")),
        ("friends", &mut counters.friends, rough("friendCount")),
    ] {
        if place.is_none() && value.is_some() {
            *place = value;
            if value.is_some_and(|value| value >= FIRST_ROUNDED) {
                counters.rounded.push(name);
            }
        }
    }
    counters
}

/// A counter that is not negative.
fn count(stats: Node<'_>, key: &str) -> Option<u64> {
    stats.number(key).and_then(|number| u64::try_from(number).ok())
}

/// Likes of the older list: of two fields the larger, because one is the true number modulo 2^32 read as signed. Pages
/// of 2021 said 0 for billions.
fn hearts(stats: Node<'_>, followers: Option<u64>) -> Option<u64> {
    let likes = count(stats, "heart").max(count(stats, "heartCount"));
    likes.filter(|likes| *likes > 0 || followers.unwrap_or(0) < SURELY_LIKED)
}

impl Counters {
    /// Puts them into a sighting. Of an account that hides them zeros say nothing.
    fn set(self, seen: &mut CreatorSighting, hides_them: bool) {
        let said = |count: Option<u64>| count.filter(|count| *count > 0 || !hides_them);
        seen.followers = said(self.followers);
        seen.following = said(self.following);
        seen.likes = said(self.likes);
        seen.videos = said(self.videos);
        for (name, count) in [("likes_given", said(self.likes_given)), ("friends", said(self.friends))] {
            seen.extra.extend(count.map(|count| (name.into(), Value::from(count))));
        }
        if !self.rounded.is_empty() {
            seen.extra.insert("rounded".into(), self.rounded.into());
        }
    }
}

#[cfg(test)]
mod tests;
