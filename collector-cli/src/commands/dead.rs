//! `collector dead`: what was given up, and how it is mended or forgotten.

mod replay;

use std::io::Write;

use collector_core::id::DeadId;
use collector_core::store::DeadLetter;

use super::Session;
use crate::args::{DeadCommand, DeadDiscard, DeadList, DeadShow, Letters};
use crate::compose::{self, AnyStore};
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::report::{DeadLetters, LetterReport, count};

/// The most letters that are looked at.
const MOST: usize = 1_000_000;
/// How much of an answer is shown.
const SHOWN: usize = 8 << 10;

pub(super) async fn execute(session: &Session, command: DeadCommand) -> Result<Exit> {
    match command {
        DeadCommand::List(args) => list(session, &args).await,
        DeadCommand::Show(args) => show(session, &args).await,
        DeadCommand::Replay(args) => replay::execute(session, &args).await,
        DeadCommand::Discard(args) => discard(session, &args).await,
    }
}

async fn list(session: &Session, args: &DeadList) -> Result<Exit> {
    let store = compose::open_reader(&session.store(&args.store)?).await?;
    let most = if args.source.is_some() { MOST } else { args.max };
    let mut letters = store.dead_letters(most).await?;
    if let Some(source) = &args.source {
        letters.retain(|letter| letter.part == *source);
        letters.truncate(args.max);
    }
    let total = store.counts().await?.dead;
    session.output.print(&DeadLetters::new(total, letters), DeadLetters::text)?;
    Ok(Exit::Complete)
}

async fn show(session: &Session, args: &DeadShow) -> Result<Exit> {
    let store = compose::open_reader(&session.store(&args.store)?).await?;
    let letter = store.dead_letters(MOST).await?.into_iter().find(|letter| letter.id.0 == args.id);
    let letter = letter.ok_or_else(|| unknown(args.id))?;
    let answer = match letter.payload {
        Some(id) => store.payload(id).await?,
        None => None,
    };
    if args.raw {
        let answer =
            answer.ok_or_else(|| Failure::partial(format!("no answer was kept with letter {}", args.id)))?;
        return print_raw(&answer.body);
    }
    let body = answer.as_ref().map(|answer| {
        let head = answer.body.get(..SHOWN).unwrap_or(&answer.body);
        String::from_utf8_lossy(head).into_owned()
    });
    let report = LetterReport {
        advice: letter.kind.advice(),
        letter,
        status: answer.as_ref().map(|answer| answer.status),
        length: answer.as_ref().map(|answer| answer.body.len() as u64),
        headers: answer.map(|answer| answer.headers).unwrap_or_default(),
        body,
    };
    session.output.print(&report, LetterReport::text)?;
    Ok(Exit::Complete)
}

fn print_raw(body: &[u8]) -> Result<Exit> {
    match std::io::stdout().lock().write_all(body) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::aborted(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(Exit::Complete),
    }
}

async fn discard(session: &Session, args: &DeadDiscard) -> Result<Exit> {
    let place = session.store(&args.store)?;
    // Looked at first: a store that is not there is not made.
    drop(compose::open_reader(&place).await?);
    let store = compose::open_store(&place).await?;
    let ids: Vec<DeadId> = chosen(&store, &args.letters).await?.iter().map(|letter| letter.id).collect();
    let discarded = store.discard(&ids).await?;
    let object = serde_json::json!({ "exit": "complete", "code": 0, "discarded": discarded });
    session
        .output
        .print(&object, |_| format!("{} discarded", count(discarded, "dead letter", "dead letters")))?;
    Ok(Exit::Complete)
}

/// The letters that were chosen; each number has to be one.
async fn chosen(store: &AnyStore, letters: &Letters) -> Result<Vec<DeadLetter>> {
    let mut all = store.dead_letters(MOST).await?;
    if let Some(unknown) = letters.ids.iter().find(|id| !all.iter().any(|letter| letter.id.0 == **id)) {
        return Err(self::unknown(*unknown));
    }
    all.retain(|letter| {
        let by_source = letters.source.as_ref().is_none_or(|source| letter.part == *source);
        by_source && (letters.all || letters.source.is_some() || letters.ids.contains(&letter.id.0))
    });
    Ok(all)
}

fn unknown(id: u64) -> Failure {
    Failure::usage(format!("there is no dead letter {id}")).advise("collector dead list shows their numbers")
}
