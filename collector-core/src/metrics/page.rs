//! The page for people, made from the table.

use super::table::{LABELS, TABLE};

/// The page `docs/metrics.md`.
pub fn page() -> String {
    let mut page = String::from(
        "# Metrics\n\n\
         What `collector serve` exposes under `/metrics`, and `collector_core::metrics::expose` for programs that embed the \
         engine.\n\n\
         The names, their labels and their meanings are a contract: they change with a line in the changelog only. This page \
         is made from the table in `collector-core/src/metrics/table.rs`, and a test compares the two. Dashboard and alert \
         rules that use these names are in `dashboards/`.\n\n\
         No label ever holds a handle, a link, the key of a record or a message.\n\n\
         Counters count what this process did since it started. What the store knows is the same at every replica: do not add \
         it up.\n\n\
         | name | type | labels | unit | meaning |\n| --- | --- | --- | --- | --- |\n",
    );
    for metric in TABLE {
        let labels: Vec<String> = metric.labels().iter().map(|label| format!("`{label}`")).collect();
        page.push_str(&format!(
            "| `{}` | {} | {} | {} | {} |\n",
            metric.name(),
            metric.form().as_str(),
            labels.join(", "),
            metric.unit(),
            metric.meaning()
        ));
    }
    page.push_str("\n## Labels\n\n| label | values |\n| --- | --- |\n");
    for (label, values) in LABELS {
        page.push_str(&format!("| `{label}` | {values} |\n"));
    }
    page.push_str("\nA histogram has the label `le` besides, the upper bound of each bucket.\n");
    page
}
