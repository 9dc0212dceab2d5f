//! Of several processes that serve one store, one at a time keeps it tidy.
//!
//! A note in the store tells whose turn it is, and until when. Whoever finds nobody's name there writes its own, and reads it
//! again after longer than anybody takes from reading to writing: of several who do so at once, the last to write has the
//! turn. What is done in turn takes no harm when two do it; it would only be done twice.

use std::time::Duration;

use collector_core::clock::{Clock, Timestamp};
use collector_core::error::{ErrorChain, Result};

use crate::compose::AnyStore;

/// The note. Its text is a time, a blank and a name.
const NOTE: &str = "@upkeep";

/// For how long a turn is taken: whoever has not prolonged it by then is gone.
pub(super) const LASTS: Duration = Duration::from_secs(90);

/// How often it is prolonged.
const PROLONGED: Duration = Duration::from_secs(30);

/// How long it takes until a name that was written stays.
const SETTLES: Duration = Duration::from_secs(5);

/// A process's turn. One that is dropped ends by itself, a little later.
pub(super) struct Turn<'s> {
    store: &'s AnyStore,
    clock: &'s dyn Clock,
    /// The process's name: no other one has it.
    who: &'s str,
}

impl<'s> Turn<'s> {
    /// Takes the turn; `None` while somebody else has it.
    pub(super) async fn take(
        store: &'s AnyStore,
        clock: &'s dyn Clock,
        who: &'s str,
    ) -> Result<Option<Self>> {
        let turn = Self { store, clock, who };
        if turn.holder().await?.is_some_and(|holder| holder != who) {
            return Ok(None);
        }
        turn.write().await?;
        clock.sleep(SETTLES).await;
        Ok(turn.is_mine().await?.then_some(turn))
    }

    /// Does something, and prolongs the turn for as long as that takes. `None` when somebody else has it meanwhile: this
    /// process was silent for too long.
    pub(super) async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.lost() => None,
        }
    }

    /// Lets the next one have it.
    pub(super) async fn give_back(self) -> Result<()> {
        match self.is_mine().await? {
            true => self.store.put_note(NOTE, None).await,
            false => Ok(()),
        }
    }

    /// Prolongs the turn, and comes back when it is somebody else's.
    async fn lost(&self) {
        loop {
            self.clock.sleep(PROLONGED).await;
            match self.prolong().await {
                Ok(true) => {}
                Ok(false) => return,
                // What is done in turn says the same, and more loudly.
                Err(error) => {
                    tracing::debug!(error = %ErrorChain(&error), "cannot prolong the turn to tidy the store")
                }
            }
        }
    }

    async fn prolong(&self) -> Result<bool> {
        let mine = self.is_mine().await?;
        if mine {
            self.write().await?;
        }
        Ok(mine)
    }

    async fn write(&self) -> Result<()> {
        let until = self.clock.now() + LASTS;
        self.store.put_note(NOTE, Some(&format!("{until} {}", self.who))).await
    }

    async fn is_mine(&self) -> Result<bool> {
        Ok(self.holder().await?.is_some_and(|holder| holder == self.who))
    }

    /// Whose turn it is.
    async fn holder(&self) -> Result<Option<String>> {
        let now = self.clock.now();
        let note = self.store.note(NOTE).await?;
        Ok(note
            .as_deref()
            .and_then(read)
            .filter(|(until, _)| is_running(*until, now))
            .map(|(_, who)| who.to_owned()))
    }
}

fn read(note: &str) -> Option<(Timestamp, &str)> {
    let (until, who) = note.split_once(' ')?;
    Some((until.parse().ok()?, who))
}

/// Whether a turn goes on. One that ends later than any can was written by a clock that was wrong.
fn is_running(until: Timestamp, now: Timestamp) -> bool {
    now < until && until.since(now) <= 2 * LASTS
}

#[cfg(test)]
mod tests {
    use collector_core::testkit::fakes::ManualClock;

    use super::*;
    use crate::compose;

    /// Takes the turn, if it can be taken, without waiting.
    async fn taken<'s>(store: &'s AnyStore, clock: &'s ManualClock, who: &'s str) -> Option<Turn<'s>> {
        let settling = async {
            clock.until_asleep(1).await;
            clock.advance(SETTLES);
            std::future::pending::<std::convert::Infallible>().await
        };
        tokio::select! {
            biased;
            turn = Turn::take(store, clock, who) => turn.unwrap(),
            never = settling => match never {},
        }
    }

    #[tokio::test]
    async fn of_two_who_find_nobody_there_the_last_to_write_has_the_turn() {
        let (store, clock) = (compose::in_memory(), ManualClock::starting_at(Timestamp::from_secs(1_000)));
        let other = Turn { store: &store, clock: &*clock, who: "b" };
        let writing = async {
            clock.until_asleep(1).await;
            // It read the note before there was a name.
            other.write().await.unwrap();
            clock.advance(SETTLES);
        };
        let (one, ()) = tokio::join!(Turn::take(&store, &*clock, "a"), writing);
        assert!(one.unwrap().is_none() && other.is_mine().await.unwrap());
        assert!(taken(&store, &clock, "c").await.is_none(), "it goes on");
        other.give_back().await.unwrap();
        assert!(taken(&store, &clock, "c").await.is_some(), "it was given back");
    }

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_what_is_done_and_ends_by_itself_when_its_process_is_gone() {
        let (store, clock) = (compose::in_memory(), ManualClock::starting_at(Timestamp::from_secs(1_000)));
        let turn = taken(&store, &clock, "a").await.unwrap();
        let long_work = async {
            for _ in 0..10 {
                clock.until_asleep(1).await;
                clock.advance(PROLONGED);
                let until = (clock.now() + LASTS).to_string();
                while !store.note(NOTE).await.unwrap().unwrap().starts_with(&until) {
                    tokio::task::yield_now().await;
                }
            }
            assert!(taken(&store, &clock, "b").await.is_none(), "it goes on");
        };
        assert_eq!(turn.during(long_work).await, Some(()));
        // Its process is gone: nobody gives it back.
        clock.advance(LASTS);
        assert!(taken(&store, &clock, "b").await.is_some(), "whoever had it is gone");
    }

    #[tokio::test]
    async fn who_was_silent_for_too_long_stops_when_somebody_else_has_the_turn() {
        let (store, clock) = (compose::in_memory(), ManualClock::starting_at(Timestamp::from_secs(1_000)));
        let turn = Turn { store: &store, clock: &*clock, who: "a" };
        let other = format!("{} b", clock.now() + LASTS);
        store.put_note(NOTE, Some(&other)).await.unwrap();
        let waking = async {
            clock.until_asleep(1).await;
            clock.advance(PROLONGED);
        };
        let (done, ()) = tokio::join!(turn.during(std::future::pending::<()>()), waking);
        assert_eq!(done, None);
        turn.give_back().await.unwrap();
        assert_eq!(store.note(NOTE).await.unwrap(), Some(other), "it is not taken from them");
    }

    #[test]
    fn a_note_of_a_clock_that_was_wrong_keeps_nobody_out_for_long() {
        let now = Timestamp::from_secs(10_000);
        assert!(is_running(now + LASTS, now));
        assert!(!is_running(now, now) && !is_running(now + 3 * LASTS, now));
        assert_eq!(read("nothing"), None);
    }
}
