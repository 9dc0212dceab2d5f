//! Writes a query as text: what [`Query::parse`] reads back as the same query.

use std::fmt;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::search::query::{Bound, Filter, Scope, Term, Test};
use crate::search::{Direction, FieldKind, Query, SearchField, Sort};

impl fmt::Display for Query {
    /// Terms, filters and sort; without page and facets, which have no text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = self.terms.iter().map(term).collect();
        parts.extend(self.filters.iter().map(filter));
        parts.extend(self.sort.map(sort));
        f.write_str(&parts.join(" "))
    }
}

fn minus(excluded: bool) -> &'static str {
    if excluded { "-" } else { "" }
}

fn term(term: &Term) -> String {
    let minus = minus(term.excluded);
    let star = if term.prefix { "*" } else { "" };
    match term.scope {
        Scope::Any => format!("{minus}{}{star}", quoted(&term.text)),
        Scope::Who => format!("{minus}who:{}{star}", quoted(&term.text)),
        Scope::Handle => format!("{minus}@{}{star}", term.text.trim_start_matches('@')),
        Scope::Field(field) => format!("{minus}{field}:{}{star}", quoted(&term.text)),
    }
}

fn filter(filter: &Filter) -> String {
    let minus = minus(filter.excluded);
    if filter.any == [Test::Known] {
        return format!("{minus}known:{}", filter.field);
    }
    let values: Vec<String> = filter.any.iter().map(|test| value(filter.field, test)).collect();
    format!("{minus}{}:{}", filter.field, values.join(","))
}

fn value(field: SearchField, test: &Test) -> String {
    match test {
        Test::Is(value) if field.kind() == FieldKind::Flag => value.clone(),
        Test::Is(value) => quoted(value),
        Test::Known => "*".to_owned(),
        Test::Within(from, to) => range(field, *from, *to),
        // Members may come and go between two pages.
        Test::Among(name, _) => quoted(name),
    }
}

fn range(field: SearchField, from: Option<Bound>, to: Option<Bound>) -> String {
    let end = |bound: Option<Bound>| bound.map(|bound| number(field, bound)).unwrap_or_default();
    match (from, to) {
        // Ages count backwards: the shorter time goes first.
        (Some(Bound::Ago(_)), _) | (_, Some(Bound::Ago(_))) => format!("{}..{}", end(to), end(from)),
        _ => format!("{}..{}", end(from), end(to)),
    }
}

fn number(field: SearchField, bound: Bound) -> String {
    match (bound, field.kind()) {
        (Bound::Ago(span), _) => span_text(span),
        (Bound::At(at), FieldKind::Time) => Timestamp::from_millis(at).to_string(),
        (Bound::At(share), FieldKind::Rate) => {
            format!("{}.{:04}%", share.div_euclid(10_000), share.rem_euclid(10_000))
        }
        (Bound::At(number), _) => number.to_string(),
    }
}

fn span_text(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match minutes {
        minutes if minutes.is_multiple_of(24 * 60) => format!("{}d", minutes / (24 * 60)),
        minutes if minutes.is_multiple_of(60) => format!("{}h", minutes / 60),
        minutes => format!("{minutes}m"),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn sort(sort: Sort) -> String {
    match sort {
        Sort::Relevance => "sort:relevance".to_owned(),
        Sort::By(field, Direction::Descending) => format!("sort:{field}"),
        Sort::By(field, Direction::Ascending) => format!("sort:{field}:asc"),
    }
}
