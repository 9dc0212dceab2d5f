//! Who was erased and is kept out.
//!
//! Of an identity that was erased a keyed hash is left: it tells who comes back, and nobody who has the rows alone can
//! say whose it is without trying every name with the store's own key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use collector_core::domain::Domain;
use collector_core::erase::{Cut, Traces, is_about};
use collector_core::error::Result;
use collector_core::id::{Digest, IdHash, Ids};
use collector_core::store::FinishedCall;
use collector_core::store::ledger::{Bar, KeptOut, Ledger};
use collector_core::task::Task;

use super::notes;
use super::session::Session;
use super::statements::Insert;
use super::values::{hash, json};

/// The note with the key and the number of the last change; there is none as long as nobody was erased.
const NOTE: &str = "barred";

const BAR: Insert = Insert { table: "barred", columns: &["hash", "kinds"], key: &["hash"], update: &[] };

/// What this process has read.
#[derive(Debug, Default)]
pub(super) struct Barred(Mutex<Arc<Known>>);

#[derive(Debug, Default)]
struct Known {
    note: Option<String>,
    bars: HashMap<[u8; 16], Bar>,
}

/// What is kept of an answer that shows somebody erased.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) body: Bytes,
    /// Whether one of its tasks asked about them.
    pub(super) asked: bool,
}

impl Known {
    fn get(&self, id: &IdHash) -> Option<Bar> {
        self.bars.get(&keyed(self.note.as_deref()?, id)).cloned()
    }
}

/// The hash that is kept. The key is what follows the number.
fn keyed(note: &str, id: &IdHash) -> [u8; 16] {
    let key = note.split_once(' ').map_or("", |(_, key)| key);
    Digest::of(&[key.as_bytes(), id.0.as_slice()].concat()).0
}

impl Barred {
    /// What there is, read anew when somebody has added to it.
    async fn known(&self, tx: &Session) -> Result<Arc<Known>> {
        let note = notes::get(tx, NOTE).await?;
        let known = Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if known.note == note {
            return Ok(known);
        }
        if note.is_none() {
            return Ok(Arc::default());
        }
        let mut bars = HashMap::new();
        for row in tx.rows("SELECT hash, kinds FROM @barred", vec![]).await? {
            let kinds: Vec<String> = row.json(1)?;
            bars.insert(row.hash(0)?, Bar(kinds.into_iter().map(Arc::from).collect()));
        }
        let known = Arc::new(Known { note, bars });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&known);
        Ok(known)
    }

    /// Which of these tasks may be asked: none that is about somebody who was erased.
    pub(super) async fn wanted<'t>(
        &self,
        tx: &Session,
        tasks: impl Iterator<Item = &'t Task>,
    ) -> Result<Vec<bool>> {
        let known = self.known(tx).await?;
        let theirs = |task: &Task| task.target().is_some_and(|target| known.get(&target.id.hash()).is_some());
        Ok(tasks.map(|task| !theirs(task)).collect())
    }

    /// Leaves out of a ledger whoever was erased; what more it tells about them is kept out, too.
    pub(super) async fn keep_out<D: Domain>(
        &self,
        tx: &Session,
        ledger: &mut Ledger<'_, D>,
    ) -> Result<Vec<KeptOut>> {
        let known = self.known(tx).await?;
        if known.bars.is_empty() {
            return Ok(Vec::new());
        }
        let out = ledger.keep_out(|id| known.get(id));
        for one in &out {
            if one.ids.iter().any(|id| known.get(&id.hash()).is_none()) {
                self.add(tx, &one.ids).await?;
            }
        }
        Ok(out)
    }

    /// Keeps somebody out from now on.
    pub(super) async fn add(&self, tx: &Session, ids: &Ids) -> Result<()> {
        let before = notes::get(tx, NOTE).await?;
        let (number, key) = before.as_deref().and_then(|note| note.split_once(' ')).unwrap_or_default();
        let key = if key.is_empty() { fresh_key() } else { key.to_owned() };
        let note = format!("{} {key}", number.parse::<u64>().unwrap_or(0) + 1);
        let kinds: Vec<&str> = ids.strong.iter().map(|id| &*id.kind).collect();
        let row = |id: &collector_core::id::Id| Ok([hash(keyed(&note, &id.hash())), json(&kinds)?]);
        tx.insert(&BAR, ids.iter().map(row).collect::<Result<_>>()?).await?;
        notes::put(tx, NOTE, Some(&note)).await
    }
}

/// 32 random bytes, as digits.
fn fresh_key() -> String {
    let bytes: [u8; 32] = rand::random();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is kept of the answers of these calls.
pub(super) fn cut<D: Domain>(calls: &[FinishedCall<D>], out: &[KeptOut]) -> HashMap<usize, Rest> {
    let mut cut: HashMap<usize, Rest> = HashMap::new();
    for one in out {
        let Some(call) = calls.get(one.call) else { continue };
        let Some(payload) = &call.payload else { continue };
        let traces = Traces::of(&one.ids, &[]);
        let asked = call.tasks.iter().any(|task| is_about(&task.claimed.task, &traces));
        let rest = cut.entry(one.call).or_insert_with(|| Rest { body: payload.body.clone(), asked: false });
        rest.asked |= asked;
        match traces.cut(&rest.body) {
            Cut::Untouched => {}
            Cut::Rest(body) => rest.body = body,
            Cut::Nothing => rest.body = Bytes::new(),
        }
    }
    cut
}

/// Forgets what was asked about people who were erased: that it was answered stays.
pub(super) async fn forget_tasks<D: Domain>(
    tx: &Session,
    calls: &[FinishedCall<D>],
    out: &[KeptOut],
) -> Result<()> {
    let mut theirs = Vec::new();
    for one in out {
        let traces = Traces::of(&one.ids, &[]);
        let tasks = calls.get(one.call).map(|call| call.tasks.as_slice()).unwrap_or_default();
        let about = tasks.iter().filter(|task| is_about(&task.claimed.task, &traces));
        theirs.extend(about.map(|task| hash(task.claimed.id.0)));
    }
    let forget = "UPDATE @task SET subject = '', extra = NULL WHERE state > 2 AND hash IN (?*)";
    tx.run_in(forget, &[], &theirs).await.map(|_| ())
}
