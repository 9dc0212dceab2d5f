//! A page as a tree, and the few things everything here asks it. Pure.

use scraper::{ElementRef, Html, Selector};
use url::Url;

/// Longest text taken out of one element, in bytes.
const LONGEST_TEXT: usize = 64 << 10;

/// A page and the address its links count from.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) html: Html,
    pub(super) base: Option<Url>,
}

impl Document {
    /// Reads a page that came from `address`. Any text is a page.
    pub(super) fn parse(text: &str, address: Option<&Url>) -> Self {
        let html = Html::parse_document(text);
        let said = first(&html, "base[href]").and_then(|base| base.attr("href"));
        let base = match (said, address) {
            (Some(said), Some(address)) => address.join(said).ok().or_else(|| Some(address.clone())),
            (Some(said), None) => Url::parse(said).ok(),
            (None, address) => address.cloned(),
        };
        Self { html, base }
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
        Document::parse(text, Url::parse("https://site.test/a/b?c").ok().as_ref())
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
        let based = super::Document::parse("<base href='https://cdn.test/x/'><p>", None);
        assert_eq!(based.link("y").unwrap().as_str(), "https://cdn.test/x/y");
        assert_eq!(super::Document::parse("<p>", None).link("y"), None);
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
        let deep = "<div>".repeat(50_000);
        assert!(page(&deep).title().is_none());
    }
}
