//! What `collector sources list` prints.

use collector_core::error::{Error, ErrorChain};
use collector_core::pipeline::SourceOptions;
use collector_core::source::{CallSpec, Role, Source};
use serde::Serialize;

use super::{Rows, aligned, number, plain};
use crate::config::{SourceEntry, format_duration};
use crate::registry::{AnySource, Shape};

/// What there is to ask.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct SourcesReport {
    /// The configuration file; null when there is none.
    pub config: Option<String>,
    /// The types this command knows.
    pub types: Vec<TypeReport>,
    /// The configured instances.
    pub instances: Vec<SourceReport>,
}

/// A type of source.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct TypeReport {
    /// Its name.
    #[serde(rename = "type")]
    pub name: String,
    /// The keys its table must have.
    pub needs: Vec<&'static str>,
    /// The keys it may have besides; every source also takes those of limits and budgets.
    pub takes: Vec<&'static str>,
}

/// A configured source.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The account it spends from.
    pub account: String,
    /// Units a day, where limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units_per_day: Option<u64>,
    /// Calls at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<usize>,
    /// What can be asked of it.
    pub kinds: Vec<KindReport>,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A kind of call.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct KindReport {
    /// Its name.
    pub kind: String,
    /// `hydration` for people known, `discovery` for people to be found.
    pub role: &'static str,
    /// Units a call costs at most.
    pub units: u64,
    /// Tasks a call serves at most.
    pub tasks: usize,
    /// When a call is given up.
    pub timeout: String,
}

impl TypeReport {
    pub(crate) fn new(name: &str, shape: &Shape) -> Self {
        let optional = shape.keys.iter().copied().filter(|key| !shape.required.contains(key));
        Self { name: name.to_owned(), takes: optional.collect(), needs: shape.required.clone() }
    }
}

impl SourceReport {
    pub(crate) fn new(
        name: &str,
        entry: &SourceEntry,
        built: Result<(AnySource, SourceOptions), Error>,
    ) -> Self {
        let base = Self {
            name: name.to_owned(),
            kind: entry.kind.clone(),
            account: accounts(entry),
            units_per_day: entry.keys.units_per_day,
            in_flight: None,
            kinds: Vec::new(),
            error: None,
        };
        match built {
            Ok((source, options)) => Self {
                in_flight: Some(options.limits.in_flight),
                kinds: source.kinds().iter().map(|kind| KindReport::new(kind, &source.call(kind))).collect(),
                ..base
            },
            Err(error) => Self { error: Some(ErrorChain(&error).to_string()), ..base },
        }
    }
}

fn accounts(entry: &SourceEntry) -> String {
    let names = std::iter::once(entry).chain(&entry.further).map(|entry| entry.account.as_str());
    names.collect::<Vec<_>>().join(", ")
}

impl KindReport {
    fn new(kind: &str, spec: &CallSpec) -> Self {
        Self {
            kind: kind.to_owned(),
            role: match spec.role {
                Role::Hydration => "hydration",
                Role::Discovery => "discovery",
            },
            units: spec.worst_cost.units,
            tasks: spec.tasks,
            timeout: format_duration(spec.timeout),
        }
    }
}

impl SourcesReport {
    /// What people read.
    pub fn text(&self) -> String {
        let mut text = "Types of source\n".to_owned();
        for kind in &self.types {
            let rows: Rows = [("needs", &kind.needs), ("takes", &kind.takes)]
                .into_iter()
                .filter(|(_, keys)| !keys.is_empty())
                .map(|(word, keys)| vec![word.to_owned(), keys.join(", ")])
                .collect();
            text.push_str(&format!("  {}\n{}", kind.name, aligned(4, &rows)));
        }
        match &self.config {
            None => text
                .push_str("\nNo configuration here: name one with --config FILE, or run `collector demo`."),
            Some(config) => text.push_str(&format!("\nConfigured in {config}\n")),
        }
        self.instances.iter().for_each(|source| text.push_str(&source.text()));
        text
    }
}

impl SourceReport {
    fn text(&self) -> String {
        let mut facts = vec![format!("type {}", self.kind), format!("account {}", self.account)];
        facts.extend(self.in_flight.map(|calls| format!("{calls} calls at once")));
        facts.extend(self.units_per_day.map(|units| format!("{} units a day", number(units))));
        let mut text = format!("  {}  ({})\n", self.name, facts.join(", "));
        if let Some(error) = &self.error {
            text.push_str(&format!("    cannot be used: {}\n", plain(error)));
        }
        let head = ["kind", "for", "units at most", "tasks a call", "timeout"].map(str::to_owned).to_vec();
        let row = |kind: &KindReport| {
            let (units, tasks) = (number(kind.units), kind.tasks.to_string());
            vec![kind.kind.clone(), kind.role.to_owned(), units, tasks, kind.timeout.clone()]
        };
        let rows: Rows = std::iter::once(head).chain(self.kinds.iter().map(row)).collect();
        if rows.len() > 1 {
            text.push_str(&aligned(4, &rows));
        }
        text
    }
}
