//! The text that Prometheus reads, written by hand: version 0.0.4 of the format.

use std::fmt::Write;

use super::table::Metric;

/// The longest value of a label: names of the configuration are shorter, and nothing else belongs into one.
const LONGEST: usize = 100;

/// Writes samples; only what is in the table can be written.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Says that a metric exists; its samples follow.
    pub(super) fn begin(&mut self, metric: &Metric) {
        let Metric { name, form, meaning, .. } = metric;
        self.line(format_args!("# HELP {name} {}\n# TYPE {name} {}\n", escaped_help(meaning), form.as_str()));
    }

    /// One sample; one value per label of the metric.
    pub(super) fn sample(&mut self, metric: &Metric, values: &[&str], number: f64) {
        let labels = labels(metric, values, None);
        self.line(format_args!("{}{labels} {}\n", metric.name, shown(number)));
    }

    /// One set of buckets, of which each counts what is not larger than its bound, with sum and count.
    pub(super) fn buckets(
        &mut self,
        metric: &Metric,
        values: &[&str],
        buckets: impl Iterator<Item = (f64, u64)>,
        (sum, count): (f64, u64),
    ) {
        let name = metric.name;
        for (bound, below) in buckets.chain([(f64::INFINITY, count)]) {
            let labels = labels(metric, values, Some(bound));
            self.line(format_args!("{name}_bucket{labels} {below}\n"));
        }
        let labels = labels(metric, values, None);
        self.line(format_args!("{name}_sum{labels} {}\n{name}_count{labels} {count}\n", shown(sum)));
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // A text takes whatever it is given.
        self.0.write_fmt(line).unwrap_or_default();
    }
}

fn labels(metric: &Metric, values: &[&str], bound: Option<f64>) -> String {
    debug_assert_eq!(metric.labels.len(), values.len(), "{}", metric.name);
    let pairs =
        metric.labels.iter().zip(values).map(|(label, value)| format!("{label}=\"{}\"", escaped(value)));
    let bound = bound.map(|bound| format!("le=\"{}\"", shown(bound)));
    let pairs: Vec<String> = pairs.chain(bound).collect();
    if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars().take(LONGEST) {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text
}

fn escaped_help(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}

fn shown(number: f64) -> String {
    if number == f64::INFINITY { "+Inf".to_owned() } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::table::{BUILD_INFO, CALL_SECONDS, STARTED};
    use super::*;

    #[test]
    fn a_value_cannot_end_its_quotes() {
        let mut text = Text::default();
        text.sample(&BUILD_INFO, &["a\"b\\c\nd"], 1.0);
        text.sample(&STARTED, &[], f64::INFINITY);
        text.sample(&BUILD_INFO, &[&"x".repeat(5_000)], 0.5);
        let long = "x".repeat(LONGEST);
        assert_eq!(
            text.into_string(),
            format!(
                "collector_build_info{{version=\"a\\\"b\\\\c\\nd\"}} 1\n\
                 collector_process_start_time_seconds +Inf\n\
                 collector_build_info{{version=\"{long}\"}} 0.5\n"
            )
        );
    }

    #[test]
    fn buckets_end_with_everything() {
        let mut text = Text::default();
        text.buckets(&CALL_SECONDS, &["s", "k"], [(0.1, 2), (1.0, 3)].into_iter(), (4.25, 5));
        let name = "collector_call_duration_seconds";
        let labels = "source=\"s\",kind=\"k\"";
        assert_eq!(
            text.into_string(),
            format!(
                "{name}_bucket{{{labels},le=\"0.1\"}} 2\n{name}_bucket{{{labels},le=\"1\"}} 3\n\
                 {name}_bucket{{{labels},le=\"+Inf\"}} 5\n{name}_sum{{{labels}}} 4.25\n{name}_count{{{labels}}} 5\n"
            )
        );
    }
}
