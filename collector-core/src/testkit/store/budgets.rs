//! Budgets and parked accounts: contract 10.

use std::time::Duration;

use super::commit::day_budget;
use super::stage::{Stage, answered, at};
use super::{Case, StoreHarness};
use crate::clock::Timestamp;
use crate::error::ErrorKind;
use crate::store::{Budget, Parked, Reserved};
use crate::task::Cost;

async fn reserve(stage: &Stage, budget: &Budget, cost: Cost, now: Timestamp) -> Reserved {
    answered("reserve", stage.store.reserve(budget, cost, now).await)
}

/// Never beyond a budget, not by 1, however many ask at once.
pub(super) async fn budget(harness: &dyn StoreHarness) {
    let clause = Case::Budget.clause();
    let stage = Stage::new(harness, &[]).await;
    let limited = Budget { requests: Some(6), ..day_budget(20) };
    let now = at(5_000);
    let granted = Reserved::Granted { window: at(0) };
    let full = Reserved::Until(at(86_400));
    let cost = |units, requests| Cost { units, requests };
    clause.same("within the budget", reserve(&stage, &limited, cost(7, 1), now).await, granted);
    clause.same("beyond its units", reserve(&stage, &limited, cost(14, 1), now).await, full);
    clause.same(
        "a refused reservation books nothing",
        reserve(&stage, &limited, cost(13, 1), now).await,
        granted,
    );
    clause.same("not by 1 unit", reserve(&stage, &limited, cost(1, 1), now).await, full);
    clause.same("what costs no units still fits", reserve(&stage, &limited, cost(0, 4), now).await, granted);
    clause.same("not by 1 request", reserve(&stage, &limited, cost(0, 1), now).await, full);
    let spent = stage.counts().await.spent.get("acct").copied();
    clause.same("what is booked is counted", spent, Some(cost(20, 6)));

    let other = Budget { account: "other".into(), ..limited.clone() };
    clause.same("an account is its own", reserve(&stage, &other, cost(20, 6), now).await, granted);
    let nothing = Budget { account: "nothing".into(), ..day_budget(0) };
    clause.same("nothing is nothing", reserve(&stage, &nothing, cost(1, 1), now).await, full);
    let small = Budget { account: "small".into(), ..day_budget(3) };
    clause.same("what never fits is not granted", reserve(&stage, &small, cost(4, 1), now).await, full);
    let free = Budget { account: "free".into(), units: None, ..day_budget(0) };
    clause.same("without limit all fits", reserve(&stage, &free, cost(1 << 40, 1 << 20), now).await, granted);
}

/// Reservations at once share the budget exactly.
pub(super) async fn budget_at_once(harness: &dyn StoreHarness) {
    let clause = Case::BudgetAtOnce.clause();
    let stage = Stage::new(harness, &[]).await;
    let limited = day_budget(25);
    let asks = (0..40).map(|_| reserve(&stage, &limited, Cost { units: 2, requests: 1 }, at(10)));
    let answers = futures_util::future::join_all(asks).await;
    let granted = answers.iter().filter(|answer| matches!(answer, Reserved::Granted { .. })).count();
    clause.same("12 times 2 fit into 25", granted, 12);
    let spent = stage.counts().await.spent.get("acct").copied();
    clause.same("and are booked", spent, Some(Cost { units: 24, requests: 12 }));
}

/// At the vendor's reset hour a new window begins, with nothing spent.
pub(super) async fn budget_reset(harness: &dyn StoreHarness) {
    let clause = Case::BudgetReset.clause();
    let stage = Stage::new(harness, &[]).await;
    // Resets at 09:00 each day.
    let nine = 9 * 3_600;
    let budget = Budget { offset: Duration::from_secs(nine), ..day_budget(5) };
    let nine = nine as i64;
    let cost = Cost { units: 5, requests: 1 };
    let yesterday = Reserved::Granted { window: at(nine - 86_400) };
    clause.same(
        "before nine it is yesterday's window",
        reserve(&stage, &budget, cost, at(nine - 1)).await,
        yesterday,
    );
    let until = Reserved::Until(at(nine));
    clause.same("which is full until nine", reserve(&stage, &budget, cost, at(nine - 1)).await, until);
    let today = Reserved::Granted { window: at(nine) };
    clause.same("at nine all of it is there", reserve(&stage, &budget, cost, at(nine)).await, today);
    let until = Reserved::Until(at(nine + 86_400));
    clause.same("once", reserve(&stage, &budget, Cost::units(1), at(nine + 86_399)).await, until);
    let spent = stage.counts().await.spent.get("acct").copied();
    clause.same("the present window is what counts", spent, Some(cost));
    let far = at(nine + 9 * 86_400 + 7);
    let later = Reserved::Granted { window: at(nine + 9 * 86_400) };
    clause.same("after days of silence as well", reserve(&stage, &budget, cost, far).await, later);
}

/// Machines whose clocks differ meet around a reset: the late one brings no second budget.
pub(super) async fn late_clock(harness: &dyn StoreHarness) {
    let clause = Case::LateClock.clause();
    let stage = Stage::new(harness, &[]).await;
    let budget = day_budget(10);
    let today = at(86_400);
    let granted = Reserved::Granted { window: today };
    let full = Reserved::Until(at(2 * 86_400));
    let units = |units| Cost { units, requests: 1 };
    clause.same("all of today is booked", reserve(&stage, &budget, units(10), at(86_401)).await, granted);
    // Whether yesterday still has something for the late clock is the store's affair.
    reserve(&stage, &budget, units(1), at(86_399)).await;
    let answer = reserve(&stage, &budget, units(1), at(86_402)).await;
    clause.same("today stays booked after a reservation by a late clock", answer, full);
}

/// What was not spent can be spent again: in its own window, and never more than was booked.
pub(super) async fn settle_cost(harness: &dyn StoreHarness) {
    let clause = Case::SettleCost.clause();
    let stage = Stage::new(harness, &[]).await;
    let budget = day_budget(10);
    let units = |units| Cost { units, requests: 0 };
    let give = async |account: &str, window, over| {
        answered("settle_cost", stage.store.settle_cost(account, window, over).await);
    };
    let granted = Reserved::Granted { window: at(0) };
    let full = Reserved::Until(at(86_400));
    clause.same("all is booked", reserve(&stage, &budget, units(10), at(1)).await, granted);
    give("acct", at(0), units(4)).await;
    clause.same("5 do not fit", reserve(&stage, &budget, units(5), at(2)).await, full);
    clause.same("4 do", reserve(&stage, &budget, units(4), at(2)).await, granted);
    give("acct", at(-86_400), units(10)).await;
    clause.same("an older window's rest is gone", reserve(&stage, &budget, units(1), at(3)).await, full);
    give("other", at(0), units(10)).await;
    clause.same("another account's rest is its own", reserve(&stage, &budget, units(1), at(3)).await, full);
    give("acct", at(0), units(1_000)).await;
    clause.same("never more than was booked: 11", reserve(&stage, &budget, units(11), at(4)).await, full);
    clause.same("10 at most", reserve(&stage, &budget, units(10), at(4)).await, granted);
    clause.same("and then no more", reserve(&stage, &budget, units(1), at(4)).await, full);

    let tomorrow = at(86_400 + 1);
    let next = Reserved::Granted { window: at(86_400) };
    clause.same("tomorrow is new", reserve(&stage, &budget, units(10), tomorrow).await, next);
    give("acct", at(0), units(5)).await;
    let full = Reserved::Until(at(2 * 86_400));
    clause.same(
        "yesterday's rest does not help today",
        reserve(&stage, &budget, units(1), tomorrow).await,
        full,
    );
}

/// A parked account is listed with its reason until it is let out.
pub(super) async fn park(harness: &dyn StoreHarness) {
    let clause = Case::Park.clause();
    let stage = Stage::new(harness, &[]).await;
    let parked = |account: &str, until, reason: &str| Parked {
        account: account.into(),
        until,
        kind: ErrorKind::QuotaExhausted,
        reason: reason.to_owned(),
        since: at(1),
    };
    let list = async || {
        let mut list = answered("parked", stage.store.parked().await);
        list.sort_by(|a, b| a.account.cmp(&b.account));
        list
    };
    clause.same("nobody is parked", list().await, vec![]);
    let (one, two) =
        (parked("one", Some(at(500)), "daily units used up"), parked("two", None, "credential refused"));
    for park in [&one, &two, &one] {
        answered("park", stage.store.park(park).await);
    }
    clause.same("each account is parked once, with time and reason", list().await, vec![one, two.clone()]);
    let longer = parked("one", Some(at(900)), "still used up");
    answered("park", stage.store.park(&longer).await);
    clause.same("the last word counts", list().await, vec![longer, two.clone()]);
    answered("unpark", stage.store.unpark("one").await);
    answered("unpark", stage.store.unpark("one").await);
    answered("unpark", stage.store.unpark("never parked").await);
    clause.same("who is let out is not listed", list().await, vec![two]);
}
