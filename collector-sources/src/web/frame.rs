//! What rows stand in, so that a page without any can be told from a page that somebody in between sent instead.

use scraper::{ElementRef, Html, Selector};

/// Elements that every page has: a path of these alone tells nothing.
const COMMON: [&str; 10] =
    ["html", "body", "div", "main", "section", "span", "center", "article", "header", "p"];

/// The most classes of the element around rows that are looked for.
const CLASSES: usize = 4;

/// A longer selector is cut at the outer end.
const DEEPEST: usize = 8;

/// A selector of the element around a row: names of elements on the way to it, and its own id and classes. `None` when any
/// page has such an element.
pub(super) fn around(row: ElementRef<'_>) -> Option<String> {
    let ancestors: Vec<ElementRef<'_>> = row.ancestors().filter_map(ElementRef::wrap).collect();
    let parent = ancestors.first()?.value();
    let plain = |name: &&str| {
        !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            && !name.starts_with(|c: char| c.is_ascii_digit() || c == '-')
    };
    let mut own = String::new();
    own.extend(parent.id().filter(|id| plain(id)).map(|id| format!("#{id}")));
    own.extend(parent.classes().filter(plain).take(CLASSES).map(|class| format!(".{class}")));
    let names: Vec<&str> = ancestors.iter().map(|element| element.value().name()).take(DEEPEST).collect();
    if own.is_empty() && names.iter().all(|name| COMMON.contains(name)) {
        return None;
    }
    if !names.iter().all(plain) {
        return None;
    }
    let path: Vec<&str> = names.into_iter().rev().collect();
    Some(format!("{}{own}", path.join(">")))
}

/// Whether a page has what rows stood in.
pub(super) fn is_in(page: &Html, frame: &str) -> bool {
    Selector::parse(frame).is_ok_and(|selector| page.select(&selector).next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(page: &str, rows: &str) -> Option<String> {
        let page = Html::parse_document(page);
        let row = page.select(&Selector::parse(rows).unwrap()).next().unwrap();
        around(row)
    }

    fn has(page: &str, frame: &str) -> bool {
        is_in(&Html::parse_document(page), frame)
    }

    #[test]
    fn what_rows_stand_in_is_found_again_without_them() {
        let table = frame("<div><table><tbody><tr><td>a</table></div>", "tr").unwrap();
        assert_eq!(table, "html>body>div>table>tbody");
        assert!(has("<div><table class=page-2><tbody></tbody></table></div>", &table));
        let list = frame("<main><div id=top class='list 2x wide'><p>a</div></main>", "p").unwrap();
        assert_eq!(list, "html>body>main>div#top.list.wide");
        assert!(has("<main><div id=top class='wide list'></div></main>", &list));
        for gateway in
            ["<h1>502 Bad Gateway</h1>", "<div><p>Please wait</div>", "<main><div></div></main>", ""]
        {
            assert!(!has(gateway, &table) && !has(gateway, &list), "{gateway}");
        }
    }

    #[test]
    fn what_every_page_has_tells_nothing() {
        assert_eq!(frame("<div class=card>a</div>", ".card"), None);
        assert_eq!(frame("<main><div><div class=card>a</div></div></main>", ".card"), None);
    }
}
