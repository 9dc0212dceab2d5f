//! As much of a cluster as a rebuild asks for, in this process: indexes, aliases, blocks, and requests that fail on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use super::fake::{Answer, Asked, Fake};

#[derive(Debug, Default, Clone)]
pub(super) struct Index {
    pub(super) aliases: BTreeSet<String>,
    pub(super) meta: Value,
    pub(super) blocked: bool,
    pub(super) documents: BTreeMap<String, Value>,
}

pub(super) type Indexes = Arc<Mutex<BTreeMap<String, Index>>>;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    /// The server has too much to do.
    Busy,
    /// The user may not.
    Forbidden,
    /// It is carried out, and the answer does not arrive.
    AnswerLost,
}

pub(super) struct SmallCluster {
    pub(super) fake: Fake,
    indexes: Indexes,
}

impl SmallCluster {
    pub(super) async fn start(wrong: impl Fn(&Asked) -> Wrong + Send + Sync + 'static) -> Self {
        Self::with(Indexes::default(), wrong).await
    }

    /// One that has these indexes.
    pub(super) async fn with(
        indexes: Indexes,
        wrong: impl Fn(&Asked) -> Wrong + Send + Sync + 'static,
    ) -> Self {
        let state = Arc::clone(&indexes);
        let fake = Fake::start(move |asked| {
            let wrong = wrong(asked);
            let refused = |status, fault| Answer::json(status, json!({ "error": { "type": fault } }));
            match wrong {
                Wrong::Busy => return refused(429, "rejected_execution_exception"),
                Wrong::Forbidden => return refused(403, "security_exception"),
                Wrong::Nothing | Wrong::AnswerLost => {}
            }
            let answer = answer(&mut state.lock().unwrap(), asked);
            if wrong == Wrong::AnswerLost { Answer { cut: Some(1), ..answer } } else { answer }
        })
        .await;
        Self { fake, indexes }
    }

    pub(super) fn indexes(&self) -> BTreeMap<String, Index> {
        self.indexes.lock().unwrap().clone()
    }

    /// Lets changes in.
    pub(super) fn open(&self, name: &str) {
        self.indexes.lock().unwrap().get_mut(name).unwrap().blocked = false;
    }

    /// The index in use.
    pub(super) fn used(&self) -> (String, Index) {
        let mut used = self.indexes().into_iter().filter(|(_, index)| index.aliases.contains("creators"));
        let first = used.next().expect("an index in use");
        assert!(used.next().is_none(), "one index is in use");
        first
    }
}

fn answer(indexes: &mut BTreeMap<String, Index>, asked: &Asked) -> Answer {
    let (method, path) = asked.line.split_once(' ').unwrap();
    let path = path.split('?').next().unwrap();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let done = || Answer::json(200, json!({ "acknowledged": true }));
    match (method, &parts[..]) {
        ("GET", ["_alias", alias]) => {
            let behind = indexes.iter().filter(|(_, index)| index.aliases.contains(*alias));
            let found: Map<String, Value> = behind.map(|(name, _)| (name.clone(), json!({}))).collect();
            if found.is_empty() {
                return Answer::json(
                    404,
                    json!({ "error": format!("alias [{alias}] missing"), "status": 404 }),
                );
            }
            Answer::json(200, json!(found))
        }
        ("POST", ["_aliases"]) => change(indexes, &body["actions"]).map_or_else(missing, done_with),
        ("POST", [alias, "_bulk"]) => bulk(indexes, alias, asked),
        ("PUT", [name]) => {
            let aliases = body["aliases"].as_object().map(|all| all.keys().cloned().collect());
            let meta = body["mappings"]["_meta"].clone();
            let index = Index { aliases: aliases.unwrap_or_default(), meta, ..Index::default() };
            indexes.insert((*name).to_owned(), index);
            done()
        }
        ("DELETE", [name]) => indexes.remove(*name).map_or_else(missing, done_with),
        (_, [name, what @ ..]) => {
            let Some(index) = indexes.get_mut(*name) else { return missing() };
            match (method, what) {
                ("GET", ["_mapping"]) => {
                    Answer::json(200, json!({ *name: { "mappings": { "_meta": index.meta } } }))
                }
                ("PUT", ["_mapping"]) => {
                    index.meta = body["_meta"].clone();
                    done()
                }
                ("PUT", ["_block", "write"]) => {
                    index.blocked = true;
                    done()
                }
                ("PUT", ["_settings"]) => {
                    assert_eq!(body, json!({ "index.blocks.write": null }));
                    index.blocked = false;
                    done()
                }
                ("GET", ["_settings", key]) if index.blocked => {
                    Answer::json(200, json!({ *name: { "settings": { *key: "true" } } }))
                }
                ("GET", ["_settings", _]) => Answer::json(200, json!({})),
                ("POST", ["_refresh"]) => done(),
                // Nothing was deleted.
                ("POST", ["_search"]) => {
                    assert_eq!(body["query"], json!({ "term": { "record.gone": true } }));
                    Answer::json(200, json!({ "timed_out": false, "hits": { "hits": [] } }))
                }
                _ => panic!("nobody asks {}", asked.line),
            }
        }
        _ => panic!("nobody asks {}", asked.line),
    }
}

fn done_with<T>(_: T) -> Answer {
    Answer::json(200, json!({ "acknowledged": true }))
}

fn missing() -> Answer {
    Answer::json(404, json!({ "error": { "type": "index_not_found_exception" }, "status": 404 }))
}

/// All actions, or none when an index is missing.
fn change(indexes: &mut BTreeMap<String, Index>, actions: &Value) -> Option<()> {
    let mut after = indexes.clone();
    for action in actions.as_array().unwrap() {
        let (what, of) = action.as_object().unwrap().iter().next().unwrap();
        let name = of["index"].as_str().unwrap();
        let index = after.get_mut(name)?;
        let alias = of["alias"].as_str().unwrap_or_default();
        match what.as_str() {
            "add" => drop(index.aliases.insert(alias.to_owned())),
            "remove" => assert!(index.aliases.remove(alias), "{alias}"),
            "remove_index" => drop(after.remove(name)),
            _ => panic!("nobody does {what}"),
        }
    }
    *indexes = after;
    Some(())
}

fn bulk(indexes: &mut BTreeMap<String, Index>, alias: &str, asked: &Asked) -> Answer {
    assert!(asked.line.ends_with("?require_alias=true"), "{}", asked.line);
    let Some(index) = indexes.values_mut().find(|index| index.aliases.contains(alias)) else {
        return Answer::bulk(asked, |_, _| (404, "index_not_found_exception"));
    };
    Answer::bulk(asked, |action, document| {
        if index.blocked {
            return (403, "cluster_block_exception");
        }
        if document["handle"] == json!(["refused"]) {
            return (400, "mapper_parsing_exception");
        }
        index.documents.insert(action["_id"].as_str().unwrap().to_owned(), document.clone());
        (201, "")
    })
}
