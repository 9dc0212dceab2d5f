//! Who a cell means, however people write it.

use std::fmt;

use collector_core::creator::id_kind;
use collector_core::id::{Id, Ids};
use collector_core::sheet::Cell;

use super::columns::Role;

/// Digits a spreadsheet keeps of a number; the others become zeros.
const KEPT_DIGITS: usize = 15;
/// The shortest and the longest handle.
const HANDLE: std::ops::RangeInclusive<usize> = 2..=64;
/// A row of digits of this length in a column of unknown meaning is the platform's number for an account.
const UID: std::ops::RangeInclusive<usize> = 5..=20;
/// What second keys begin with.
pub(super) const SEC_UID_PREFIX: &str = "MS4wLjAB";
/// What people write where they have no name; as a handle it has to be written with `@`.
const PLACEHOLDERS: [&str; 12] =
    ["none", "null", "nan", "na", "n.a.", "nil", "tbd", "unknown", "false", "true", "undefined", "test"];

/// Why a cell names no creator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotRecognised {
    /// Nothing is there.
    Empty,
    /// A number that a spreadsheet has rounded.
    Rounded(String),
    /// An e-mail address.
    Email,
    /// A link that says nothing about whom it leads to.
    ShortLink,
    /// A link to a post that does not name its author.
    PostOnly,
    /// A link of the platform to something else.
    OtherPage,
    /// A link to another site.
    OtherSite(String),
    /// More than one creator.
    Several,
    /// A word that stands for nothing.
    Placeholder(String),
    /// A short number: neither a handle nor an account's number.
    ShortNumber,
    /// A character no handle has.
    BadCharacter(char),
    /// Too short or too long.
    BadLength(usize),
    /// A second key that is cut.
    BadKey,
}

impl fmt::Display for NotRecognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing is there"),
            Self::Rounded(shown) => write!(
                f,
                "the number {shown} was rounded: spreadsheets keep 15 digits; format the column as text and fill it \
                 in anew, or give a handle or a link"
            ),
            Self::Email => f.write_str("an e-mail address names no account; give a handle or a link"),
            Self::ShortLink => {
                f.write_str("a short link does not say whose it is; open it and copy the profile's address")
            }
            Self::PostOnly => f.write_str("the link leads to a post and does not name its author"),
            Self::OtherPage => f.write_str("the link leads to no profile"),
            Self::OtherSite(host) => write!(f, "a link to {host}, not to TikTok"),
            Self::Several => f.write_str("more than one creator in a cell; give each a row"),
            Self::Placeholder(word) => {
                write!(f, "{word:?} stands for nothing; if it is a handle write @{word}")
            }
            Self::ShortNumber => {
                f.write_str("a short number is no account's; if it is a handle write it with @")
            }
            Self::BadCharacter(' ') => f.write_str("a blank inside; handles have none"),
            Self::BadCharacter(c) => {
                write!(f, "no handle has {:?}: they have letters a-z, digits, `_` and `.`", c.to_string())
            }
            Self::BadLength(length) => write!(f, "no handle has {length} characters"),
            Self::BadKey => f.write_str("a second key that is cut or has characters no key has"),
        }
    }
}

/// Who a cell means, when its column holds `role`.
///
/// # Errors
/// Why it means nobody.
pub fn recognise(cell: &Cell, role: Role) -> Result<Ids, NotRecognised> {
    match cell {
        Cell::Empty => Err(NotRecognised::Empty),
        Cell::Number(number) => of_number(*number, role),
        Cell::Whole(number) => of_text(&number.to_string(), role),
        Cell::Text(text) | Cell::Json(text) => of_text(text, role),
        Cell::Flag(_) => Err(NotRecognised::Placeholder(cell.shown().to_lowercase())),
        Cell::Date(_) | Cell::Span(_) => Err(NotRecognised::BadCharacter('-')),
    }
}

/// A number as a spreadsheet holds it: whole ones up to 15 digits are exact.
fn of_number(number: f64, role: Role) -> Result<Ids, NotRecognised> {
    if number.abs() >= 1e15 {
        return Err(NotRecognised::Rounded(format!("{number:E}")));
    }
    of_text(&number.to_string(), role)
}

fn of_text(text: &str, role: Role) -> Result<Ids, NotRecognised> {
    let text = clean(text);
    let text = text.as_str();
    if text.is_empty() || matches!(text, "-" | "--" | "." | "?" | "/") {
        return Err(NotRecognised::Empty);
    }
    if let Some(link) = link(text)? {
        return of_link(link);
    }
    if let Some(rounded) = rounded(text) {
        return Err(NotRecognised::Rounded(rounded));
    }
    if text.starts_with(SEC_UID_PREFIX) || role == Role::SecUid {
        return sec_uid(text).map(|key| strong(id_kind::TIKTOK_SEC_UID, key)).ok_or(NotRecognised::BadKey);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && role != Role::Handle {
        return if UID.contains(&text.len()) {
            Ok(strong(id_kind::TIKTOK_UID, text.trim_start_matches('0')))
        } else {
            Err(NotRecognised::ShortNumber)
        };
    }
    if role == Role::Uid {
        let odd = text.chars().find(|c| !c.is_ascii_digit());
        return Err(odd.map_or(NotRecognised::ShortNumber, NotRecognised::BadCharacter));
    }
    of_name(text)
}

/// What is left when nothing else fits: a handle, with or without `@`.
fn of_name(text: &str) -> Result<Ids, NotRecognised> {
    let (name, marked) = match text.strip_prefix('@') {
        Some(name) => (name.trim_start(), true),
        None => (text, false),
    };
    if name.contains('@') {
        let is_email = !marked && name.split_once('@').is_some_and(|(_, host)| host.contains('.'));
        return Err(if is_email { NotRecognised::Email } else { NotRecognised::Several });
    }
    if !marked && PLACEHOLDERS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(NotRecognised::Placeholder(name.to_owned()));
    }
    if name.contains([',', ';', '\n']) {
        return Err(NotRecognised::Several);
    }
    handle(name).map(weak)
}

/// A handle in its canonical spelling.
fn handle(name: &str) -> Result<String, NotRecognised> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if let Some(odd) = name.chars().find(|c| !good(*c)) {
        return Err(NotRecognised::BadCharacter(odd));
    }
    match HANDLE.contains(&name.len()) {
        true => Ok(name.to_ascii_lowercase()),
        false => Err(NotRecognised::BadLength(name.len())),
    }
}

fn strong(kind: &'static str, value: &str) -> Ids {
    Ids { strong: vec![Id::new(kind, value)], weak: Vec::new() }
}

fn weak(handle: String) -> Ids {
    Ids { strong: Vec::new(), weak: vec![Id::new(id_kind::TIKTOK_HANDLE, handle)] }
}

fn sec_uid(text: &str) -> Option<&str> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    ((20..=128).contains(&text.len()) && text.bytes().all(good)).then_some(text)
}

/// A number that lost digits: written with an exponent, or with zeros behind the 15th digit.
fn rounded(text: &str) -> Option<String> {
    let number = text.replace(',', ".");
    let (digits, exponent) = match number.to_ascii_lowercase().split_once('e') {
        Some((digits, exponent)) => (digits.to_owned(), Some(exponent.to_owned())),
        None => (number, None),
    };
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if let Some(exponent) = exponent {
        let exponent = exponent.strip_prefix('+').unwrap_or(&exponent);
        let large = exponent.len() <= 3 && exponent.parse::<u16>().is_ok_and(|exponent| exponent >= 5);
        return (plain(&digits) && digits.starts_with(|c: char| c.is_ascii_digit()) && large)
            .then(|| text.to_owned());
    }
    // `7012345678901230000.0`, as some programs write numbers.
    let whole = digits.strip_suffix(".0").unwrap_or(&digits);
    let zeros = whole.get(KEPT_DIGITS..)?;
    let lost =
        plain(whole) && !whole.contains('.') && !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0');
    lost.then(|| text.to_owned())
}

/// Takes out what cannot be seen and makes one of every way to write a character: full-width forms, blanks.
fn clean(text: &str) -> String {
    let visible = text.chars().filter_map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        '\u{fe6b}' => Some('@'),
        // Zero-width, joiners, directions, marks of byte order, soft hyphens, variation selectors.
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{ad}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{180e}' => None,
        '\r' => None,
        '\n' => Some('\n'),
        c if c.is_whitespace() => Some(' '),
        c if c.is_control() => None,
        c => Some(c),
    });
    let text: String = visible.collect();
    let text =
        text.trim().trim_matches(['"', '\'', '`', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']).trim();
    match text.strip_prefix('@') {
        Some(name) => format!("@{}", name.trim_start()),
        None => text.to_owned(),
    }
}

/// The link in a text, if there is one: it may stand between other words.
fn link(text: &str) -> Result<Option<&str>, NotRecognised> {
    let is_link = |word: &&str| {
        let lower = word.to_ascii_lowercase();
        lower.contains("://") || lower.starts_with("www.") || host(&lower).contains("tiktok.com")
    };
    let mut links = text.split([' ', '\n', ',']).filter(is_link);
    let Some(first) = links.next() else { return Ok(None) };
    if links.any(|other| other != first) { Err(NotRecognised::Several) } else { Ok(Some(first)) }
}

fn after_scheme(link: &str) -> &str {
    link.split_once("://").map_or(link, |(_, rest)| rest)
}

fn host(link: &str) -> &str {
    after_scheme(link).split(['/', '?', '#']).next().unwrap_or_default()
}

fn of_link(link: &str) -> Result<Ids, NotRecognised> {
    let host = host(link).to_ascii_lowercase();
    let host = host.split('@').next_back().unwrap_or_default().split(':').next().unwrap_or_default();
    if host != "tiktok.com" && !host.ends_with(".tiktok.com") {
        return Err(NotRecognised::OtherSite(host.chars().take(60).collect()));
    }
    let rest = after_scheme(link);
    let (path, query) = rest.split_once('?').unwrap_or((rest.split('#').next().unwrap_or_default(), ""));
    let mut parts = path.split('/').skip(1).filter(|part| !part.is_empty()).map(unescaped);
    let first = parts.next().unwrap_or_default();
    if let Some(name) = first.strip_prefix('@') {
        return of_path_name(name);
    }
    if let Some(key) =
        parameter(query, &["sec_uid", "sec_user_id"]).and_then(|key| sec_uid(&key).map(str::to_owned))
    {
        return Ok(strong(id_kind::TIKTOK_SEC_UID, &key));
    }
    let rest: Vec<String> = parts.collect();
    let user = rest.iter().position(|part| matches!(part.as_str(), "user" | "usr"));
    let user = if first == "user" { rest.first() } else { user.and_then(|at| rest.get(at + 1)) };
    if let Some(number) = user.map(|part| part.trim_end_matches(".html")) {
        let is_uid = UID.contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
        return if is_uid { Ok(strong(id_kind::TIKTOK_UID, number)) } else { Err(NotRecognised::OtherPage) };
    }
    Err(match first.as_str() {
        "v" | "video" | "embed" => NotRecognised::PostOnly,
        "t" => NotRecognised::ShortLink,
        _ if matches!(host, "vm.tiktok.com" | "vt.tiktok.com") => NotRecognised::ShortLink,
        _ => NotRecognised::OtherPage,
    })
}

/// The handle in a link's path. `@` followed by a second key is a profile, too.
fn of_path_name(name: &str) -> Result<Ids, NotRecognised> {
    match name.starts_with(SEC_UID_PREFIX) {
        true => sec_uid(name).map(|key| strong(id_kind::TIKTOK_SEC_UID, key)).ok_or(NotRecognised::BadKey),
        false => handle(name.trim()).map(weak),
    }
}

fn parameter(query: &str, names: &[&str]) -> Option<String> {
    let mut pairs = query.split(['&', '#']).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| names.contains(name)).map(|(_, value)| unescaped(value))
}

/// `%40` as `@`: the characters links write as numbers.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                digit(high).zip(digit(low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
