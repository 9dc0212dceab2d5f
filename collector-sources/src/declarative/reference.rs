//! The reference page, made of the types that are read.

use collector_core::creator::Field;

use super::config::TABLES;
use super::section::Table;
use crate::values::{Filter, Target};

/// Whole files, each with its name; their own examples hold.
pub const EXAMPLES: [(&str, &str); 5] = [
    ("roster.toml", include_str!("../../../examples/configs/sources/roster.toml")),
    ("insta.toml", include_str!("../../../examples/configs/sources/insta.toml")),
    ("export.toml", include_str!("../../../examples/configs/sources/export.toml")),
    ("directory.toml", include_str!("../../../examples/configs/sources/directory.toml")),
    ("market.toml", include_str!("../../../examples/configs/sources/market.toml")),
];

const HEAD: &str = "\
# Sources described in a file

`type = \"http\"` reads any JSON API out of a TOML file. The configuration names the file and gives the secrets:

```text
[sources.insta]
type = \"http\"
file = \"sources/insta.toml\"                  # counts from the configuration's folder
secrets = { key = { env = \"INSTA_KEY\" } }    # by the name that the file uses
# base_url = \"http://localhost:8080\"         # another address, for tests and proxies
# keep_email = true                          # else only the fact that there is one is kept
# ca_file = \"ca.pem\"                         # authorities to trust besides the machine's own
```

`collector sources test sources/insta.toml` tries the file's examples, whole and spoilt in every way; it asks nobody and needs
no account. `collector try insta --key '#tea'` makes one call and shows where every value came from. Both say which
paths lead nowhere, with the answer they were tried on. `collector check` does the same for the call under `[check]`.

This page is written by `cargo run -p collector-sources --features full --example http_source_reference`.
";

const PATHS: &str = "\
## Paths

Paths are JSONPath (RFC 9535) and begin with `$`: the answer as a whole, or in `fields`, `extra` and `match` the item.
Paths of names, numbers and `[*]` are followed while the answer is read. Others (`..`, `[?…]`, slices, `[-1]`) work as
well, and cost a little more, because the answer or the item is kept as a tree for them. Where one value is wanted and a path
selects several, the first that is not `null` counts. A path that leads nowhere gives no value: not known is not a value.

A field's path may be followed by filters, each behind a `|`: `$.counts.followers | count | zero_is_unknown`.
";

const TASKS: &str = "\
## What is asked

| `subject` | comes from | a task asks |
| --- | --- | --- |
| `handle`, `uid`, `sec_uid` | `handles`, `ids` (`tiktok:uid:…`), people whom other sources found | once in the job's `fresh_for` |
| `hashtag`, `keyword` | `hashtags`, `keywords`, with `{region}` for each of `regions` | once a run |
| `post` | `posts` | once a run |
| `extra.NAME` | `extra.NAME`: `true`, a text, a number, or a list of these | once a run |

Of several calls about the same kind of person, or about posts, the first by name is asked; the others are asked when a
`then` names them. `max_pages` and `hydrate` are honoured. `regions` without a `{region}` are for other sources.

In a query, tasks of this source have the parameters `page`, `offset`, `cursor` (as JSON), `next` (path and query), `to`,
`nth`, `max_pages`, `hydrate`, `region`, `job`, `since` and `url`.

## What failures mean

The rules under `[[errors]]` come first, whatever the status. Without one that fits, 401 and 403 are `unauthorized`, 404
and 410 `not_found`, 429 `rate_limited`, 408, 425 and 5xx `unavailable`, and the rest of 3xx and 4xx `rejected`. A page instead of
JSON is `unavailable`, one with a captcha `blocked`, and JSON that ends early `unavailable`. An answer without the place of
`items`, or with items of which none can be used, is `malformed`: twenty of these in a row park the source.

A submission (`job`) whose answer was lost, or whose status is a failure of a server other than 503, is given up with a dead
letter and not sent again, because the vendor may be working on it. A process that is killed after the vendor got a
submission and before its answer is stored does not know of it, and submits again.
";

/// The whole page.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Keys\n\nUnknown keys are refused. Durations are texts such as `\"30s\"`, `\"5m\"` or `\"2h\"`.\n");
    for (place, table) in TABLES {
        page.push_str(&section(place, table));
    }
    page.push('\n');
    page.push_str(PATHS);
    page.push_str("\n### Fields\n\n| field | takes | means |\n| --- | --- | --- |\n");
    for name in Target::names() {
        page.push_str(&field(name));
    }
    page.push_str("| `extra.NAME` | any value | what is not modelled, in `extra` |\n");
    page.push_str("\n### Filters\n\n| filter | does | of | makes |\n| --- | --- | --- | --- |\n");
    for filter in Filter::ALL {
        let (from, to) = filter.example();
        let cell = |text: &str| text.replace('|', "\\|");
        page.push_str(&format!(
            "| `{filter}` | {} | `{}` | `{}` |\n",
            filter.description(),
            cell(from),
            cell(to)
        ));
    }
    page.push('\n');
    page.push_str(TASKS);
    page.push_str("\n## Whole files\n\nThey stand in `examples/configs/sources`, and each brings answers and what has to be read out of them.\n");
    for (name, text) in EXAMPLES {
        page.push_str(&format!("\n### `{name}`\n\n```toml\n{}\n```\n", text.trim_end()));
    }
    page
}

fn section(place: &str, table: &Table) -> String {
    let says = paragraphs(table.says);
    let mut text = format!(
        "\n### {}\n\n{says}\n\n| key | takes | without it | means |\n| --- | --- | --- | --- |\n",
        heading(place)
    );
    for key in table.keys {
        let says: Vec<&str> = key.says.iter().map(|line| line.trim()).collect();
        let says = says.join(" ").replace('|', "\\|");
        text.push_str(&format!("| `{}` | {} | {} | {says} |\n", key.name(), key.takes, key.default));
    }
    text
}

fn heading(place: &str) -> String {
    if place.starts_with('[') { format!("`{place}`") } else { place.to_owned() }
}

/// Lines of documentation as paragraphs.
fn paragraphs(lines: &[&str]) -> String {
    let text: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    text.split(|line| line.is_empty()).map(|paragraph| paragraph.join(" ")).collect::<Vec<_>>().join("\n\n")
}

fn field(name: &str) -> String {
    match Field::from_name(name) {
        Some(field) => {
            let info = field.info();
            let takes = format!("{:?}", info.value).to_lowercase();
            format!("| `{name}` | {takes} | {} |\n", info.definition)
        }
        None => format!("| `{name}` | time | When it was true; else the answer's time counts. |\n"),
    }
}
