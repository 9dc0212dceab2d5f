//! How a list goes on.

use collector_core::known::not_known;

use super::super::path;
use super::Reading;
use crate::declarative::config::Paging;
use crate::declarative::faults::Notes;
use crate::declarative::pager::{Pager, Way};
use crate::declarative::reader::ReaderBuilder;

impl Reading<'_> {
    pub(super) fn paging(&self, builder: &mut ReaderBuilder, notes: &mut Notes) -> Option<Pager> {
        let Some(paging) = &self.call.paging else {
            if self.is_list() {
                let message =
                    "missing: how the list goes on; write paging = { type = \"single\" } if it has one page";
                notes.fault(self.key("paging"), message);
            }
            return None;
        };
        let takes: &[&str] = match paging.r#type.as_str() {
            "single" => &[],
            "page" => &["param", "in", "first", "size", "size_param", "more", "total", "pages"],
            "offset" => &["param", "in", "first", "size", "size_param", "more", "total"],
            "cursor" => &["param", "in", "size", "size_param", "cursor", "more"],
            "link" => &["rel", "size", "size_param", "more"],
            "next_url" => &["url", "size", "size_param", "more"],
            other => {
                let known = ["page", "offset", "cursor", "link", "next_url", "single"];
                let message = if other.is_empty() {
                    format!("missing: one of {}", known.join(", "))
                } else {
                    not_known("type", other, known)
                };
                notes.fault(self.key("paging.type"), message);
                return None;
            }
        };
        self.check_paging(paging, takes, notes);
        let mut read = |key: &str, text: &Option<String>| {
            text.as_deref().and_then(|text| path(&self.key(&format!("paging.{key}")), text, notes))
        };
        let cursor =
            read("cursor", &paging.cursor).or(read("url", &paging.url)).map(|path| builder.add(&path));
        let more = read("more", &paging.more).map(|path| builder.add(&path));
        let total = read("total", &paging.total).map(|path| builder.add(&path));
        let pages = read("pages", &paging.pages).map(|path| builder.add(&path));
        let way = match paging.r#type.as_str() {
            "page" => Way::Page { first: paging.first.unwrap_or(1) },
            "offset" => Way::Offset { first: paging.first.unwrap_or(0), size: paging.size.unwrap_or(1) },
            "cursor" => Way::Cursor,
            "link" => Way::Link { rel: paging.rel.clone().unwrap_or_else(|| "next".to_owned()) },
            "next_url" => Way::NextUrl,
            _ => Way::Single,
        };
        let names = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let in_body = paging.r#in.as_deref() == Some("body");
        let size = paging.size_param.as_deref().zip(paging.size).map(|(name, size)| (names(name), size));
        Some(Pager {
            param: names(paging.param.as_deref().unwrap_or(&paging.r#type)),
            way,
            in_body,
            size,
            page_size: paging.size,
            cursor,
            more,
            total,
            pages,
        })
    }

    fn check_paging(&self, paging: &Paging, takes: &[&str], notes: &mut Notes) {
        let given = [
            ("param", paging.param.is_some()),
            ("in", paging.r#in.is_some()),
            ("first", paging.first.is_some()),
            ("size", paging.size.is_some()),
            ("size_param", paging.size_param.is_some()),
            ("cursor", paging.cursor.is_some()),
            ("url", paging.url.is_some()),
            ("rel", paging.rel.is_some()),
            ("more", paging.more.is_some()),
            ("total", paging.total.is_some()),
            ("pages", paging.pages.is_some()),
        ];
        for (key, _) in given.iter().filter(|(key, is)| *is && !takes.contains(key)) {
            let message = format!("`{}` does not take it; it takes {}", paging.r#type, takes.join(", "));
            notes.fault(self.key(&format!("paging.{key}")), message);
        }
        let mut missing = |key: &str, what: &str| {
            notes.fault(self.key(&format!("paging.{key}")), format!("missing: {what}"))
        };
        match paging.r#type.as_str() {
            "cursor" if paging.cursor.is_none() => missing("cursor", "the path to the cursor in the answer"),
            "next_url" if paging.url.is_none() => {
                missing("url", "the path to the next address in the answer")
            }
            "offset" if paging.size.is_none() => missing("size", "how many rows a page has"),
            "page" if paging.total.is_some() && paging.size.is_none() => {
                missing("size", "how many rows a page has, which `total` is divided by");
            }
            _ => {}
        }
        if paging.size == Some(0) {
            notes.fault(self.key("paging.size"), "it is 0: choose at least 1");
        }
        if paging.size_param.is_some() && paging.size.is_none() {
            notes.fault(self.key("paging.size_param"), "missing: the `size` that it carries");
        }
        match paging.r#in.as_deref() {
            None | Some("query") => {}
            Some("body") if self.call.body.is_none() && self.call.form.is_empty() => {
                notes.fault(
                    self.key("paging.in"),
                    "the call has no `body` and no `form`; write body = {} for an empty one",
                );
            }
            Some("body") => {}
            Some(other) => notes.fault(self.key("paging.in"), not_known("place", other, ["query", "body"])),
        }
    }
}
