//! Records answers: of each kind of call those that say where a field stands that no former one showed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use collector_core::context::Context;
use collector_core::source::Source;
use collector_core::task::{Payload, Query, Task};
use collector_core::trace::trace;
use collector_sources::http::{Http, HttpOptions, Request};
use collector_sources::simulator::{PageShape, ProfileShape, Simulator, SimulatorConfig};
use serde_json::{Value, json};
use url::Url;

use super::page::Failure;
use super::samples::{AnySource, SOURCES, Sample, folder};

/// People there are.
const CREATORS: u32 = 300;

/// Answers of each kind that are looked at, in each world.
const LOOKED_AT: usize = 3;

/// The scripts that hold the data of a page.
const SCRIPTS: [&str; 3] = ["__UNIVERSAL_DATA_FOR_REHYDRATION__", "SIGI_STATE", "__NEXT_DATA__"];

/// Sources whose answers differ from world to world.
const FORMS: [&str; 2] = ["ensembledata", "web"];

/// Worlds that differ in the form of their answers.
fn worlds() -> Vec<SimulatorConfig> {
    let world = |profile_shape, page_shape, zero_counters| SimulatorConfig {
        creators: CREATORS,
        profile_shape,
        page_shape,
        zero_counters,
        ..SimulatorConfig::default()
    };
    vec![
        world(ProfileShape::Merged, PageShape::Universal, true),
        world(ProfileShape::Mobile, PageShape::Sigi, false),
        world(ProfileShape::Flat, PageShape::Next, true),
    ]
}

/// Records all sources anew.
pub(crate) async fn record() -> Result<(), Failure> {
    let mut recorded: BTreeMap<&str, Vec<Sample>> = BTreeMap::new();
    let mut shown: BTreeSet<(String, String)> = BTreeSet::new();
    for (number, world) in worlds().into_iter().enumerate() {
        let simulator = Simulator::start(world).await?;
        let queries = queries(&simulator.url()).await?;
        // The others have one form.
        for (_, file, source) in
            SOURCES.into_iter().filter(|(_, file, _)| number == 0 || FORMS.contains(file))
        {
            let source = source(&simulator.url())?;
            let kept = recorded.entry(file).or_default();
            let mut looked = BTreeMap::new();
            for query in &queries {
                walk(&source, file, query, kept, &mut shown, &mut looked).await?;
            }
        }
        simulator.stop().await;
    }
    for (file, samples) in recorded {
        let lines: Result<Vec<String>, _> = samples.iter().map(serde_json::to_string).collect();
        std::fs::write(folder().join(format!("{file}.jsonl")), lines?.join("\n") + "\n")?;
    }
    Ok(())
}

/// Asks for whatever a query leads to, each kind some times, and keeps what shows something new.
async fn walk(
    source: &AnySource,
    file: &str,
    query: &Query,
    kept: &mut Vec<Sample>,
    shown: &mut BTreeSet<(String, String)>,
    looked: &mut BTreeMap<String, usize>,
) -> Result<(), Failure> {
    let cx = Context::detached();
    // Not every source can do something with every query.
    let mut open: VecDeque<Task> = source.seed(query).unwrap_or_default().into();
    while let Some(task) = open.pop_front() {
        let looked = looked.entry(task.kind().to_string()).or_default();
        if *looked == LOOKED_AT {
            continue;
        }
        *looked += 1;
        let tasks = vec![task];
        let payload = source.fetch(&cx, &tasks).await?;
        let Ok(page) = source.parse(&tasks, &payload) else { continue };
        open.extend(page.follow_ups.iter().cloned());
        if page.items.is_empty() {
            continue;
        }
        let Some(sample) = sample(tasks, &payload) else { continue };
        let trace = trace(&*sample.reader(source), &sample.tasks, &sample.payload())?;
        let form = sample.script.clone().unwrap_or_default();
        let kind = format!("{file} {form} {}", sample.tasks[0].kind());
        let mut is_new = false;
        for field in trace.fields.iter().filter(|field| !field.field.starts_with('(')) {
            for path in field.from.iter().chain(&field.else_from) {
                is_new |= shown.insert((kind.clone(), format!("{} {path}", field.field)));
            }
        }
        if is_new {
            kept.push(sample);
        }
    }
    Ok(())
}

/// An answer with one element of each list: the others say the same.
fn sample(tasks: Vec<Task>, payload: &Payload) -> Option<Sample> {
    let text = std::str::from_utf8(&payload.body).ok()?;
    let (script, data) = match SCRIPTS.iter().find_map(|id| Some((*id, script(text, id)?))) {
        Some((id, data)) => (Some(id.to_owned()), data),
        None => (None, text),
    };
    let mut body = serde_json::from_str(data).ok()?;
    shorten(&mut body);
    Some(Sample { tasks, script, body })
}

fn script<'t>(page: &'t str, id: &str) -> Option<&'t str> {
    let (_, rest) = page.split_once(&format!("id=\"{id}\""))?;
    let (_, rest) = rest.split_once('>')?;
    Some(rest.split_once("</script>")?.0)
}

fn shorten(value: &mut Value) {
    match value {
        Value::Array(list) => {
            list.truncate(1);
            list.iter_mut().for_each(shorten);
        }
        Value::Object(object) => object.values_mut().for_each(shorten),
        _ => {}
    }
}

/// Queries that lead to every kind of call.
async fn queries(url: &str) -> Result<Vec<Query>, Failure> {
    let truth = lines(url, &format!("/truth?limit={CREATORS}&posts=2")).await?;
    let tags = lines(url, "/truth/hashtags").await?;
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    // Those of whom most is known.
    let told = |one: &&Value| {
        let is = |key: &str| one[key].as_bool() == Some(true);
        one["commerce"].is_object()
            && is("has_shop")
            && one["bio"].as_str().is_some_and(|bio| bio.contains('@'))
    };
    let mut people: Vec<&Value> = truth.iter().filter(told).take(3).collect();
    people.extend(truth.iter().filter(|one| one["private"].as_bool() == Some(true)).take(1));
    let handles: Vec<String> = people.iter().map(|one| text(one, "handle")).collect();
    let hashtags: Vec<String> = tags.iter().take(1).map(|tag| text(tag, "name")).collect();
    let options = json!({
        "ensembledata": {
            "posts_pages": 1, "followers_pages": 1, "following_pages": 1, "liked_pages": 1, "comments_pages": 1,
            "search": ["posts", "all_posts", "users", "lives"],
        },
        "echotik": { "videos_pages": 1, "live_videos_pages": 1, "trend_days": 10 },
        "tiktok": {
            "since": "2026-10-03", "until": "2026-11-01", "own_posts": true, "followers_pages": 1, "following_pages": 1,
            "posts_pages": 1,
        },
    });
    let mut found = Vec::new();
    for (name, options) in options.as_object().into_iter().flatten() {
        let with = |query: Query| Query { options: [(name.clone(), options.clone())].into(), ..query };
        let ids = people.iter().flat_map(|one| {
            [format!("tiktok:sec_uid:{}", text(one, "sec_uid")), format!("tiktok:uid:{}", text(one, "uid"))]
        });
        let ids = ids.map(|id| with(Query { ids: vec![id], ..Query::default() }));
        found.extend(ids);
        let posts =
            people.iter().filter_map(|one| one["posts"][0]["id"].as_str().map(str::to_owned)).collect();
        found.extend([
            with(Query { handles: handles.clone(), ..Query::default() }),
            with(Query { hashtags: hashtags.clone(), ..Query::default() }),
            with(Query { posts, ..Query::default() }),
            with(Query {
                keywords: hashtags.clone(),
                regions: vec!["KR".into(), "US".into()],
                ..Query::default()
            }),
            with(Query {
                regions: vec!["US".into()],
                extra: [
                    ("listings".to_owned(), json!([{}])),
                    ("rankings".to_owned(), json!([{ "by": "sales", "period": "week" }])),
                    ("whole_regions".to_owned(), json!(true)),
                ]
                .into(),
                max_pages: Some(2),
                ..Query::default()
            }),
        ]);
    }
    let recent = json!({ "recent_days": 30 });
    found.push(Query { hashtags, options: [("ensembledata".to_owned(), recent)].into(), ..Query::default() });
    found.push(Query { handles, ..Query::default() });
    Ok(found)
}

async fn lines(url: &str, path: &str) -> Result<Vec<Value>, Failure> {
    let http = Http::new(&HttpOptions::default())?;
    let payload =
        http.exchange(&Context::detached(), Request::get(Url::parse(&format!("{url}{path}"))?)).await?;
    let text = std::str::from_utf8(&payload.body)?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}
