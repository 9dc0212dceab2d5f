//! A page as a tree, and the few things everything here asks it. Pure.

use std::collections::HashMap;

use collector_core::error::{Error, ErrorKind, Result};
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// Longest text taken out of one element, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// Elements open at once; pages of people have a few dozen. Building the tree takes a step for each of them with every
/// further element, so a page of nothing but beginnings would take hours.
const DEEPEST: usize = 1_500;

/// Elements that end in themselves inside drawings.
const MOST_SHAPES: usize = 20_000;

/// Elements that have no inside, or that the next one of their kind ends.
const CLOSED_BY_ITSELF: [&str; 29] = [
    "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "head", "hr", "html", "img",
    "input", "li", "link", "meta", "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead",
    "tr", "track", "wbr",
];

/// Those among them that also end a drawing.
const NEVER_IN_DRAWINGS: [&str; 10] = ["body", "br", "dd", "dt", "embed", "hr", "img", "li", "meta", "p"];

/// A page and the address its links count from.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) html: Html,
    pub(super) base: Option<Url>,
}

impl Document {
    /// Reads a page that came from `address`. Any text is a page.
    ///
    /// # Errors
    /// `Malformed` when its elements are nested too deep.
    pub(super) fn parse(text: &str, address: Option<&Url>) -> Result<Self> {
        if is_deep(text) {
            return Err(Error::new(ErrorKind::Malformed, "the page's elements are nested too deep")
                .with("most", DEEPEST));
        }
        let html = Html::parse_document(text);
        let said = first(&html, "base[href]").and_then(|base| base.attr("href"));
        let base = match (said, address) {
            (Some(said), Some(address)) => address.join(said).ok().or_else(|| Some(address.clone())),
            (Some(said), None) => Url::parse(said).ok(),
            (None, address) => address.cloned(),
        };
        Ok(Self { html, base })
    }

    /// A link of the page in full; `None` when it leads nowhere people go.
    pub(super) fn link(&self, href: &str) -> Option<Url> {
        let href = href.trim();
        let url = match &self.base {
            Some(base) => base.join(href).ok()?,
            None => Url::parse(href).ok()?,
        };
        matches!(url.scheme(), "http" | "https").then(|| {
            let mut url = url;
            url.set_fragment(None);
            url
        })
    }

    /// The content of the first `meta` with this name that says something, whichever attribute it is named by.
    pub(super) fn meta(&self, name: &str) -> Option<String> {
        let mut all = all(&self.html, "meta[content]");
        let named = |element: &ElementRef<'_>| {
            let names = ["property", "name", "itemprop"];
            names
                .iter()
                .any(|key| element.attr(key).is_some_and(|value| value.trim().eq_ignore_ascii_case(name)))
        };
        all.by_ref().filter(named).find_map(|element| {
            let content = element.attr("content")?.trim();
            (!content.is_empty() && content != "undefined").then(|| content.to_owned())
        })
    }

    /// The title of the page.
    pub(super) fn title(&self) -> Option<String> {
        first(&self.html, "title").map(text).filter(|title| !title.is_empty())
    }

    /// The address the page gives itself.
    pub(super) fn canonical(&self) -> Option<String> {
        let link = first(&self.html, "link[rel~=canonical][href]")?.attr("href")?;
        self.link(link).map(Into::into)
    }

    /// The text of every `script` of this type; parameters and case do not count.
    pub(super) fn scripts(&self, media_type: &str) -> Vec<String> {
        let is_type = |element: &ElementRef<'_>| {
            let said = element.attr("type").unwrap_or_default().split(';').next().unwrap_or_default();
            said.trim().eq_ignore_ascii_case(media_type)
        };
        all(&self.html, "script[type]").filter(is_type).map(raw_text).collect()
    }
}

/// Whether more elements may be open at once than any page of people has. Counts too many rather than too few, also those
/// in scripts, comments and attributes: what is left out there is what somebody could hide in.
fn is_deep(text: &str) -> bool {
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut depth, mut drawings, mut shapes) = (0_usize, 0_usize, 0_usize);
    for tag in text.split('<').skip(1) {
        let (ends, tag) = match tag.strip_prefix('/') {
            Some(tag) => (true, tag),
            None => (false, tag),
        };
        let name =
            tag.split(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).next().unwrap_or_default();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let name = name.get(..name.floor_char_boundary(64)).unwrap_or_default().to_ascii_lowercase();
        let draws = matches!(name.as_str(), "svg" | "math");
        if ends {
            if let Some(count) = open.get_mut(&name).filter(|count| **count > 0) {
                *count -= 1;
                depth -= 1;
                drawings -= usize::from(draws);
            }
            continue;
        }
        let exceptions: &[&str] = if drawings > 0 { &NEVER_IN_DRAWINGS } else { &CLOSED_BY_ITSELF };
        if exceptions.contains(&name.as_str()) {
            continue;
        }
        if drawings > 0 && tag.split('>').next().is_some_and(|tag| tag.ends_with('/')) {
            shapes += 1;
        } else {
            *open.entry(name).or_default() += 1;
            depth += 1;
            drawings += usize::from(draws);
        }
        if depth > DEEPEST || shapes > MOST_SHAPES {
            return true;
        }
    }
    false
}

/// What people see of an element: white space as one space, a line break where the page has one.
pub(super) fn text(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    for part in element.text() {
        text.push_str(part);
        if text.len() > LONGEST_TEXT {
            break;
        }
    }
    text.trim().to_owned()
}

/// The text of an element as it stands, for scripts.
pub(super) fn raw_text(element: ElementRef<'_>) -> String {
    element.text().collect()
}

fn all<'a>(html: &'a Html, selector: &str) -> impl Iterator<Item = ElementRef<'a>> {
    let selector = Selector::parse(selector).ok();
    let found: Vec<_> = selector.iter().flat_map(|selector| html.select(selector)).collect();
    found.into_iter()
}

fn first<'a>(html: &'a Html, selector: &str) -> Option<ElementRef<'a>> {
    all(html, selector).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Document {
        Document::parse(text, Url::parse("https://site.test/a/b?c").ok().as_ref()).unwrap()
    }

    #[test]
    fn links_count_from_the_page_or_from_what_it_says() {
        let page = page("<p>x");
        for (href, expected) in [
            ("d#e", Some("https://site.test/a/d")),
            (" /d?x=1 ", Some("https://site.test/d?x=1")),
            ("//other.test/", Some("https://other.test/")),
            ("../../../d", Some("https://site.test/d")),
            ("HTTPS://SITE.test:443/%7e", Some("https://site.test/%7e")),
            ("javascript:alert(1)", None),
            ("mailto:x@y.test", None),
        ] {
            assert_eq!(page.link(href).as_ref().map(Url::as_str), expected, "{href}");
        }
        let based = Document::parse("<base href='https://cdn.test/x/'><p>", None).unwrap();
        assert_eq!(based.link("y").unwrap().as_str(), "https://cdn.test/x/y");
        assert_eq!(Document::parse("<p>", None).unwrap().link("y"), None);
    }

    #[test]
    fn meta_tags_have_many_spellings() {
        let page = page(
            "<meta property=og:title content=''><meta name='OG:title' content=' Mina &amp; Jo '>\
             <meta property=og:title content=later><meta name=description content=undefined>\
             <title> A\n title </title><link rel='x canonical' href='/@mina'>",
        );
        assert_eq!(page.meta("og:title").as_deref(), Some("Mina & Jo"));
        assert_eq!(page.meta("description"), None);
        assert_eq!(page.title().as_deref(), Some("A\n title"));
        assert_eq!(page.canonical().as_deref(), Some("https://site.test/@mina"));
    }

    #[test]
    fn any_text_is_a_page() {
        for text in ["", "<", "<<<>>>", "\0\0", "<script>", "<table><tr><td><table>", "</p></p></p>"] {
            assert!(page(text).meta("x").is_none(), "{text}");
        }
    }

    #[test]
    fn a_page_of_nothing_but_beginnings_is_refused_before_it_takes_hours() {
        for begin in [
            "<div>",
            "<b></i>",
            "<div/>",
            "<svg><td>",
            "<a x='<script>'><u>",
            "<svg><input>",
            "<x\n>",
            "<p><b>",
        ] {
            let error = Document::parse(&begin.repeat(100_000), None).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Malformed, "{begin}");
        }
        for whole in [
            "<p>",
            "<li>x",
            "<br>",
            "<div></div>",
            "<tr><td>",
            "<svg><path d='x'/></svg>",
            "</div>",
            "< div>",
            "<img src=x>",
        ] {
            assert!(!is_deep(&whole.repeat(10_000)), "{whole}");
        }
    }
}
