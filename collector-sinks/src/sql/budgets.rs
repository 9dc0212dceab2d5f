//! Budgets of accounts, and accounts that are kept out.

use collector_core::clock::Timestamp;
use collector_core::error::{ErrorKind, Result};
use collector_core::store::{Budget, Parked, Reserved};
use collector_core::task::Cost;

use super::error::unreadable;
use super::session::Session;
use super::statements::Insert;
use super::values::{Row, int, text, time, time_or_null};

const PARK: Insert = Insert {
    table: "parked",
    columns: &["account", "until", "kind", "reason", "since"],
    key: &["account"],
    update: &["until", "kind", "reason", "since"],
};

/// Refused when somebody else began the window meanwhile.
const BEGIN: Insert =
    Insert { table: "budget", columns: &["account", "begins", "units", "requests"], key: &[], update: &[] };

const SPEND: Insert = Insert {
    table: "budget",
    columns: &["account", "begins", "units", "requests"],
    key: &["account", "begins"],
    update: &["units", "requests"],
};

/// Books a cost, if it fits.
pub(super) async fn reserve(tx: &Session, budget: &Budget, cost: Cost, now: Timestamp) -> Result<Reserved> {
    let window = budget.window_at(now);
    let spent = spent(tx, &budget.account, window).await?;
    let after = spent.unwrap_or_default() + cost;
    let over = |limit: Option<u64>, after: u64| limit.is_some_and(|limit| after > limit);
    if over(budget.units, after.units) || over(budget.requests, after.requests) {
        return Ok(Reserved::Until(budget.reset_after(now)));
    }
    if spent.is_none() {
        // Windows that ended are of no use; one is kept for corrections that come late.
        let values = vec![text(&*budget.account), time(window - budget.window)];
        tx.run("DELETE FROM @budget WHERE account = ? AND begins < ?", values).await?;
    }
    let insert = if spent.is_none() { &BEGIN } else { &SPEND };
    save(tx, insert, &budget.account, window, after).await?;
    Ok(Reserved::Granted { window })
}

/// Corrects a booking; one in a window that is not kept any more changes nothing.
pub(super) async fn give_back(tx: &Session, account: &str, window: Timestamp, over: Cost) -> Result<()> {
    match spent(tx, account, window).await? {
        Some(spent) => save(tx, &SPEND, account, window, spent.less(over)).await,
        None => Ok(()),
    }
}

async fn spent(tx: &Session, account: &str, window: Timestamp) -> Result<Option<Cost>> {
    let query = "SELECT units, requests FROM @budget WHERE account = ? AND begins = ?{lock}";
    let row = tx.one(query, vec![text(account), time(window)]).await?;
    row.map(|row| Ok(Cost { units: row.int(0)?, requests: row.int(1)? })).transpose()
}

async fn save(tx: &Session, insert: &Insert, account: &str, window: Timestamp, spent: Cost) -> Result<()> {
    tx.insert(insert, vec![[text(account), time(window), int(spent.units), int(spent.requests)]]).await
}

/// What each account has spent in its newest window.
pub(super) async fn all_spent(tx: &Session) -> Result<Vec<(String, Cost)>> {
    let query = "SELECT account, units, requests FROM @budget b \
                 WHERE begins = (SELECT MAX(begins) FROM @budget n WHERE n.account = b.account)";
    let rows = tx.rows(query, vec![]).await?;
    rows.iter().map(|row| Ok((row.text(0)?, Cost { units: row.int(1)?, requests: row.int(2)? }))).collect()
}

/// Keeps an account out.
pub(super) async fn park(tx: &Session, park: &Parked) -> Result<()> {
    let (kind, reason) = (text(park.kind.as_str()), text(&park.reason));
    tx.insert(&PARK, vec![[text(&*park.account), time_or_null(park.until), kind, reason, time(park.since)]])
        .await
}

/// Lets an account in.
pub(super) async fn unpark(tx: &Session, account: &str) -> Result<()> {
    tx.run("DELETE FROM @parked WHERE account = ?", vec![text(account)]).await
}

/// Accounts that are kept out, by name.
pub(super) async fn parked(tx: &Session) -> Result<Vec<Parked>> {
    let query = "SELECT account, until, kind, reason, since FROM @parked ORDER BY account";
    tx.rows(query, vec![]).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Parked> {
    let kind = row.text(2)?;
    Ok(Parked {
        account: row.text(0)?.into(),
        until: row.time_or_null(1)?,
        kind: ErrorKind::from_name(&kind).ok_or_else(|| unreadable("an error kind", kind))?,
        reason: row.text(3)?,
        since: row.time(4)?,
    })
}
