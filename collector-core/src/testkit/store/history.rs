//! Daily figures.

use super::domain::{Seen, uid};
use super::stage::{Stage, answered, at};
use super::{Case, StoreHarness};
use crate::domain::Day;
use crate::id::RecordKey;

/// The day with which every case begins.
const FIRST: i32 = 19_675;

/// A second of the next day.
const NEXT_DAY: i64 = 86_400;

/// Figures by day: measured ones, and those brought for other days.
pub(super) async fn history(harness: &dyn StoreHarness) {
    let clause = Case::History.clause();
    let stage = Stage::new(harness, &[]).await;
    let ana = || Seen::saying("ana").uid("1");
    stage.see(ana().count(5).on_day(FIRST - 3, -3).on_day(FIRST - 5, 2), 10).await;
    let key = stage.known(&uid("1"), clause).await.record.key;
    let days = async || {
        let days = answered("history", stage.store.history(key).await);
        days.into_iter().map(|Day { day, figures }| (day - FIRST, figures)).collect::<Vec<_>>()
    };
    let expected = vec![(-5, vec![Some(2)]), (-3, vec![Some(-3)]), (0, vec![Some(5)])];
    clause.same("what it brought and what was measured, oldest first", days().await, expected);

    stage.see(ana().count(6), 20).await;
    clause.same("a day is as it was last", days().await.last().cloned(), Some((0, vec![Some(6)])));
    stage.see(ana().count(7), NEXT_DAY).await;
    let trend = || ana().aspect("trend").count(7);
    stage.see(trend().on_day(FIRST, 99).on_day(FIRST - 3, 99).on_day(FIRST - 4, 1), NEXT_DAY + 9).await;
    let expected = [(-5, 2), (-4, 1), (-3, -3), (0, 6), (1, 7)].map(|(day, count)| (day, vec![Some(count)]));
    clause.same("only days that have nothing are filled in", days().await, expected.to_vec());

    stage.see(trend().on_day(FIRST - 9, 8), 30).await;
    clause.same("an older item tells, too", days().await.first().cloned(), Some((-9, vec![Some(8)])));
    stage.see(Seen::saying("bo").uid("2").count(1), NEXT_DAY + 10).await;
    clause.same("others have their own", days().await.len(), 6);
    let nobody = answered("history", stage.store.history(RecordKey(u64::from(u32::MAX))).await);
    clause.same("nobody has none", nobody, vec![]);
    let first = days().await;
    if let Some(again) = harness.reopen().await {
        let kept = answered("history", again.history(key).await);
        clause.same("all of it is kept", kept.len(), first.len());
    }
    clause.same("of the day it began", at(0).day(), FIRST);
}
