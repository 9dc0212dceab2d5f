//! Users with few rights, on a server that has users: those of `tests/services/elasticsearch.sh`.

use collector_core::error::{Error, ErrorKind};
use collector_sinks::elasticsearch::ElasticsearchRebuild;

use super::*;

impl Place {
    fn config_of(&self, user: &str, password: &str) -> ElasticsearchConfig {
        let (user, password) = (Some(user.to_owned()), Some(password.into()));
        ElasticsearchConfig { user, password, ..self.config() }
    }

    fn sink_of(&self, user: &str) -> ElasticsearchSink {
        ElasticsearchSink::new(self.config_of(user, &format!("{user}-pw"))).unwrap()
    }

    fn search_of(&self, user: &str) -> ElasticsearchSearch {
        ElasticsearchSearch::new(self.config_of(user, &format!("{user}-pw"))).unwrap()
    }
}

fn is_refused(error: &Error, parts: &[&str]) {
    let text = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{text}");
    parts.iter().for_each(|part| assert!(text.contains(part), "`{part}` is missing: {text}"));
}

#[tokio::test]
async fn the_listed_rights_are_enough() {
    let Some(place) = Place::with_users() else { return };
    let cx = Context::detached();
    let maker = place.sink_of("maker");
    maker.check(&cx).await.unwrap();
    maker.open(&cx, None).await.unwrap();
    write(&maker, &[put(1, 1, named("a"))]).await;
    maker.check(&cx).await.unwrap();
    let writer = place.sink_of("writer");
    writer.check(&cx).await.unwrap();
    writer.open(&cx, None).await.unwrap();
    write(&writer, &[put(2, 1, named("b")), delete(1, 2)]).await;
    place.refresh().await;
    let found = place.search_of("reader").search(&cx, &Query::all()).await.unwrap();
    assert_eq!(found.hits.len(), 1);
}

#[tokio::test]
async fn the_rights_to_make_an_index_are_enough_to_replace_one() {
    let Some(place) = Place::with_users() else { return };
    super::replacing::make_older(&place).await;
    is_refused(&place.sink_of("writer").open(&Context::detached(), None).await.unwrap_err(), &["right"]);
    place.sink_of("maker").open(&Context::detached(), None).await.unwrap();
    assert_eq!(place.ask("").await.total, 1_000);
}

#[tokio::test]
async fn the_rights_to_make_an_index_are_enough_to_rebuild_it_and_to_end_a_rebuild_that_died() {
    let Some(place) = Place::with_users() else { return };
    let cx = Context::detached();
    let maker = place.sink_of("maker");
    maker.open(&cx, None).await.unwrap();
    let as_user = |user: &str| place.config_of(user, &format!("{user}-pw"));
    is_refused(&ElasticsearchRebuild::begin(&cx, as_user("writer")).await.unwrap_err(), &["right"]);
    write(&maker, &[put(1, 1, named("a"))]).await;
    ElasticsearchRebuild::begin(&cx, as_user("maker")).await.unwrap().finish(&cx).await.unwrap();
    assert_eq!(place.handles("").await.len(), 0);
    let died = ElasticsearchRebuild::begin(&cx, as_user("maker")).await.unwrap();
    let later = super::rebuilding::later();
    // Its changes stay owed until somebody comes who may end it.
    let writer = place.sink_of("writer");
    writer.open(&later, None).await.unwrap();
    let error = writer.write(&later, &[put(2, 1, named("b"))]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("lacks the rights"), "{error}");
    maker.open(&later, None).await.unwrap();
    write(&writer, &[put(2, 1, named("b"))]).await;
    assert_eq!(place.handles("").await, ["b"]);
    drop(died);
}

#[tokio::test]
async fn a_missing_right_is_named_with_the_part_that_needs_it() {
    let Some(place) = Place::with_users() else { return };
    let cx = Context::detached();
    let error = place.sink_of("writer").open(&cx, None).await.unwrap_err();
    is_refused(&error, &["cannot make the search index", "right", "create_index"]);
    place.opened().await;
    let reader = place.sink_of("reader");
    is_refused(&reader.check(&cx).await.unwrap_err(), &["cannot be written", "right"]);
    reader.open(&cx, None).await.unwrap();
    is_refused(
        &reader.write(&cx, &[put(1, 1, named("a"))]).await.unwrap_err(),
        &["does not take changes", "right"],
    );
    let nobody = place.search_of("nobody").search(&cx, &Query::all()).await.unwrap_err();
    is_refused(&nobody, &["which search index is in use", "right"]);
    is_refused(&place.sink_of("nobody").check(&cx).await.unwrap_err(), &["which search index is in use"]);
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let Some(place) = Place::with_users() else { return };
    let (cx, config) = (Context::detached(), place.config_of("writer", "hunter2"));
    let sink = ElasticsearchSink::new(config.clone()).unwrap();
    let errors = [
        sink.check(&cx).await.unwrap_err(),
        sink.open(&cx, None).await.unwrap_err(),
        ElasticsearchSearch::new(config).unwrap().search(&cx, &Query::all()).await.unwrap_err(),
    ];
    for error in errors {
        is_refused(&error, &["password", "401"]);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}
