//! A link to a picture: what may be asked for, what it stands for, when it ends.

use std::net::SocketAddr;

use collector_core::clock::Timestamp;
use url::{Host, Url};

/// Longer links are refused; signed ones have some five hundred characters.
const LONGEST: usize = 4_096;

/// A path with a part as long as this names its picture by itself: such parts are hashes and storage keys.
const NAMING: usize = 16;

/// Endings of names that only a local network resolves.
const LOCAL_NAMES: [&str; 6] = ["localhost", "localdomain", "local", "internal", "intranet", "home.arpa"];

/// A link that may be asked for, as far as its text tells. The addresses behind its name are checked when they are
/// looked up.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Link {
    url: Url,
}

impl Link {
    /// Reads a link; `allowed` are addresses that may be asked although they are not public.
    ///
    /// # Errors
    /// Says why it must not be asked for.
    pub(super) fn parse(text: &str, allowed: &[SocketAddr]) -> Result<Self, String> {
        let authority = authority(text)?;
        if authority.contains('@') {
            return Err("the link carries a user name".to_owned());
        }
        let url = Url::parse(text).map_err(|error| format!("the link cannot be read: {error}"))?;
        check_host(&url, allowed)?;
        Ok(Self { url })
    }

    /// Where this link leads on to.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse), and when the way leads from `https` to `http`.
    pub(super) fn join(&self, location: &str, allowed: &[SocketAddr]) -> Result<Self, String> {
        let url = self.url.join(location).map_err(|error| format!("the redirect cannot be read: {error}"))?;
        if self.url.scheme() == "https" && url.scheme() != "https" {
            return Err("the redirect gives up TLS".to_owned());
        }
        Self::parse(url.as_str(), allowed)
    }

    /// The address to ask, its query as it came.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Host and port: those who share them share limits.
    pub(super) fn host(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }

    /// What the link stands for, whatever its signature: links to one picture have one name.
    ///
    /// A signed link whose path names the picture loses host and query: networks hand out one picture from many
    /// hosts. Another signed link loses the parameters that belong to the signature. One that is not signed is its
    /// own name.
    pub(super) fn name(&self) -> String {
        let query = self.url.query().unwrap_or_default();
        if !parameters(query).any(|(name, _)| is_volatile(name)) {
            return self.url.as_str().to_owned();
        }
        let path = self.url.path();
        if path.split(['/', '~', '.']).any(|part| part.len() >= NAMING) {
            return path.to_owned();
        }
        let kept: Vec<&str> =
            query.split('&').filter(|pair| parameters(pair).all(|(name, _)| !is_volatile(name))).collect();
        let host = self.url.host_str().unwrap_or_default();
        if kept.is_empty() { format!("//{host}{path}") } else { format!("//{host}{path}?{}", kept.join("&")) }
    }

    /// When the link ends, if it says so.
    pub(super) fn ends_at(&self) -> Option<Timestamp> {
        let query = self.url.query().unwrap_or_default();
        parameters(query).find_map(|(name, value)| match name.to_ascii_lowercase().as_str() {
            "x-expires" | "expires" | "expiry" => plausible(value.parse().ok()?),
            "oe" => plausible(i64::from_str_radix(value, 16).ok()?),
            _ => None,
        })
    }
}

/// Moments outside of 2001 to 2100 are something else than the end of a link.
fn plausible(secs: i64) -> Option<Timestamp> {
    (1_000_000_000..4_102_444_800).contains(&secs).then(|| Timestamp::from_secs(secs))
}

fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether a parameter changes from answer to answer: signatures, expiries, one-time tokens, names of hosts.
fn is_volatile(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts = ["expire", "expiry", "sign", "token", "nonce", "policy", "hmac"];
    parts.iter().any(|part| name.contains(part))
        || name.starts_with("_nc_")
        || name.starts_with("x-amz-")
        || matches!(name.as_str(), "oe" | "oh" | "hdnts" | "hdnea")
}

/// The part between `//` and the path, of a link that is written as it should be.
fn authority(text: &str) -> Result<&str, String> {
    if text.len() > LONGEST {
        return Err(format!("the link has {} characters, at most {LONGEST} are taken", text.len()));
    }
    // The parser would quietly drop or turn these, and others might not.
    if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
        return Err("the link holds blanks, control characters or backslashes".to_owned());
    }
    let (scheme, rest) = text.split_once("://").ok_or("the link is not http:// or https://")?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err("the link is not http:// or https://".to_owned());
    }
    Ok(rest.split(['/', '?', '#']).next().unwrap_or_default())
}

fn check_host(url: &Url, allowed: &[SocketAddr]) -> Result<(), String> {
    let port = url.port_or_known_default().unwrap_or_default();
    let bare = match url.host() {
        Some(Host::Ipv4(address)) => SocketAddr::new(address.into(), port),
        Some(Host::Ipv6(address)) => SocketAddr::new(address.into(), port),
        Some(Host::Domain(name)) => return check_name(name, port),
        None => return Err("the link names no host".to_owned()),
    };
    // Pictures live behind names; bare addresses are how one asks for what has no public name.
    if allowed.contains(&bare) { Ok(()) } else { Err(format!("the link goes to the bare address {bare}")) }
}

fn check_name(name: &str, port: u16) -> Result<(), String> {
    if !matches!(port, 80 | 443) {
        return Err(format!("the link goes to port {port}, only 80 and 443 are asked"));
    }
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let is_local =
        |ending: &&str| name.strip_suffix(*ending).is_some_and(|head| head.is_empty() || head.ends_with('.'));
    if !name.contains('.') || LOCAL_NAMES.iter().any(is_local) {
        return Err("the link goes to a name of the local network".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(text: &str) -> Link {
        Link::parse(text, &[]).unwrap()
    }

    #[test]
    fn the_query_of_a_signed_link_is_left_as_it_is() {
        let text =
            "https://p16.example.com/tos/a~c5_100x100.webp?x-expires=1793664000&x-signature=a%2Bb%2F%3D";
        assert_eq!(link(text).url().as_str(), text);
    }

    #[test]
    fn links_to_one_picture_have_one_name() {
        let same = [
            "https://p16-sign.example.com/tos-x/00112233445566778899~c5_720x720.webp?x-expires=1793664000&x-signature=a",
            "https://p77-sign.example.com/tos-x/00112233445566778899~c5_720x720.webp?x-expires=1793667600&x-signature=b%3D&idc=no1a",
        ];
        assert_eq!(link(same[0]).name(), link(same[1]).name());
        let other = "https://p16-sign.example.com/tos-x/99887766554433221100~c5_720x720.webp?x-expires=1793664000&x-signature=a";
        assert_ne!(link(same[0]).name(), link(other).name());
    }

    #[test]
    fn a_short_path_does_not_name_a_picture_alone() {
        let name = |text| link(text).name();
        assert_ne!(name("https://a.example.com/i?id=1&sign=x"), name("https://a.example.com/i?id=2&sign=x"));
        assert_ne!(name("https://a.example.com/i?id=1&sign=x"), name("https://b.example.com/i?id=1&sign=x"));
        assert_eq!(name("https://a.example.com/i?id=1&sign=x"), name("https://a.example.com/i?id=1&sign=y"));
        let plain = "https://yt3.example.com/abc=s88?v=2";
        assert_eq!(name(plain), plain);
    }

    #[test]
    fn a_link_says_when_it_ends() {
        let ends = |text: &str| link(text).ends_at().map(Timestamp::as_secs);
        assert_eq!(ends("https://a.example.com/x?x-expires=1793664000&y=1"), Some(1_793_664_000));
        assert_eq!(ends("https://a.example.com/x?oh=00&oe=6AE91000"), Some(0x6AE9_1000));
        for none in ["", "?x-expires=", "?x-expires=soon", "?expires=60", "?x-expires=99999999999999999999"] {
            assert_eq!(ends(&format!("https://a.example.com/x{none}")), None, "{none}");
        }
    }

    #[test]
    fn a_redirect_never_gives_up_tls() {
        let from = link("https://a.example.com/x");
        assert!(from.join("http://a.example.com/x", &[]).unwrap_err().contains("TLS"));
        assert_eq!(from.join("/y", &[]).unwrap().url().as_str(), "https://a.example.com/y");
        assert!(link("http://a.example.com/x").join("https://b.example.com/", &[]).is_ok());
        assert!(from.join("https://169.254.169.254/", &[]).is_err());
    }
}
