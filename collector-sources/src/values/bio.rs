//! What a biography tells besides its text: links and an e-mail address.

use collector_core::creator::CreatorSighting;
use url::Url;

use super::text::clipped;

/// Links kept of one biography.
const MOST_LINKS: usize = 10;

/// Longest link kept, in bytes.
const LONGEST_LINK: usize = 500;

/// What stands where an address was.
const MASK: &str = "[e-mail]";

/// A text without its e-mail addresses, unless they are to be kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    pub(crate) text: String,
    /// Whether there is an address.
    pub(crate) has_email: bool,
    /// The first address, when they are to be kept.
    pub(crate) email: Option<String>,
}

/// Longest texts kept, in characters; the platforms' own limits are far below.
const LONGEST_NAME: usize = 200;
const LONGEST_BIO: usize = 5_000;

/// Sets the display name, if it says something.
pub(crate) fn set_name(seen: &mut CreatorSighting, name: &str, keep_email: bool) {
    if name.trim().is_empty() {
        return;
    }
    let name = mask(&clipped(name, LONGEST_NAME), keep_email);
    note_email(seen, name.has_email, name.email);
    seen.name = Some(name.text.into());
}

/// Sets the biography, and the links in it. An empty one is known to be empty.
pub(crate) fn set_bio(seen: &mut CreatorSighting, about: &str, keep_email: bool) {
    let about = mask(&clipped(about, LONGEST_BIO), keep_email);
    note_email(seen, about.has_email, about.email);
    seen.links = links(&about.text);
    seen.bio = Some(about.text.into());
}

/// Adds a link that stands beside the biography.
pub(crate) fn add_link(seen: &mut CreatorSighting, text: &str) {
    let whole =
        if text.contains("://") { text.trim().to_owned() } else { format!("https://{}", text.trim()) };
    if let Some(link) = link(&whole).filter(|link| !seen.links.contains(link)) {
        seen.links.insert(0, link);
    }
}

/// The biography's address comes before that of the name.
fn note_email(seen: &mut CreatorSighting, has_email: bool, email: Option<String>) {
    seen.has_email = (has_email || seen.has_email == Some(true)).then_some(true);
    seen.email = email.map(Into::into).or(seen.email.take());
}

/// Finds e-mail addresses, and masks them unless `keep` is set.
pub(crate) fn mask(text: &str, keep: bool) -> Masked {
    let mut masked = Masked { text: String::with_capacity(text.len()), has_email: false, email: None };
    let mut rest = text;
    while let Some((before, address, after)) = next_address(rest) {
        masked.has_email = true;
        masked.text.push_str(before);
        masked.text.push_str(if keep { address } else { MASK });
        if keep && masked.email.is_none() {
            masked.email = Some(address.replace('＠', "@"));
        }
        rest = after;
    }
    masked.text.push_str(rest);
    masked
}

/// The text before the first address, the address, and the text after it.
fn next_address(text: &str) -> Option<(&str, &str, &str)> {
    text.char_indices().filter(|(_, c)| matches!(c, '@' | '＠')).find_map(|(at, sign)| {
        let (before, _) = text.split_at_checked(at)?;
        let (_, after) = text.split_at_checked(at + sign.len_utf8())?;
        let local = before.len() - before.trim_end_matches(is_local).len();
        let domain = domain_length(after)?;
        if local == 0 {
            return None;
        }
        let (before, _) = text.split_at_checked(at - local)?;
        let (address, after) = text.get(at - local..)?.split_at_checked(local + sign.len_utf8() + domain)?;
        Some((before, address, after))
    })
}

fn is_local(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '%' | '+' | '-')
}

/// The length of the host name `text` begins with: at least one dot, and letters after the last one.
fn domain_length(text: &str) -> Option<usize> {
    let end =
        text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))).unwrap_or(text.len());
    let name = text.get(..end)?.trim_end_matches(['.', '-']);
    is_domain(name).then_some(name.len())
}

fn is_domain(name: &str) -> bool {
    let Some((labels, top)) = name.rsplit_once('.') else { return false };
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    top.len() >= 2 && top.bytes().all(|byte| byte.is_ascii_alphabetic()) && labels.split('.').all(label)
}

/// The links in a text, complete with scheme: those that have one, `www.` names, and names with a path.
pub(crate) fn links(text: &str) -> Vec<Box<str>> {
    let mut links: Vec<Box<str>> = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || !c.is_ascii() || ",;()<>[]{}\"'|".contains(c)) {
        let Some(link) = link(word.trim_end_matches(['.', ',', ':', '!', '?'])) else { continue };
        if links.len() < MOST_LINKS && !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

fn link(word: &str) -> Option<Box<str>> {
    let whole = if word.starts_with("https://") || word.starts_with("http://") {
        word.to_owned()
    } else {
        let (host, path) = word.split_once('/').unwrap_or((word, ""));
        let named = host.starts_with("www.") || !path.is_empty();
        (named && is_domain(host)).then(|| format!("https://{word}"))?
    };
    let url = Url::parse(&whole).ok().filter(|url| url.username().is_empty() && url.password().is_none())?;
    (whole.len() <= LONGEST_LINK && is_domain(url.host_str()?)).then(|| whole.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_and_masked() {
        for (text, expected) in [
            ("collab: mina.k+work@mail.example.com ✨", "collab: [e-mail] ✨"),
            ("문의mina@naver.com으로", "문의[e-mail]으로"),
            ("a@b.co. b_c@d.org!", "[e-mail]. [e-mail]!"),
            ("full＠width.jp", "[e-mail]"),
        ] {
            let masked = mask(text, false);
            assert_eq!(
                (masked.text.as_str(), masked.has_email, masked.email),
                (expected, true, None),
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_is_kept_when_asked() {
        let masked = mask("hi full＠width.jp or a@b.com", true);
        assert_eq!(masked.text, "hi full＠width.jp or a@b.com");
        assert_eq!(masked.email.as_deref(), Some("full@width.jp"));
    }

    #[test]
    fn mentions_and_links_are_no_addresses() {
        for text in [
            "ig @mina.k",
            "IG:@mina.com",
            "https://youtube.com/@mina.k",
            "a@b",
            "a@.com",
            "a@b.c",
            "@",
            "",
            "1@2.3",
        ] {
            let masked = mask(text, false);
            assert_eq!((masked.text.as_str(), masked.has_email), (text, false));
        }
    }

    #[test]
    fn links_are_complete_and_told_apart_from_words() {
        let text = "shop↓ linktr.ee/mina (https://mina.example.com/a?b=1). www.mina.kr 뷰티 and/or 24/7 v1.5 mina.k \
                    javascript:alert(1) http://localhost/x https://me:pw@evil.com/ linktr.ee/mina";
        let expected = ["https://linktr.ee/mina", "https://mina.example.com/a?b=1", "https://www.mina.kr"];
        assert_eq!(links(text).iter().map(|link| &**link).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn links_are_bounded() {
        let many: String = (0..50).map(|i| format!("a.com/{i} ")).collect();
        assert_eq!(links(&many).len(), MOST_LINKS);
        assert!(links(&format!("a.com/{}", "x".repeat(LONGEST_LINK))).is_empty());
    }
}
