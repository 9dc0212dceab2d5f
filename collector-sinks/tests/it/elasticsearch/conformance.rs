//! The contracts of `Sink` and of `CreatorIndex`, on an index of its own.

use std::sync::Mutex;

use async_trait::async_trait;
use collector_core::creator::Extra;
use collector_core::testkit::search::SearchHarness;
use collector_core::testkit::sink::{Backend, Found, Sample, SinkHarness};
use serde_json::json;

use super::fake::{Answer, Fake};
use super::*;

struct OneIndex {
    place: Place,
    /// Where sinks are sent instead.
    instead: Mutex<Option<Fake>>,
}

impl OneIndex {
    fn new() -> Option<Self> {
        Place::new().map(|place| Self { place, instead: Mutex::new(None) })
    }

    fn config(&self) -> ElasticsearchConfig {
        match &*self.instead.lock().unwrap() {
            Some(fake) => fake.config(),
            None => self.place.config(),
        }
    }
}

#[async_trait]
impl SinkHarness for OneIndex {
    type Entity = Creator;

    async fn sink(&self) -> Arc<dyn Sink<Creator>> {
        Arc::new(ElasticsearchSink::new(self.config()).unwrap())
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
        self.place.refresh().await;
        let found = self.place.ask("").await;
        let mut found: Vec<_> =
            found.hits.iter().map(|hit| Found::new(hit.key, hit.version, self.shown(&hit.creator))).collect();
        found.sort_by_key(|found| found.key);
        found
    }

    async fn backend(&self, does: Backend) -> bool {
        let instead = match does {
            Backend::Works => None,
            Backend::Down => Some(Fake::closed().await),
            Backend::Refuses => Some(Fake::start(|_| Answer::json(401, json!("Unauthorized"))).await),
        };
        *self.instead.lock().unwrap() = instead;
        true
    }
}

/// What the suites are given: nothing where there is no server.
macro_rules! one_index {
    () => {
        match OneIndex::new() {
            Some(index) => index,
            None => return,
        }
    };
}

mod sink {
    use super::*;
    collector_core::sink_conformance!(
        one_index!(),
        without: {
            RejectedOne: "every creator can be written; a server that refuses one is in `faults`",
            Position: "versions are kept with the records, so nothing has to be cut back",
        }
    );
}

#[async_trait]
impl SearchHarness for OneIndex {
    async fn sink(&self) -> Arc<dyn Sink<Creator>> {
        SinkHarness::sink(self).await
    }

    async fn index(&self) -> Arc<dyn CreatorIndex> {
        Arc::new(self.place.search())
    }

    async fn settle(&self) {
        self.place.refresh().await;
    }
}

mod search {
    use super::*;
    collector_core::search_conformance!(one_index!());
}
