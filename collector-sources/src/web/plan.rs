//! A site's description, checked and made ready. Pure.

use std::collections::BTreeMap;

use collector_core::creator::Field;
use collector_core::error::{Error, ErrorKind, Result};
use regex::{Regex, RegexBuilder};
use scraper::Selector;
use url::Url;

use super::site::{Extractor, ListPage, ProfilePage, Site, Standard};
use crate::http::{is_plain, unusable};
use crate::values::{Filter, Target};

/// Bytes a compiled expression may take.
const LARGEST_PATTERN: usize = 1 << 20;

/// A site, ready to be read.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) base: Url,
    hosts: Vec<String>,
    pub(super) profile: Option<ProfilePlan>,
    pub(super) lists: BTreeMap<String, ListPlan>,
}

#[derive(Debug)]
pub(super) struct ProfilePlan {
    pub(super) url: String,
    pub(super) standard: Vec<Standard>,
    pub(super) absent: Option<Css>,
    pub(super) example: Option<String>,
    pub(super) fields: Vec<FieldPlan>,
}

#[derive(Debug)]
pub(super) struct ListPlan {
    pub(super) url: String,
    pub(super) first_page: u64,
    pub(super) step: u64,
    pub(super) max_pages: u32,
    pub(super) next: Option<Place>,
    pub(super) rows: Css,
    pub(super) empty: Option<Css>,
    pub(super) profile: Option<Place>,
    pub(super) fields: Vec<FieldPlan>,
}

/// One field and where it stands.
#[derive(Debug)]
pub(super) struct FieldPlan {
    pub(super) target: Target,
    pub(super) place: Place,
}

/// Where a value stands.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) key: String,
    pub(super) origin: Origin,
    pub(super) pattern: Option<Regex>,
    pub(super) filters: Vec<Filter>,
    pub(super) optional: bool,
    pub(super) otherwise: Vec<Place>,
}

#[derive(Debug)]
pub(super) enum Origin {
    Css { css: Css, attr: Option<String>, all: bool },
    Row { attr: String },
    Meta(String),
    Jsonld(String),
    Script { css: Css, pointer: String },
    Value(String),
    Address,
}

/// A selector and how it was written.
#[derive(Debug)]
pub(super) struct Css {
    pub(super) text: String,
    pub(super) selector: Selector,
}

impl Plan {
    /// Makes a site ready; `base_url` stands in for the description's own.
    ///
    /// # Errors
    /// `ConfigInvalid` naming every key that is wrong, its value and what it takes.
    pub(super) fn new(site: &Site, base_url: Option<&Url>) -> Result<Self> {
        let base = base_url.unwrap_or(&site.base_url).clone();
        let mut faults = Faults(Vec::new());
        if let Some(fault) = unusable(&base) {
            let shown = if is_plain(&base) { format!(" is {:?}, it", base.as_str()) } else { String::new() };
            faults.0.push(format!("`base_url`{shown} {fault}"));
        }
        if site.profile.is_none() && site.lists.is_empty() {
            faults
                .0
                .push("it has neither `[profile]` nor `[lists.NAME]`: describe at least one page".to_owned());
        }
        let profile = site.profile.as_ref().and_then(|page| faults.profile(page));
        let lists: BTreeMap<_, _> = site
            .lists
            .iter()
            .filter_map(|(name, page)| Some((name.clone(), faults.list(name, page)?)))
            .collect();
        if lists.values().any(|list| list.profile.is_some()) && profile.is_none() {
            faults.0.push(
                "a list's `profile` is set and there is no `[profile]`: describe that page, too".to_owned(),
            );
        }
        if !faults.0.is_empty() {
            let message = format!("the site's description is wrong: {}", faults.0.join("; "));
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        Ok(Self {
            base,
            hosts: site.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            profile,
            lists,
        })
    }

    /// Whether an address belongs to the site: its host with or without `www.` or `m.`, or one of the further hosts;
    /// and never without TLS where the site has it.
    pub(super) fn owns(&self, url: &Url) -> bool {
        let bare = |host: &str| {
            host.strip_prefix("www.").or_else(|| host.strip_prefix("m.")).unwrap_or(host).to_owned()
        };
        let (Some(host), Some(own)) = (url.host_str(), self.base.host_str()) else { return false };
        let plain = url.username().is_empty() && url.password().is_none();
        let secure = url.scheme() == "https" || (url.scheme() == "http" && self.base.scheme() == "http");
        let same_port = url.port_or_known_default() == self.base.port_or_known_default()
            || (url.port().is_none() && self.base.port().is_none());
        let known = (bare(host) == bare(own) && same_port)
            || (self.hosts.iter().any(|known| known == host) && url.port().is_none());
        plain && secure && known
    }
}

/// Collects everything that is wrong, so that all of it is told at once.
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, key: &str, value: &str, remedy: &str) {
        let value: String = value.chars().take(80).collect();
        self.0.push(format!("`{key}` is {value:?}: {remedy}"));
    }

    /// Whether a page's address can be looked at further: one with a user is refused, and not repeated.
    fn has_no_user(&mut self, key: &str, url: &str) -> bool {
        let authority =
            url.split_once("//").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
        let user = authority.is_some_and(|authority| authority.contains('@'));
        if user {
            self.0.push(format!(
                "`{key}` must not have a user or a password: leave out what stands before the `@`"
            ));
        }
        !user
    }

    fn profile(&mut self, page: &ProfilePage) -> Option<ProfilePlan> {
        if !self.has_no_user("profile.url", &page.url) {
            return None;
        }
        if !page.url.contains("{handle}") && !page.url.contains("{uid}") {
            self.add("profile.url", &page.url, "write `{handle}` or `{uid}` where the creator's stands");
        }
        self.placeholders("profile.url", &page.url, &["handle", "uid"]);
        if page.fields.is_empty() && page.standard.is_empty() {
            self.0
                .push("`profile` has neither `fields` nor `standard`: say where something stands".to_owned());
        }
        let absent = page.absent.as_ref().map(|text| self.css("profile.absent", text));
        let fields = self.fields("profile.fields", &page.fields);
        let absent = match absent {
            Some(absent) => Some(absent?),
            None => None,
        };
        Some(ProfilePlan {
            url: page.url.clone(),
            standard: page.standard.clone(),
            absent,
            example: page.example.clone(),
            fields,
        })
    }

    fn list(&mut self, name: &str, page: &ListPage) -> Option<ListPlan> {
        let key = |part: &str| format!("lists.{name}.{part}");
        if !self.has_no_user(&key("url"), &page.url) {
            return None;
        }
        self.placeholders(&key("url"), &page.url, &["page", "keyword", "hashtag"]);
        if page.next.is_some() && page.url.contains("{page}") {
            self.add(
                &key("url"),
                &page.url,
                "either pages are counted with `{page}` or `next` leads to them",
            );
        }
        for (part, number) in [("step", page.step), ("max_pages", u64::from(page.max_pages))] {
            if number == 0 {
                self.add(&key(part), "0", "choose at least 1");
            }
        }
        let rows = self.css(&key("rows"), &page.rows);
        let empty = page.empty.as_ref().map(|text| self.css(&key("empty"), text));
        let next = page.next.as_ref().and_then(|next| self.place(&key("next"), next));
        let profile = page.profile.as_ref().and_then(|link| self.place(&key("profile"), link));
        let fields = self.fields(&key("fields"), &page.fields);
        let identity = |field: &FieldPlan| {
            matches!(field.target, Target::Field(Field::Handle | Field::Uid | Field::SecUid))
        };
        if !fields.iter().any(identity) {
            self.0.push(format!(
                "`{}` has neither `handle` nor `uid` nor `sec_uid`: say whom a row is about",
                key("fields")
            ));
        }
        let empty = match empty {
            Some(empty) => Some(empty?),
            None => None,
        };
        Some(ListPlan {
            url: page.url.clone(),
            first_page: page.first_page,
            step: page.step,
            max_pages: page.max_pages,
            next,
            rows: rows?,
            empty,
            profile,
            fields,
        })
    }

    fn fields(&mut self, key: &str, fields: &BTreeMap<String, Extractor>) -> Vec<FieldPlan> {
        let mut plans = Vec::new();
        for (name, extractor) in fields {
            let key = format!("{key}.{name}");
            let place = self.place(&key, extractor);
            match (Target::from_name(name), place) {
                (Some(target), Some(place)) => plans.push(FieldPlan { target, place }),
                (None, _) => {
                    let names: Vec<_> = Target::names().collect();
                    self.0.push(format!(
                        "`{key}` is no field: choose `extra.NAME` or one of {}",
                        names.join(", ")
                    ));
                }
                (Some(_), None) => {}
            }
        }
        plans
    }

    fn place(&mut self, key: &str, extractor: &Extractor) -> Option<Place> {
        let from = self.from(key, extractor);
        let pattern = extractor.pattern.as_ref().map(|text| self.pattern(&format!("{key}.pattern"), text));
        let otherwise: Vec<_> = extractor
            .otherwise
            .iter()
            .enumerate()
            .map(|(at, other)| self.place(&format!("{key}.else[{at}]"), other))
            .collect();
        let pattern = match pattern {
            Some(pattern) => Some(pattern?),
            None => None,
        };
        Some(Place {
            key: key.to_owned(),
            origin: from?,
            pattern,
            filters: extractor.filters.clone().unwrap_or_default(),
            optional: extractor.optional,
            otherwise: otherwise.into_iter().collect::<Option<_>>()?,
        })
    }

    fn from(&mut self, key: &str, extractor: &Extractor) -> Option<Origin> {
        let Extractor { css, attr, all, meta, jsonld, script, pointer, value, address, .. } = extractor;
        let ways =
            [css.is_some(), meta.is_some(), jsonld.is_some(), script.is_some(), value.is_some(), *address];
        let chosen = ways.iter().filter(|way| **way).count();
        let own_attr = chosen == 0 && attr.is_some();
        if chosen > 1 || (chosen == 0 && !own_attr) {
            let message = "says not where it stands: choose one of `css`, `meta`, `jsonld`, `script`, `value`, `address`, \
                           or `attr` alone for the row itself";
            self.0.push(format!("`{key}` {message}"));
            return None;
        }
        if css.is_none() && ((attr.is_some() && !own_attr) || *all) {
            self.0.push(format!("`{key}` has `attr` or `all` without `css`: leave it out"));
            return None;
        }
        if script.is_some() != pointer.is_some() {
            self.0.push(format!("`{key}` needs `script` and `pointer` together"));
            return None;
        }
        if let Some(pointer) =
            pointer.as_ref().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/'))
        {
            self.add(
                &format!("{key}.pointer"),
                pointer,
                "write a JSON pointer such as `/user/stats/followers`",
            );
            return None;
        }
        Some(match (css, attr, meta, jsonld, script) {
            (Some(css), attr, ..) => {
                Origin::Css { css: self.css(&format!("{key}.css"), css)?, attr: attr.clone(), all: *all }
            }
            (_, Some(attr), ..) => Origin::Row { attr: attr.clone() },
            (_, _, Some(meta), ..) => Origin::Meta(meta.clone()),
            (_, _, _, Some(path), _) => Origin::Jsonld(path.clone()),
            (.., Some(script)) => Origin::Script {
                css: self.css(&format!("{key}.script"), script)?,
                pointer: pointer.clone().unwrap_or_default(),
            },
            _ => value.clone().map_or(Origin::Address, Origin::Value),
        })
    }

    fn css(&mut self, key: &str, text: &str) -> Option<Css> {
        match Selector::parse(text) {
            Ok(selector) => Some(Css { text: text.to_owned(), selector }),
            Err(error) => {
                let reason = error.to_string();
                self.add(key, text, &format!("not a CSS selector ({reason})"));
                None
            }
        }
    }

    fn pattern(&mut self, key: &str, text: &str) -> Option<Regex> {
        match RegexBuilder::new(text).size_limit(LARGEST_PATTERN).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
                self.add(key, text, &format!("not a regular expression ({reason})"));
                None
            }
        }
    }

    fn placeholders(&mut self, key: &str, url: &str, known: &[&str]) {
        for part in url.split('{').skip(1) {
            let name = part.split('}').next().unwrap_or_default();
            if !known.contains(&name) {
                let known: Vec<_> = known.iter().map(|name| format!("`{{{name}}}`")).collect();
                self.add(key, url, &format!("`{{{name}}}` is nothing: choose {}", known.join(", ")));
            }
        }
    }
}
