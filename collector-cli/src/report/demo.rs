//! What `collector demo` prints.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Rows, aligned, count, number, plain, took};

/// What the demo collected, compared with the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DemoReport {
    /// `complete`, `partial` or `parked`.
    pub exit: &'static str,
    /// The exit code.
    pub code: u8,
    /// The folder.
    pub dir: String,
    /// Its configuration, for `--config`.
    pub config: String,
    /// Whether a demo ran here before.
    pub again: bool,
    /// The creators.
    pub creators: DemoCreators,
    /// Their pictures.
    pub images: DemoImages,
    /// How well what the vendors know was put together.
    pub merge: DemoMerge,
    /// Calls this time, as the vendors count them: by vendor, and `total`. `VENDOR_least` is what a first demo needs, by the
    /// truth: the pages that show people, and a call for each of those whom pages do not show whole.
    pub calls: BTreeMap<String, u64>,
    /// Units this time, as the vendors count them.
    pub units: u64,
    /// Things bought more than once this time, as the vendor counts it.
    pub bought_twice: u64,
    /// Seconds from the command's beginning until the first record was in a sink; absent when none was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_record_s: Option<f64>,
    /// The most memory the collecting process had, in MiB; absent where the system does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_rss_mb: Option<f64>,
    /// Seconds it collected.
    pub took_s: f64,
    /// What was killed and how it came back; absent without `--crash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crash: Option<DemoCrash>,
    /// Somebody to look at.
    pub example: Option<String>,
    /// Searches to try.
    pub searches: Vec<DemoSearch>,
    /// Lookups that were fresh and not bought again.
    pub fresh: u64,
    /// What is missing and why.
    pub reasons: Vec<String>,
    /// The run, as `collector run --json` prints it.
    pub run: Value,
}

/// Creators, compared with the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DemoCreators {
    /// Creators the made-up vendors have.
    pub population: u64,
    /// Creators in the store.
    pub stored: u64,
    /// Creators in the search index.
    pub searchable: u64,
    /// Creators compared with the truth one by one, at most 50,000.
    pub checked: u64,
    /// Of those: not in the store.
    pub missing: u64,
    /// Of those: without a number of followers, although a vendor tells it.
    pub incomplete: u64,
    /// Of those: with another handle or another number of followers, although a vendor tells the true one; those whose
    /// handle changed hands are left out.
    pub wrong: u64,
    /// In the store twice.
    pub duplicates: u64,
    /// Of those: no vendor tells the present handle, or the followers.
    pub untold: u64,
    /// Of those: somebody else has their first handle now. Whoever loses a handle to another is asked for once more.
    pub handed_over: u64,
}

/// The merged creators, compared with the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DemoMerge {
    /// From 0 to 1: whether each creator is one record, and each record one creator.
    pub identity_f1: f64,
    /// From 0 to 1: the share of `fields` that are as they are true.
    pub field_accuracy: f64,
    /// Fields compared: all that a vendor tells who knows the creator.
    pub fields: u64,
    /// Of those, the wrong ones by name.
    pub wrong_fields: BTreeMap<&'static str, u64>,
    /// Records in which one creator's number stands beside another's picture.
    pub mixed: u64,
}

/// Pictures of the creators that were compared one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DemoImages {
    /// Distinct pictures they truly have.
    pub expected: u64,
    /// Distinct pictures that are in the folder, whole, and that a record refers to.
    pub stored: u64,
    /// Creators without their picture.
    pub missing: u64,
    /// Pictures downloaded this time, as the image host counts them.
    pub downloaded: u64,
}

/// A crash on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct DemoCrash {
    /// How often the collecting process was killed; 0 when it was done before the moment came.
    pub kills: u32,
    /// Calls on their way at that moment.
    pub in_flight: u64,
    /// Tasks the next process took over.
    pub taken_over: u64,
    /// Calls bought again, as the vendor counts them; no more than were taken over.
    pub bought_again: u64,
}

/// A search to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DemoSearch {
    /// What it shows.
    pub what: &'static str,
    /// The query.
    pub query: String,
    /// Creators it finds.
    pub found: u64,
    /// The command, ready to be pasted into a shell.
    pub command: String,
}

impl DemoReport {
    /// What people read.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n{}", self.title(), aligned(2, &self.rows()));
        if let Some(crash) = &self.crash {
            text.push_str(&format!("\nafter the crash\n{}", aligned(2, &self.recovery(crash))));
        }
        if !self.reasons.is_empty() {
            text.push_str("\nmissing\n");
            self.reasons.iter().for_each(|reason| text.push_str(&format!("  - {}\n", plain(reason))));
        }
        text.push_str(&format!(
            "\nin {}: collector.db (the store), images, search (the index), creators.jsonl (every change)\n",
            self.dir
        ));
        text.push_str(&format!("\ntry next\n{}", aligned(2, &self.suggestions())));
        text
    }

    fn title(&self) -> String {
        let stored = self.creators.stored;
        let creators = count(stored, "creator", "creators");
        let spent = took(Duration::from_secs_f64(self.took_s.max(0.0)));
        if self.run.get("code").and_then(Value::as_u64) != Some(0) {
            return format!("Not done: {creators} after {spent}. The same command goes on where it stopped.");
        }
        if self.again {
            let fresh = count(self.fresh, "lookup was", "lookups were");
            return format!("{creators} are here; {fresh} fresh and not bought again. It took {spent}.");
        }
        let rate = stored as f64 / self.took_s.max(0.001);
        format!("Collected {creators} of made-up vendors, with pictures, in {spent} ({rate:.0} a second).")
    }

    fn rows(&self) -> Rows {
        let row = |label: &str, text: String| vec![label.to_owned(), text];
        let (creators, images) = (&self.creators, &self.images);
        let mut rows = vec![
            row("searchable", format!("{} of {}", number(creators.searchable), number(creators.stored))),
            row("pictures", format!("{} of {}", number(images.stored), number(images.expected))),
            row("missing", format!("{} of {}", number(creators.missing), number(creators.checked))),
            row(
                "wrong",
                format!("{} with another handle or follower count than the truth", number(creators.wrong)),
            ),
            row("duplicates", number(creators.duplicates)),
            row("merged", self.merged()),
            row("bought twice", self.twice()),
            row(
                "cost",
                format!(
                    "{} in {}; {} downloaded",
                    count(self.units, "unit", "units"),
                    count(self.total(), "call", "calls"),
                    count(images.downloaded, "picture", "pictures")
                ),
            ),
        ];
        if creators.incomplete > 0 {
            rows.push(row("incomplete", format!("{} not looked up yet", number(creators.incomplete))));
        }
        let memory = self.peak_rss_mb.map(|peak| format!("{peak:.0} MiB at most, the collecting process"));
        rows.extend(memory.map(|text| row("memory", text)));
        let first = self.first_record_s.map(|first| took(Duration::from_secs_f64(first.max(0.0))));
        rows.extend(first.map(|first| row("first record", format!("written after {first}"))));
        rows.extend(self.by_vendor());
        rows
    }

    fn merged(&self) -> String {
        let merge = &self.merge;
        let wrong: u64 = merge.wrong_fields.values().sum();
        let untold = match self.creators.untold {
            0 => String::new(),
            untold => format!("; of {} no vendor tells the present handle, or the followers", number(untold)),
        };
        format!(
            "{:.2} % of the creators and {:.2} % of their fields right ({} of {} wrong){untold}",
            merge.identity_f1 * 100.0,
            merge.field_accuracy * 100.0,
            number(wrong),
            number(merge.fields)
        )
    }

    fn total(&self) -> u64 {
        self.calls.get("total").copied().unwrap_or_default()
    }

    /// The calls of each vendor, and the least they can be.
    fn by_vendor(&self) -> Rows {
        let vendors = self.calls.iter().filter(|(name, _)| !name.ends_with("_least") && *name != "total");
        let row = |(vendor, calls): (&String, &u64)| {
            let least = self.calls.get(&format!("{vendor}_least"));
            let least = least.map(|least| format!("; everybody it shows takes {}", number(*least)));
            vec![vendor.clone(), count(*calls, "call", "calls") + &least.unwrap_or_default()]
        };
        vendors.map(row).collect()
    }

    fn twice(&self) -> String {
        let why = match (&self.crash, self.bought_twice) {
            (Some(_), 1..) => ": what the killed process had asked for, and who lost a handle to another",
            (None, 1..) => ": who lost a handle to another is asked for once more",
            _ => "",
        };
        format!("{}, by the vendor's own count{why}", number(self.bought_twice))
    }

    fn recovery(&self, crash: &DemoCrash) -> Rows {
        let row = |label: &str, text: String| vec![label.to_owned(), text];
        if crash.kills == 0 {
            return vec![row(
                "killed",
                "0 times: there was nothing to fetch when the moment came".to_owned(),
            )];
        }
        let twice = self.creators.duplicates;
        vec![
            row("killed", format!("{}, as `kill -9` does", count(crash.kills.into(), "time", "times"))),
            row("in flight", count(crash.in_flight, "call", "calls")),
            row("taken over", count(crash.taken_over, "task", "tasks")),
            row("bought again", count(crash.bought_again, "call", "calls")),
            row("lost", format!("{} missing, {} twice", number(self.creators.missing), number(twice))),
        ]
    }

    fn suggestions(&self) -> Rows {
        let row = |what: String, command: String| vec![what, command];
        let config = shell(&self.config);
        let mut rows: Rows = self
            .searches
            .iter()
            .map(|search| row(format!("{} ({})", search.what, number(search.found)), search.command.clone()))
            .collect();
        if let Some(handle) = &self.example {
            let handle = shell(&format!("@{handle}"));
            rows.push(row(
                "who said what".to_owned(),
                format!("collector show {handle} --explain --config {config}"),
            ));
        }
        rows.push(row("what the store holds".to_owned(), format!("collector status --config {config}")));
        let again =
            format!("collector demo --creators {} --dir {}", self.creators.population, shell(&self.dir));
        rows.push(row("once more: nothing fresh is bought again".to_owned(), again));
        rows
    }
}

/// A word as a shell takes it: quoted when it has to be.
pub(crate) fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '/' | '+' | ',');
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> DemoReport {
        let (population, stored, searchable, checked) = (500, 500, 500, 500);
        DemoReport {
            exit: "complete",
            code: 0,
            dir: "my demo".into(),
            config: "my demo/collector.toml".into(),
            again: false,
            creators: DemoCreators {
                population,
                stored,
                searchable,
                checked,
                missing: 0,
                incomplete: 0,
                wrong: 0,
                duplicates: 0,
                untold: 2,
                handed_over: 1,
            },
            merge: DemoMerge {
                identity_f1: 1.0,
                field_accuracy: 0.99833,
                fields: 6_000,
                wrong_fields: [("handle", 10)].into(),
                mixed: 0,
            },
            images: DemoImages { expected: 500, stored: 500, missing: 0, downloaded: 501 },
            calls: [("web", 20), ("web_least", 19), ("total", 620)]
                .map(|(name, calls)| (name.to_owned(), calls))
                .into(),
            units: 600,
            bought_twice: 0,
            first_record_s: Some(0.31),
            peak_rss_mb: Some(61.5),
            took_s: 2.0,
            crash: None,
            example: Some("jo.x".into()),
            searches: vec![DemoSearch {
                what: "a Korean word",
                query: "뷰티".into(),
                found: 1_200,
                command: "collector search '뷰티' --config 'my demo/collector.toml'".into(),
            }],
            fresh: 0,
            reasons: Vec::new(),
            run: json!({ "code": 0 }),
        }
    }

    #[track_caller]
    fn says(report: &DemoReport, words: &[&str]) {
        let text = report.text();
        for word in words {
            assert!(text.contains(word), "{word:?} is missing:\n{text}");
        }
    }

    #[test]
    fn people_read_figures_and_commands_that_can_be_pasted() {
        says(
            &report(),
            &[
                "Collected 500 creators of made-up vendors, with pictures, in 2.0 s (250 a second).",
                "searchable    500 of 500\n",
                "pictures      500 of 500\n",
                "600 units in 620 calls; 501 pictures downloaded",
                "written after 0.3 s",
                "100.00 % of the creators and 99.83 % of their fields right (10 of 6,000 wrong); of 2 no vendor tells",
                "20 calls; everybody it shows takes 19",
                "a Korean word (1,200)",
                "collector search '뷰티' --config 'my demo/collector.toml'\n",
                "collector show @jo.x --explain --config 'my demo/collector.toml'\n",
                "collector demo --creators 500 --dir 'my demo'\n",
            ],
        );
        assert!(!report().text().contains("crash"));
    }

    #[test]
    fn the_recovery_is_told() {
        let crash = DemoCrash { kills: 1, in_flight: 32, taken_over: 41, bought_again: 33 };
        let text = "killed        1 time, as `kill -9` does\n  in flight     32 calls\n  taken over    41 tasks\n  \
                    bought again  33 calls\n  lost          0 missing, 0 twice\n";
        says(&DemoReport { crash: Some(crash), ..report() }, &[text]);
        let spared = DemoReport { crash: Some(DemoCrash::default()), ..report() };
        says(&spared, &["killed  0 times"]);
    }

    #[test]
    fn a_demo_that_is_not_done_says_how_to_go_on() {
        let stopped =
            DemoReport { run: json!({ "code": 1 }), reasons: vec!["stopped by a signal".into()], ..report() };
        says(&stopped, &["Not done: 500 creators", "The same command goes on", "- stopped by a signal"]);
    }

    #[test]
    fn words_are_quoted_for_a_shell_when_they_must_be() {
        let words = ["a/b.toml", "it's", "#tag", "", "a b"].map(shell);
        assert_eq!(words, ["a/b.toml", r"'it'\''s'", "'#tag'", "''", "'a b'"]);
    }
}
