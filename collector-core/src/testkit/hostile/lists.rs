//! Lists that do not behave: cursors, totals, rows.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::case::{Checked, Violation, ensure};
use super::super::server::Answer;
use super::HostileHarness;
use super::stage::{Stage, Step, Walk};

pub(super) async fn repeated_cursor<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    let [first, second] = stage.pages()?;
    let (repeated, answered) = (stage.recorded(first)?, second.number);
    let walk = stage
        .walk(move |number, _, answer| if number == answered { repeated.clone() } else { answer })
        .await?;
    ensure!(walk.ended, "every page leads to the next for ever");
    for step in &walk.steps {
        if let Some(task) = &step.back {
            return Err(Violation::new(format!(
                "a page that leads to itself was followed to {task}: it must end the search or be an error"
            )));
        }
    }
    Ok(())
}

pub(super) async fn shrinking_total<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let pointer = harness.total().ok_or_else(|| {
        Violation::new(
            "the harness does not say where the total is: implement `total`, or declare the exception",
        )
    })?;
    let stage = Stage::set(harness).await?;
    let [_, second] = stage.pages()?;
    let mut shrunk = Vec::new();
    for step in &stage.steps {
        let document = stage.document(step)?.filter(|document| document.pointer(pointer).is_some());
        shrunk.push((step.number, document));
    }
    ensure!(
        shrunk.iter().any(|(number, document)| *number == second.number && document.is_some()),
        "the second page of the recording has nothing at {pointer}"
    );
    let mut answers = Vec::new();
    for (step, (number, document)) in stage.steps.iter().zip(shrunk).skip(1) {
        let Some(mut document) = document else { continue };
        if let Some(total) = document.pointer_mut(pointer) {
            *total = if total.is_string() { "1".into() } else { 1.into() };
        }
        answers.push((number, harness.with_document(&stage.recorded(step)?, &document)));
    }
    let walk = stage
        .walk(move |number, _, answer| match answers.iter().find(|(shrunk, _)| *shrunk == number) {
            Some((_, shrunk)) => shrunk.clone(),
            None => answer,
        })
        .await?;
    walk.must_be_whole("with a total that shrinks")?;
    let asked: BTreeSet<_> = walk.steps.iter().map(|step| step.number).collect();
    ensure!(asked.contains(&second.number), "the second page was not asked for");
    let delivered: BTreeSet<String> = stage
        .steps
        .iter()
        .filter(|step| asked.contains(&step.number))
        .flat_map(|step| step.keys.iter().cloned())
        .collect();
    same_people("with a total that shrinks", &delivered, &walk)
}

pub(super) async fn duplicate_rows<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    let [first, second] = stage.pages()?;
    let mine = rows_of(&stage, first)?;
    let twice: Vec<Value> = mine.iter().chain(&mine).cloned().collect();
    let again: Vec<Value> = mine.iter().cloned().chain(rows_of(&stage, second)?).collect();
    let answers = [
        (first.number, with_rows(&stage, first, twice)?),
        (second.number, with_rows(&stage, second, again)?),
    ];
    let walk = stage.walk(put(answers)).await?;
    walk.must_be_whole("with rows that come twice")?;
    if let Some(task) = walk.steps.iter().zip(&stage.steps).find_map(|(now, before)| {
        // What comes twice with every row once is not about rows.
        now.back.as_ref().filter(|_| before.back.is_none() && now.number == first.number)
    }) {
        return Err(Violation::new(format!("a row that comes twice has its follow-up twice: {task}")));
    }
    same_people("with rows that come twice", &all(&stage), &walk)
}

pub(super) async fn reordered_rows<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    let [first, second] = stage.pages()?;
    let backwards = |step: &Step| Ok(rows_of(&stage, step)?.into_iter().rev().collect::<Vec<_>>());
    let (mine, others) = (backwards(first)?, backwards(second)?);
    let reversed = [
        (first.number, with_rows(&stage, first, mine.clone())?),
        (second.number, with_rows(&stage, second, others.clone())?),
    ];
    let across = [
        (first.number, with_rows(&stage, first, others)?),
        (second.number, with_rows(&stage, second, mine)?),
    ];
    for (answers, when) in
        [(reversed, "with rows in another order"), (across, "with the pages' rows exchanged")]
    {
        let walk = stage.walk(put(answers)).await?;
        walk.must_be_whole(when)?;
        same_people(when, &all(&stage), &walk)?;
    }
    Ok(())
}

fn put<S>(answers: [(usize, Answer); 2]) -> impl Fn(usize, &S, Answer) -> Answer + Send + Sync + 'static {
    move |number, _, answer| match answers.iter().find(|(put, _)| *put == number) {
        Some((_, put)) => put.clone(),
        None => answer,
    }
}

fn rows_of<H: HostileHarness + ?Sized>(stage: &Stage<'_, H>, step: &Step) -> Checked<Vec<Value>> {
    let pointer = stage.rows()?;
    let document = stage.document(step)?;
    let rows = document.as_ref().and_then(|document| document.pointer(pointer)).and_then(Value::as_array);
    let rows =
        rows.ok_or_else(|| Violation::new(format!("a page of the recording has no array at {pointer}")))?;
    ensure!(!rows.is_empty(), "a page of the recording has no rows");
    Ok(rows.clone())
}

fn with_rows<H: HostileHarness + ?Sized>(
    stage: &Stage<'_, H>,
    step: &Step,
    rows: Vec<Value>,
) -> Checked<Answer> {
    let mut document = stage.document(step)?.unwrap_or_default();
    if let Some(place) = document.pointer_mut(stage.rows()?) {
        *place = rows.into();
    }
    Ok(stage.harness.with_document(&stage.recorded(step)?, &document))
}

fn all<H: HostileHarness + ?Sized>(stage: &Stage<'_, H>) -> BTreeSet<String> {
    stage.steps.iter().flat_map(|step| step.keys.iter().cloned()).collect()
}

fn same_people(when: &str, expected: &BTreeSet<String>, walk: &Walk) -> Checked {
    let keys = walk.keys();
    let lost: Vec<_> = expected.difference(&keys).collect();
    let new: Vec<_> = keys.difference(expected).collect();
    ensure!(lost.is_empty() && new.is_empty(), "{when}: lost are {lost:?}, and new are {new:?}");
    Ok(())
}
