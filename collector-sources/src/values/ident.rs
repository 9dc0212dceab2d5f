//! What identifies people and posts here, and what cannot.

/// A handle in its canonical spelling: no `@`, lower case. `None` when no handle looks like this.
pub(crate) fn handle(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('@').unwrap_or(text);
    // The platform allows 24 characters today; older accounts have longer ones.
    let fits = (1..=64).contains(&text.len());
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    (fits && text.bytes().all(good)).then(|| text.to_ascii_lowercase())
}

/// Whether this looks like a `secUid`: 55 to 76 characters seen, URL-safe base64.
pub(crate) fn is_sec_uid(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (20..=128).contains(&text.len()) && text.bytes().all(good)
}

/// Whether this looks like an account's number: 7 to 19 digits seen.
pub(crate) fn is_uid(text: &str) -> bool {
    is_number(text) && text != "0"
}

/// Whether this looks like a post's id: 19 digits seen.
pub(crate) fn is_post_id(text: &str) -> bool {
    text.len() >= 2 && is_number(text)
}

/// The id of a post given by it, or by a link to the post. Short links hold none.
pub(crate) fn post(text: &str) -> Option<String> {
    let text = text.trim();
    let link = text.split_once("tiktok.com/").and_then(|(_, path)| {
        let (_, id) = path.split_once("/video/").or_else(|| path.split_once("/photo/"))?;
        id.split(['?', '#', '/']).next()
    });
    Some(link.unwrap_or(text)).filter(|id| is_post_id(id)).map(str::to_owned)
}

/// The words of a search: lower case, single spaces. `None` when there is nothing to search for.
pub(crate) fn keyword(text: &str) -> Option<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let fits = !words.is_empty() && words.chars().count() <= 150;
    (fits && !words.contains(char::is_control)).then_some(words)
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A hashtag in its canonical spelling: no `#`, lower case. `None` when it cannot be one.
pub(crate) fn hashtag(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix('#').unwrap_or(text);
    let bad = |c: char| c.is_whitespace() || c.is_control() || c == '#' || c == '@';
    let fits = !text.is_empty() && text.chars().count() <= 150;
    (fits && !text.contains(bad)).then(|| text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_lose_the_at_sign_and_their_case() {
        assert_eq!(handle(" @Mina.Beauty_7 ").as_deref(), Some("mina.beauty_7"));
        for garbage in ["", "@", "a b", "뷰티", "x/y", "@@x", "a@b.com", &"x".repeat(65)] {
            assert_eq!(handle(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn hashtags_may_be_of_any_script() {
        assert_eq!(hashtag("#K뷰티").as_deref(), Some("k뷰티"));
        assert_eq!(hashtag("a&b=c+d%").as_deref(), Some("a&b=c+d%"));
        for garbage in ["", "#", "two words", "##x", "a\u{7}", &"x".repeat(151)] {
            assert_eq!(hashtag(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn a_post_is_named_by_id_or_link() {
        for text in [
            "7234567890123456789",
            " https://www.tiktok.com/@mina/video/7234567890123456789?lang=ko#x ",
            "tiktok.com/@mina/photo/7234567890123456789",
        ] {
            assert_eq!(post(text).as_deref(), Some("7234567890123456789"), "{text}");
        }
        for garbage in ["https://vm.tiktok.com/ZM8abc/", "https://www.tiktok.com/@mina", "x/video/12", ""] {
            assert_eq!(post(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn words_of_a_search_are_tidied() {
        assert_eq!(keyword("  Skin\tCare ").as_deref(), Some("skin care"));
        for garbage in ["", " ", "a\u{7}", &"x".repeat(151)] {
            assert_eq!(keyword(garbage), None, "{garbage}");
        }
    }

    #[test]
    fn numbers_and_keys_have_bounds() {
        assert!(is_uid("1234567") && is_uid("7234567890123456789"));
        assert!(!is_uid("0") && !is_uid("") && !is_uid("12a") && !is_uid(&"1".repeat(21)));
        assert!(is_post_id("7234567890123456789") && !is_post_id("7") && !is_post_id("7;8"));
        assert!(
            is_sec_uid("MS4wLjABAAAA-made_up-0123456789")
                && !is_sec_uid("MS4w")
                && !is_sec_uid(&"x".repeat(129))
        );
    }
}
