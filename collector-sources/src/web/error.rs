//! What a page means that is not the one asked for. Pure.
//!
//! | answer | kind or absence |
//! | --- | --- |
//! | 404 | absent: not found |
//! | 410 | absent: deleted |
//! | 451 | absent: restricted |
//! | 401, 403; a redirect to `/login`; a page that wants to see a person | `Blocked` |
//! | 429 | `RateLimited`, with the wait asked for |
//! | 408, 425, 5xx | `Unavailable`, with the wait asked for |
//! | a redirect to another site, any other status | `Rejected` |
//! | no page of HTML | `Malformed` |

use collector_core::error::{Error, ErrorKind, Result};
use collector_core::task::{Absence, Payload};

use crate::http::waiting;

/// How much of a page is searched for what it is.
const HEAD: usize = 256 << 10;

/// What pages say that want to see a person, by whom they come from.
const CHALLENGES: [(&str, &str); 16] = [
    ("id=\"wci\"", "a script challenge"),
    ("waforiginalreid", "a script challenge"),
    ("_wafchallengeid", "a script challenge"),
    ("tiktok-verify-page", "a captcha"),
    ("captcha_verify", "a captcha"),
    ("verify-bar-close", "a captcha"),
    ("sec-sdk-iframe", "a captcha"),
    ("secsdk-captcha", "a captcha"),
    ("verify to continue", "a captcha"),
    ("cf-turnstile", "a captcha"),
    ("challenge-platform", "a script challenge"),
    ("cf-chl-", "a script challenge"),
    ("_incapsula_resource", "a script challenge"),
    ("captcha-delivery.com", "a captcha"),
    ("g-recaptcha", "a captcha"),
    ("h-captcha", "a captcha"),
];

/// What the answer as a whole says before its text is read: nothing to get, or nothing at all.
///
/// # Errors
/// See the module's table.
pub(super) fn judge(payload: &Payload) -> Result<Option<Absence>> {
    let error = |kind, message: &str| Error::new(kind, message).with("status", payload.status);
    match payload.status {
        200..=299 => content(payload).map(|()| None),
        404 => Ok(Some(Absence::NotFound)),
        410 => Ok(Some(Absence::Deleted)),
        451 => Ok(Some(Absence::Restricted)),
        401 | 403 => Err(error(ErrorKind::Blocked, "the site does not let us read the page")),
        429 => Err(waiting(error(ErrorKind::RateLimited, "the site asks us to slow down"), payload)),
        408 | 425 | 500.. => {
            Err(waiting(error(ErrorKind::Unavailable, "the site cannot serve the page"), payload))
        }
        300..=399 if leads_to_login(payload) => {
            Err(error(ErrorKind::Blocked, "the site shows the page only to visitors who logged in"))
        }
        300..=399 => Err(error(
            ErrorKind::Rejected,
            "the page redirects to another site, or in a circle: correct the address, or add the host to `hosts`",
        )),
        _ => Err(error(ErrorKind::Rejected, "the site refuses the request")),
    }
}

/// Whether a redirect that was not followed leads to a page where one logs in.
fn leads_to_login(payload: &Payload) -> bool {
    payload.header("location").is_some_and(is_login)
}

/// Whether an address, or the path of one, is where one logs in.
pub(super) fn is_login(location: &str) -> bool {
    let path = match location.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
        None => location.trim_start_matches('/'),
    };
    let first = path.split(['/', '?', '#']).next().unwrap_or_default();
    matches!(first.to_ascii_lowercase().as_str(), "login" | "signin" | "sign-in")
}

fn content(payload: &Payload) -> Result<()> {
    let media = payload.header("content-type").unwrap_or("text/html");
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(media.as_str(), "text/html" | "application/xhtml+xml" | "text/plain" | "application/xml" | "")
    {
        return Ok(());
    }
    let message = "the answer is no page of HTML: correct the address";
    Err(Error::new(ErrorKind::Malformed, message)
        .with("content_type", media.chars().take(80).collect::<String>()))
}

/// Why a page without what was looked for is no answer at all: somebody in between wants to see a person.
pub(super) fn challenge(text: &str) -> Option<Error> {
    let head = text.get(..text.floor_char_boundary(HEAD)).unwrap_or_default().to_ascii_lowercase();
    let (_, what) = CHALLENGES.iter().find(|(mark, _)| head.contains(mark))?;
    Some(blocked(&format!("{what} came instead of the page")))
}

pub(super) fn blocked(message: &str) -> Error {
    Error::new(ErrorKind::Blocked, message)
}

#[cfg(test)]
mod tests {
    use collector_core::clock::Timestamp;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)]) -> Payload {
        let mut payload = Payload::new("<p>x", Timestamp::from_secs(1_700_000_000));
        payload.status = status;
        payload.headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        payload
    }

    #[test]
    fn every_status_means_what_the_table_says() {
        use ErrorKind::{Blocked, RateLimited, Rejected, Unavailable};
        for (status, expected) in [
            (200, Ok(None)),
            (204, Ok(None)),
            (404, Ok(Some(Absence::NotFound))),
            (410, Ok(Some(Absence::Deleted))),
            (451, Ok(Some(Absence::Restricted))),
            (401, Err(Blocked)),
            (403, Err(Blocked)),
            (429, Err(RateLimited)),
            (400, Err(Rejected)),
            (302, Err(Rejected)),
            (408, Err(Unavailable)),
            (500, Err(Unavailable)),
            (524, Err(Unavailable)),
        ] {
            assert_eq!(judge(&answer(status, &[])).map_err(|error| error.kind()), expected, "{status}");
        }
        let wait = judge(&answer(503, &[("retry-after", "7")])).unwrap_err().wait();
        assert_eq!(wait.map(|wait| wait.as_secs()), Some(7));
    }

    #[test]
    fn a_redirect_to_a_login_is_a_closed_door() {
        for (location, login) in [
            ("/login", true),
            ("/login?redirect_url=x", true),
            ("https://www.site.test/login/phone", true),
            ("/loginfoo", false),
            ("https://site.test/@login", false),
            ("/", false),
        ] {
            let kind = judge(&answer(302, &[("location", location)])).unwrap_err().kind();
            assert_eq!(kind == ErrorKind::Blocked, login, "{location}");
        }
    }

    #[test]
    fn only_pages_are_read() {
        for (media, page) in [
            ("text/html; charset=x", true),
            ("application/xhtml+xml", true),
            ("image/png", false),
            ("application/json", false),
        ] {
            assert_eq!(judge(&answer(200, &[("content-type", media)])).is_ok(), page, "{media}");
        }
    }

    #[test]
    fn who_wants_to_see_a_person_is_recognised() {
        for page in [
            "<p>Please wait...<p id=\"cs\" class=\"e30\"><p id=\"wci\" class=\"_wafchallengeid\">",
            "<div class=captcha_verify_container>",
            "<title>Verify to continue</title>",
            "<iframe src='/_Incapsula_Resource?x'>",
            "<div class='cf-turnstile'>",
        ] {
            assert_eq!(challenge(page).map(|error| error.kind()), Some(ErrorKind::Blocked), "{page}");
        }
        assert!(challenge("<p>A page about captchas and verification").is_none());
    }
}
