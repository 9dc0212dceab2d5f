//! One vendor is dead all along: what the others know is there while it is still being tried.

use collector_core::creator::{Creator, Creators};
use collector_core::pipeline::{Job, Pipeline};
use collector_core::sink::MemorySink;
use collector_core::task::Query;
use collector_sources::ensembledata::{EnsembleData, EnsembleDataConfig};
use collector_sources::simulator::{SimulatorConfig, Vendor};
use tokio_util::sync::CancellationToken;

use super::{EVERYBODY, Roster};
use crate::simulated::{TrueHashtag, World, creators};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_dead_vendor() {
    let config = SimulatorConfig { dead: [Vendor::EnsembleData].into(), ..creators(EVERYBODY) };
    let token = config.token.as_str().into();
    let world = World::start(config).await;
    let url = world.simulator.url();
    let hashtags = world.truth::<TrueHashtag>("/truth/hashtags").await;
    let hashtags: Vec<String> = hashtags.into_iter().map(|hashtag| hashtag.name).collect();
    let query = Query { hashtags: hashtags.clone(), ..Query::default() };
    let dead = EnsembleDataConfig {
        base_url: format!("{url}/ensembledata").into(),
        token,
        ..EnsembleDataConfig::default()
    };

    let alone = MemorySink::new();
    let engine = Pipeline::new(Creators::default())
        .source(Roster::new(&url, EVERYBODY))
        .sink(alone.clone())
        .build()
        .unwrap();
    engine.run(Job::new("alone", query.clone()), CancellationToken::new()).await.unwrap();
    assert_eq!(alone.len(), EVERYBODY as usize);

    let sink = MemorySink::new();
    let engine = Pipeline::new(Creators::default())
        .source(EnsembleData::new(dead).unwrap())
        .source(Roster::new(&url, EVERYBODY))
        .sink(sink.clone())
        .build()
        .unwrap();
    let handle = engine.start().await.unwrap();
    let mut events = handle.events();
    let run = handle.submit(Job::new("beside a dead one", query)).await.unwrap().run;
    while sink.len() < alone.len() {
        events.next().await.expect("the engine works");
    }
    // Every search of the dead vendor is still to be made: nothing of it was given up, and nothing waited for that.
    let state = handle.status(run).await.unwrap().unwrap();
    assert_eq!((state.open, state.ended), (hashtags.len() as u64, None));
    let names = |sink: &MemorySink<Creator>| {
        let mut names: Vec<_> =
            sink.records().into_iter().map(|record| record.entity.handle.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&sink), names(&alone));
    handle.shutdown().await.unwrap();
}
