//! `robots.txt` by RFC 9309, with the edge cases that Google publishes. Pure.
//!
//! | question | answer |
//! | --- | --- |
//! | which groups count | all that name our token exactly, in any case, put together; if none does, all of `*`; else none |
//! | which rule wins | the longest pattern; `Allow` when two are as long; no match allows |
//! | what is compared | path and query; unreserved characters decoded, others encoded, in rule and address alike |
//! | `*`, `$` | any characters; the end of the address, as the last character of a rule only |
//! | an empty rule | nothing |
//! | a line without a meaning | left out; it does not end a group |
//! | `Allow: /a/index.html` | allows `/a/` as well |
//! | `Disallow /a`, `useragent`, `dissallow` … | taken for what they mean |
//! | lines and files that are too long | read up to 16,664 and 512,000 bytes |
//! | `/robots.txt` | always allowed |

use std::time::Duration;

/// Bytes of a file that are read: the RFC asks for at least so many.
pub(super) const MOST_BYTES: usize = 500 << 10;

/// Bytes of a line that are read.
const LONGEST_LINE: usize = 16_664;

/// What a site asks its visitors.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Robots {
    groups: Vec<Group>,
}

/// Agents, and the rules for them.
#[derive(Debug, Clone, Default, PartialEq)]
struct Group {
    /// Product tokens in lower case; `*` stands for all.
    agents: Vec<String>,
    rules: Vec<Rule>,
    delay: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    allow: bool,
    pattern: String,
}

impl Robots {
    /// Reads whatever can be read.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let bytes = bytes.get(..MOST_BYTES).unwrap_or(bytes);
        let mut robots = Self::default();
        // Whether the lines so far in this group only name agents.
        let mut naming = false;
        for line in without_mark(bytes).split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = String::from_utf8_lossy(line.get(..LONGEST_LINE).unwrap_or(line));
            let Some((key, value)) = key_and_value(&line) else { continue };
            match Key::of(key) {
                Key::Agent => {
                    if !naming {
                        robots.groups.push(Group::default());
                        naming = true;
                    }
                    if let Some(group) = robots.groups.last_mut() {
                        group.agents.extend(agent(value));
                    }
                }
                key @ (Key::Allow | Key::Disallow) => {
                    naming = false;
                    if let Some(group) = robots.groups.last_mut() {
                        group.add(key == Key::Allow, value);
                    }
                }
                Key::Delay => {
                    if let Some(group) = robots.groups.last_mut() {
                        group.delay = delay(value).or(group.delay);
                    }
                }
                Key::Other => {}
            }
        }
        robots
    }

    /// Whether the visitor called `token` may ask for `path`, which begins with `/` and includes the query.
    pub(super) fn allows(&self, token: &str, path: &str) -> bool {
        let path = path.split('#').next().unwrap_or_default();
        let path =
            if path.starts_with('/') { normal(path, false) } else { format!("/{}", normal(path, false)) };
        if path == "/robots.txt" {
            return true;
        }
        let rules = self.groups(token).flat_map(|group| &group.rules);
        let matching = rules.filter(|rule| matches(&rule.pattern, &path));
        let strongest = matching.max_by_key(|rule| (rule.pattern.len(), rule.allow));
        strongest.is_none_or(|rule| rule.allow)
    }

    /// The pause between two requests that the visitor called `token` is asked for.
    pub(super) fn crawl_delay(&self, token: &str) -> Option<Duration> {
        self.groups(token).filter_map(|group| group.delay).max()
    }

    fn groups(&self, token: &str) -> impl Iterator<Item = &Group> {
        let token = token.to_ascii_lowercase();
        let named =
            |name: &str| self.groups.iter().any(|group| group.agents.iter().any(|agent| agent == name));
        let name = if named(&token) { token } else { "*".to_owned() };
        self.groups.iter().filter(move |group| group.agents.contains(&name))
    }
}

impl Group {
    fn add(&mut self, allow: bool, value: &str) {
        if value.is_empty() {
            return;
        }
        let pattern = normal(value, true);
        // A directory's index is the directory.
        if allow
            && let Some((folder, name)) = pattern.rsplit_once('/')
            && name.starts_with("index.htm")
        {
            self.rules.push(Rule { allow, pattern: format!("{folder}/$") });
        }
        self.rules.push(Rule { allow, pattern });
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Key {
    Agent,
    Allow,
    Disallow,
    Delay,
    Other,
}

impl Key {
    fn of(key: &str) -> Self {
        let key = key.to_ascii_lowercase();
        let begins = |names: &[&str]| names.iter().any(|name| key.starts_with(name));
        if begins(&["user-agent", "useragent", "user agent"]) {
            Self::Agent
        } else if begins(&["allow"]) {
            Self::Allow
        } else if begins(&["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"]) {
            Self::Disallow
        } else if key == "crawl-delay" {
            Self::Delay
        } else {
            Self::Other
        }
    }
}

/// The file without a byte order mark, or the part of one.
fn without_mark(bytes: &[u8]) -> &[u8] {
    let mark = [0xef, 0xbb, 0xbf];
    let common = bytes.iter().zip(mark).take_while(|(byte, mark)| **byte == *mark).count();
    bytes.get(common..).unwrap_or_default()
}

/// Key and value of a line, without comment and blanks. Without a colon white space may stand for it, when it is the
/// only one.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let (key, value) = match line.split_once(':') {
        Some(parts) => parts,
        None => {
            let (key, value) = line.split_once([' ', '\t'])?;
            let value = value.trim();
            (!value.contains([' ', '\t'])).then_some((key, value))?
        }
    };
    let key = key.trim();
    (!key.is_empty()).then_some((key, value.trim()))
}

/// The product token of a line: `FooBot/2.1` names `foobot`. `* and more` names everybody.
fn agent(value: &str) -> Option<String> {
    let mut rest = value.chars();
    if rest.next() == Some('*') && rest.next().is_none_or(char::is_whitespace) {
        return Some("*".to_owned());
    }
    let token: String =
        value.chars().take_while(|c| c.is_ascii_alphabetic() || matches!(c, '_' | '-')).collect();
    (!token.is_empty()).then(|| token.to_ascii_lowercase())
}

/// Seconds, perhaps with a fraction; more than a day is no delay anybody waits for.
fn delay(value: &str) -> Option<Duration> {
    let seconds: f64 = value.parse().ok()?;
    (seconds > 0.0 && seconds <= 86_400.0).then(|| Duration::from_secs_f64(seconds))
}

/// A path in one spelling: unreserved characters as they are, all others that need it encoded, hex digits large. In
/// an address `*` and `$` are characters like others; in a rule only `$` before the end is.
fn normal(text: &str, is_rule: bool) -> String {
    let bytes = text.as_bytes();
    let mut normal = String::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |step: usize| bytes.get(at + step).and_then(|digit| char::from(*digit).to_digit(16));
        let encoded = (byte == b'%').then(|| Some(hex(1)? * 16 + hex(2)?)).flatten();
        let last = at + 1 == bytes.len();
        match encoded.and_then(|code| u8::try_from(code).ok()) {
            Some(code) => {
                at += 2;
                if code.is_ascii_alphanumeric() || matches!(code, b'-' | b'.' | b'_' | b'~') {
                    normal.push(char::from(code));
                } else {
                    push_encoded(&mut normal, code);
                }
            }
            None if !byte.is_ascii() || byte.is_ascii_control() || byte == b' ' => {
                push_encoded(&mut normal, byte)
            }
            None if byte == b'*' && !is_rule => push_encoded(&mut normal, byte),
            None if byte == b'$' && !(is_rule && last) => push_encoded(&mut normal, byte),
            None => normal.push(char::from(byte)),
        }
        at += 1;
    }
    normal
}

fn push_encoded(text: &mut String, byte: u8) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    text.push('%');
    text.extend([byte >> 4, byte & 15].map(|digit| HEX.get(usize::from(digit)).copied().unwrap_or('0')));
}

/// Whether a path begins with what a pattern says.
fn matches(pattern: &str, path: &str) -> bool {
    let (pattern, to_the_end) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut parts = pattern.split('*');
    let Some(mut rest) = path.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return !to_the_end || rest.is_empty() };
    for part in middle {
        // The first place is the best: it leaves most for the rest.
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    if to_the_end { rest.ends_with(last) } else { rest.contains(last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(robots: &str, token: &str, path: &str) -> bool {
        Robots::parse(robots.as_bytes()).allows(token, path)
    }

    #[track_caller]
    fn check(robots: &str, token: &str, expected: &[(&str, bool)]) {
        for (path, allowed) in expected {
            assert_eq!(allows(robots, token, path), *allowed, "{token} {path} by {robots:?}");
        }
    }

    #[test]
    fn without_rules_everything_is_allowed() {
        for robots in
            ["", "\n\n", "# nothing", "<!DOCTYPE html><html><body>Not found</body></html>", "foo: /bar"]
        {
            check(robots, "collector", &[("/", true), ("/x?y=z", true)]);
        }
    }

    #[test]
    fn the_file_itself_is_always_allowed() {
        check(
            "User-agent: *\nDisallow: /",
            "collector",
            &[("/robots.txt", true), ("/robots.txt.bak", false)],
        );
    }

    #[test]
    fn lines_end_in_every_way_and_keys_have_any_case() {
        for robots in [
            "User-agent: collector\nDisallow: /x\n",
            "USER-AGENT: Collector\r\ndisallow:/x\r\n",
            "user-agent:collector\rDisallow  :  /x  # why\r",
            "\u{feff}User-agent: collector\nDisallow: /x",
            "user-agent: COLLECTOR/1.2 (more)\nDISALLOW: /x",
            "User-agent collector\nDisallow /x",
            "useragent: collector\ndissallow: /x",
            "user agent: collector\ndisalow: /x",
        ] {
            check(robots, "collector", &[("/x", false), ("/xyz", false), ("/y", true), ("/X", true)]);
        }
    }

    #[test]
    fn part_of_a_byte_order_mark_is_no_part_of_a_line() {
        for (mark, disallowed) in
            [(&b"\xef\xbb\xbf"[..], true), (b"\xef\xbb", true), (b"\xef", true), (b"\xef\x11\xbf", false)]
        {
            let robots = [mark, b"User-agent: collector\nDisallow: /"].concat();
            assert_eq!(Robots::parse(&robots).allows("collector", "/x"), !disallowed, "{mark:?}");
        }
    }

    #[test]
    fn a_group_is_agents_and_then_rules() {
        let robots = "Disallow: /before\n\
                      User-agent: a\nUser-agent: b\n\nDisallow: /both\n\
                      User-agent: c\nDisallow: /c\n\
                      Sitemap: https://x.test/s.xml\nHost: x.test\nDisallow: /c2\n\
                      User-agent: d\n\
                      Unknown: line\n\
                      User-agent: e\nDisallow: /de\n";
        check(robots, "a", &[("/both", false), ("/c", true), ("/before", true)]);
        check(robots, "b", &[("/both", false), ("/de", true)]);
        check(robots, "c", &[("/c", false), ("/c2", false), ("/both", true)]);
        check(robots, "d", &[("/de", false)]);
        check(robots, "e", &[("/de", false)]);
        check(robots, "f", &[("/both", true), ("/c", true), ("/de", true)]);
    }

    #[test]
    fn groups_of_one_agent_are_put_together_and_do_not_inherit_from_all() {
        let robots = "User-agent: *\nDisallow: /all\n\
                      User-agent: collector\nDisallow: /1\n\
                      User-agent: other\nDisallow: /o\n\
                      User-agent: Collector\nDisallow: /2\n\
                      User-agent: *\nDisallow: /more\n";
        check(
            robots,
            "collector",
            &[("/1", false), ("/2", false), ("/all", true), ("/more", true), ("/o", true)],
        );
        check(robots, "somebody", &[("/all", false), ("/more", false), ("/1", true)]);
        // An empty group of ours is one, too.
        check("User-agent: *\nDisallow: /\nUser-agent: collector\nDisallow:\n", "collector", &[("/x", true)]);
        check("User-agent: *\nDisallow: /\nUser-agent: collector\n", "collector", &[("/x", true)]);
    }

    #[test]
    fn a_token_is_compared_as_a_whole() {
        let robots = "User-agent: collect\nDisallow: /1\nUser-agent: collector-images\nDisallow: /2\n";
        check(robots, "collector", &[("/1", true), ("/2", true)]);
        check("User-agent: collector bot\nDisallow: /", "collector", &[("/x", false)]);
        check("User-agent: collector2\nDisallow: /", "collector", &[("/x", false)]);
        check("User-agent: * and friends\nDisallow: /", "collector", &[("/x", false)]);
        check("User-agent: *x\nDisallow: /", "collector", &[("/x", true)]);
    }

    #[test]
    fn the_longest_pattern_wins_and_allow_wins_a_tie() {
        let all = |rules: &str| format!("User-agent: *\n{rules}");
        check(&all("Disallow: /\nAllow: /p"), "c", &[("/page", true), ("/x", false)]);
        check(&all("Allow: /\nDisallow: /p"), "c", &[("/page", false), ("/x", true)]);
        check(&all("Disallow: /folder\nAllow: /folder"), "c", &[("/folder/page", true)]);
        check(&all("Allow: /folder\nDisallow: /folder"), "c", &[("/folder/page", true)]);
        check(&all("Allow: /page\nDisallow: /*.htm"), "c", &[("/page.htm", false), ("/page", true)]);
        check(&all("Allow: /$\nDisallow: /"), "c", &[("/", true), ("/page.htm", false)]);
        check(&all("Allow: /x/page.\nDisallow: /*.html"), "c", &[("/x/page.html", true), ("/x/page", true)]);
        check(&all("Disallow: /\nAllow:"), "c", &[("/x", false)]);
        check(&all("Disallow: /\nDisallow:"), "c", &[("/x", false)]);
    }

    #[test]
    fn patterns_match_as_the_published_table_says() {
        for (pattern, matching, not_matching) in [
            ("/", &["/", "/fish", "/fish.html"][..], &[][..]),
            ("/*", &["/", "/fish", "/a/b"], &[]),
            (
                "/fish",
                &[
                    "/fish",
                    "/fish.html",
                    "/fish/salmon.html",
                    "/fishheads",
                    "/fishheads/yummy.html",
                    "/fish.php?id=anything",
                ],
                &["/Fish.asp", "/catfish", "/?id=fish", "/desert/fish"],
            ),
            (
                "/fish*",
                &["/fish", "/fish.html", "/fish/salmon.html", "/fishheads", "/fish.php?id=anything"],
                &["/Fish.asp", "/catfish", "/?id=fish"],
            ),
            (
                "/fish/",
                &["/fish/", "/fish/?id=anything", "/fish/salmon.htm"],
                &["/fish", "/fish.html", "/animals/fish/", "/Fish/Salmon.asp"],
            ),
            (
                "/*.php",
                &[
                    "/index.php",
                    "/filename.php",
                    "/folder/filename.php",
                    "/folder/filename.php?parameters",
                    "/folder/any.php.file.html",
                    "/filename.php/",
                ],
                &["/", "/windows.PHP"],
            ),
            (
                "/*.php$",
                &["/filename.php", "/folder/filename.php"],
                &["/filename.php?parameters", "/filename.php/", "/filename.php5", "/windows.PHP"],
            ),
            ("/fish*.php", &["/fish.php", "/fishheads/catfish.php?parameters"], &["/Fish.PHP"]),
            ("/a*b*c$", &["/abc", "/a1b2c", "/abcbc"], &["/abcd", "/acb", "/bc"]),
            ("/aa*a$", &["/aaa", "/aaba"], &["/aa", "/aab"]),
            ("*/directory/", &["/directory/", "/x/directory/y"], &["/directory"]),
            ("/a**b", &["/ab", "/axxb/c"], &["/a"]),
            ("/search?", &["/search?q=x"], &["/search", "/search/user?q=x"]),
            ("/a$b", &["/a$bc", "/a%24b"], &["/a", "/ab"]),
            ("/a%24", &["/a$", "/a%24x"], &["/a"]),
            ("/file-with-a-%2A.html", &["/file-with-a-*.html"], &["/file-with-a-x.html"]),
        ] {
            let robots = format!("User-agent: *\nDisallow: {pattern}");
            for path in matching {
                assert!(!allows(&robots, "c", path), "{pattern} should match {path}");
            }
            for path in not_matching {
                assert!(allows(&robots, "c", path), "{pattern} should not match {path}");
            }
        }
    }

    #[test]
    fn addresses_and_rules_are_compared_in_one_spelling() {
        for (pattern, path, matching) in [
            ("/foo/bar?baz=quz", "/foo/bar?baz=quz", true),
            ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar", true),
            ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar", false),
            ("/foo/bar/ツ", "/foo/bar/%E3%83%84", true),
            ("/foo/bar/%E3%83%84", "/foo/bar/ツ", true),
            ("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84", true),
            ("/foo/bar/%62%61%7A", "/foo/bar/baz", true),
            ("/foo/bar/baz", "/foo/bar/%62%61%7a", true),
            ("/a%2Fb", "/a/b", false),
            ("/a%2fb", "/a%2Fb", true),
            ("/100%", "/100%", true),
            ("/100%zz", "/100%zz", true),
            ("/a b", "/a%20b", true),
        ] {
            let robots = format!("User-agent: *\nDisallow: {pattern}");
            assert_eq!(!allows(&robots, "c", path), matching, "{pattern} and {path}");
        }
        check("User-agent: *\nDisallow: /x", "c", &[("/x#fragment", false), ("x", false), ("/y#/x", true)]);
    }

    #[test]
    fn the_index_of_a_folder_is_the_folder() {
        let robots = "User-agent: *\nAllow: /allowed-slash/index.html\nDisallow: /";
        check(
            robots,
            "c",
            &[
                ("/allowed-slash/index.html", true),
                ("/allowed-slash/", true),
                ("/allowed-slash/index.htm", false),
                ("/anyother-url", false),
            ],
        );
    }

    #[test]
    fn long_lines_and_files_are_read_up_to_a_point() {
        let robots =
            format!("User-agent: *\nDisallow: /{}\nAllow: /{}/qux\n", "a".repeat(20_000), "a".repeat(16_640));
        let robots = Robots::parse(robots.as_bytes());
        // The rule is cut, and so says more than was written.
        assert!(!robots.allows("c", &format!("/{}/fux", "a".repeat(16_700))));
        let far = format!("User-agent: *\n{}\nDisallow: /\n", "#\n".repeat(MOST_BYTES / 2));
        assert!(allows(&far, "c", "/x"), "what lies beyond the first 500 KiB does not count");
        let near = format!("User-agent: *\n{}\nDisallow: /\n", "#\n".repeat(MOST_BYTES / 2 - 100));
        assert!(!allows(&near, "c", "/x"));
    }

    #[test]
    fn a_pause_is_told_to_those_it_is_meant_for() {
        let robots = "User-agent: *\nCrawl-delay: 10\nDisallow: /x\n\
                      User-agent: collector\nCrawl-Delay: 2.5\nUser-agent: fast\nDisallow: /\n";
        let robots = Robots::parse(robots.as_bytes());
        assert_eq!(robots.crawl_delay("collector"), Some(Duration::from_millis(2_500)));
        assert_eq!(robots.crawl_delay("somebody"), Some(Duration::from_secs(10)));
        // The line is none that ends a group.
        assert!(!robots.allows("collector", "/y"));
        for value in ["", "x", "-1", "0", "NaN", "inf", "1e99"] {
            let robots = format!("User-agent: *\nCrawl-delay: {value}\nDisallow: /x");
            assert_eq!(Robots::parse(robots.as_bytes()).crawl_delay("c"), None, "{value}");
        }
    }

    #[test]
    fn the_video_site_in_the_fact_sheet_lets_profiles_be_read_and_searches_not() {
        let robots = "User-agent: Bytespider\nUser-agent: GPTBot\nDisallow: /\n\
                      User-agent: *\nAllow: /foryou\nAllow: /tag\nDisallow: /inapp\nDisallow: /auth\n\
                      Disallow: /embed/@\nDisallow: /link\nDisallow: */directory/\nDisallow: /search?\n\
                      Disallow: /search/user?q=\n\
                      User-agent: Bingbot\nDisallow: /discover\n";
        check(
            robots,
            "collector",
            &[
                ("/@mina.k", true),
                ("/@mina.k/video/7300000000000000000", true),
                ("/oembed?url=x", true),
                ("/search?q=tea", false),
                ("/search/user?q=tea", false),
                ("/embed/@mina.k", false),
                ("/a/directory/b", false),
            ],
        );
        check(robots, "gptbot", &[("/@mina.k", false)]);
    }

    #[test]
    fn no_file_is_too_odd_to_be_read() {
        for bytes in
            [&[0_u8; 1_000][..], &[0xff; 1_000], b":::::\n#:\n:x\nUser-agent:\nDisallow:*$*$\nAllow:$"]
        {
            assert!(Robots::parse(bytes).allows("collector", "/"));
        }
        let stars = format!("User-agent: *\nDisallow: /{}x", "*a".repeat(5_000));
        assert!(allows(&stars, "c", &"/a".repeat(5_000)));
    }
}
