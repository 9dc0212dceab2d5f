//! Our own side fails: everything ends, with an error for everybody who waits, and nothing hangs.

use collector_core::error::ErrorKind;
use tokio_util::sync::CancellationToken;

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_ends_the_run_with_an_error() {
    for method in ["claim", "commit", "take_pending", "settle", "heartbeat"] {
        let world = World::of_things();
        let store = GatedStore(world.store.clone(), Gate::open().panics_in(method));
        let api = Scripted::willing("api").takes(25 * SECOND);
        let engine = world.pipeline().store(store).source(api).build().unwrap();
        let error = within(HOUR, engine.run(many(3), CancellationToken::new())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{method}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waits_hears_why_it_ended() {
    let world = World::of_things();
    // Only one commit panics; the store itself would answer whoever asks it again.
    let store = GatedStore(world.store.clone(), Gate::open().panics_in("commit"));
    let api = Scripted::willing("api").takes(SECOND);
    let handle = world.pipeline().store(store).source(api).build().unwrap().start().await.unwrap();
    let (one, other) =
        (handle.submit(handles(["a"])).await.unwrap(), handle.submit(handles(["b"])).await.unwrap());
    let stop = CancellationToken::new();
    let both = async { tokio::join!(handle.wait(one, &stop), handle.wait(other, &stop)) };
    let (one, other) = within(HOUR, both).await;
    for error in [one.unwrap_err(), other.unwrap_err(), within(HOUR, handle.shutdown()).await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unexpected, "{error}");
    }
}
