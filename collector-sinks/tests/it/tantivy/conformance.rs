//! The contracts of `Sink` and of `CreatorIndex`, on a folder of its own.

use async_trait::async_trait;
use collector_core::creator::Extra;
use collector_core::search::CreatorIndex;
use collector_core::testkit::search::SearchHarness;
use collector_core::testkit::sink::{Found, Sample, SinkHarness};
use serde_json::{Value, json};

use super::*;

struct OneFolder {
    path: PathBuf,
    _folder: TempDir,
}

impl OneFolder {
    fn new() -> Self {
        let (folder, path) = folder();
        Self { path, _folder: folder }
    }
}

#[async_trait]
impl SinkHarness for OneFolder {
    type Entity = Creator;

    async fn sink(&self) -> Arc<dyn Sink<Creator>> {
        Arc::new(TantivySink::new(TantivyConfig::new(&self.path)))
    }

    fn make(&self, sample: &Sample) -> Creator {
        let value = json!([sample.number, sample.maybe]);
        let name = sample.text.as_str();
        Creator {
            name: (!name.is_empty()).then(|| name.into()),
            followers: Some(sample.n),
            extra: [("sample".into(), Extra { value, from: 0 })].into(),
            ..Creator::default()
        }
    }

    fn shown(&self, value: &Creator) -> Value {
        serde_json::to_value(value).unwrap()
    }

    /// As another process sees it.
    async fn read_back(&self) -> Vec<Found> {
        let found = ask(&TantivySearch::open(&self.path).unwrap(), "");
        let mut found: Vec<_> =
            found.hits.iter().map(|hit| Found::new(hit.key, hit.version, self.shown(&hit.creator))).collect();
        found.sort_by_key(|found| found.key);
        found
    }
}

mod sink {
    use super::*;
    collector_core::sink_conformance!(
        OneFolder::new(),
        without: {
            RejectedOne: "every creator can be written",
            Position: "versions are kept with the records, so nothing has to be cut back",
            Down: "a folder is not reached over a network and asks for no credential",
        }
    );
}

#[async_trait]
impl SearchHarness for OneFolder {
    async fn sink(&self) -> Arc<dyn Sink<Creator>> {
        SinkHarness::sink(self).await
    }

    async fn index(&self) -> Arc<dyn CreatorIndex> {
        Arc::new(TantivySearch::open(&self.path).unwrap())
    }
}

mod search {
    use super::*;
    collector_core::search_conformance!(OneFolder::new());
}
