//! How people write creators, hashtags and countries, and what we make of it.

use collector_core::creator::id_kind;
use collector_core::id::Id;

/// The longest handle any platform gives out, with room to spare.
const MAX_HANDLE: usize = 64;

/// What TikTok's second keys begin with.
const SEC_UID_PREFIX: &str = "MS4wLjAB";

/// Reads a handle: `name`, `@name`, or a link to the profile. Gives it without `@`, in lower case.
///
/// # Errors
/// Says what is wrong with it.
pub fn handle(text: &str) -> Result<String, String> {
    let text = text.trim();
    let name = match text.split_once("tiktok.com/") {
        Some((_, path)) => path.split(['?', '#', '/']).next().unwrap_or_default(),
        None => text,
    };
    let name = name.strip_prefix('@').unwrap_or(name);
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || name.len() > MAX_HANDLE || !name.chars().all(is_plain) {
        let shown: String = text.chars().take(MAX_HANDLE).collect();
        return Err(format!(
            "{shown:?} is no handle; write it as @name, with letters, digits, `_`, `.` and `-`"
        ));
    }
    Ok(name.to_lowercase())
}

/// Reads a hashtag, with or without `#`.
///
/// # Errors
/// Says what is wrong with it.
pub fn hashtag(text: &str) -> Result<String, String> {
    let name = text.trim().trim_start_matches('#');
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',') {
        return Err(format!("{text:?} is no hashtag; write one word, with or without #"));
    }
    Ok(name.to_owned())
}

/// Reads a country, as two letters.
///
/// # Errors
/// Says what is wrong with it.
pub fn region(text: &str) -> Result<String, String> {
    let code = text.trim();
    if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(code.to_ascii_uppercase())
    } else {
        Err(format!("{text:?} is no country; write two letters, such as \"KR\" (ISO 3166)"))
    }
}

/// Reads what somebody typed to name one creator: the identities it can mean, likeliest first.
///
/// `@name` is a handle, a row of digits the platform's number, `MS4wLj…` its second key, `kind:value` any identity.
///
/// # Errors
/// Says what is wrong with it.
pub fn subject(text: &str) -> Result<Vec<Id>, String> {
    let text = text.trim();
    if let Some((kind, value)) =
        text.rsplit_once(':').filter(|(kind, _)| kind.contains(':') && !kind.contains('/'))
    {
        if value.is_empty() {
            return Err(format!("{text:?} names no value; write it as kind:value, such as tiktok:uid:6784"));
        }
        let value = if kind == id_kind::TIKTOK_HANDLE { handle(value)? } else { value.to_owned() };
        return Ok(vec![Id::new(kind.to_owned(), value)]);
    }
    if text.starts_with(SEC_UID_PREFIX) {
        return Ok(vec![Id::new(id_kind::TIKTOK_SEC_UID, text)]);
    }
    let by_handle = Id::new(id_kind::TIKTOK_HANDLE, handle(text)?);
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(vec![Id::new(id_kind::TIKTOK_UID, text), by_handle]);
    }
    Ok(vec![by_handle])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_read_however_people_write_them() {
        for text in [
            "Some.Body",
            "@some.body",
            " @some.body ",
            "https://www.tiktok.com/@some.body?lang=en",
            "tiktok.com/@Some.Body/video/1",
        ] {
            assert_eq!(handle(text).as_deref(), Ok("some.body"), "{text}");
        }
        for text in ["", "@", "two words", "a,b", "x\u{7}", "a/b", &"x".repeat(65)] {
            assert!(handle(text).is_err(), "{text:?}");
        }
        assert_eq!(handle("뷰티_지은").as_deref(), Ok("뷰티_지은"));
    }

    #[test]
    fn a_subject_is_told_apart_by_its_form() {
        let kinds =
            |text: &str| -> Vec<String> { subject(text).unwrap().iter().map(ToString::to_string).collect() };
        assert_eq!(kinds("@Jo"), ["tiktok:handle:jo"]);
        assert_eq!(kinds("jo"), ["tiktok:handle:jo"]);
        assert_eq!(kinds("6784"), ["tiktok:uid:6784", "tiktok:handle:6784"]);
        assert_eq!(kinds("@6784"), ["tiktok:handle:6784"]);
        assert_eq!(kinds("MS4wLjABAAAAx"), ["tiktok:sec_uid:MS4wLjABAAAAx"]);
        assert_eq!(kinds("tiktok:handle:@Jo"), ["tiktok:handle:jo"]);
        assert_eq!(kinds("acme:member:7"), ["acme:member:7"]);
        assert_eq!(kinds("https://www.tiktok.com/@jo"), ["tiktok:handle:jo"]);
        assert!(subject("tiktok:uid:").is_err() && subject("").is_err());
    }

    #[test]
    fn hashtags_and_regions_are_tidied() {
        assert_eq!(hashtag("#kbeauty").as_deref(), Ok("kbeauty"));
        assert!(hashtag("#").is_err() && hashtag("k beauty").is_err());
        assert_eq!(region("kr").as_deref(), Ok("KR"));
        assert!(region("Korea").is_err());
    }
}
