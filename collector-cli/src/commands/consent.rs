//! Spending needs no surprise: what a run costs is shown before it is spent, and somebody agrees.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use collector_core::creator::Creators;
use collector_core::error::Error;
use collector_core::observe::Silent;
use collector_core::pipeline::{Engine, Estimate, Roots};
use collector_core::store::{Counts, Store};
use collector_core::task::{Cost, Task};

use super::Session;
use crate::compose::{self, AnyStore};
use crate::config::{Config, Job};
use crate::failure::{Failure, Result};
use crate::report::{BudgetReport, PlanReport, number};

/// What a call takes, for want of anything better: vendors answer within a second or a few.
const CALL: Duration = Duration::from_secs(2);
/// One part in this many of a day's budget is a lot.
const A_LOT: u64 = 5;

/// What a job would ask and cost. Asks nobody and writes nothing.
pub(super) async fn plan(
    config: &Config,
    job: &Job,
    store: &AnyStore,
    max_units: Option<u64>,
) -> Result<PlanReport> {
    let engine = compose::engine(config, job, store, Silent)?;
    let roots = if job.refresh.is_some() { Roots::default() } else { engine.roots(&job.query).await? };
    let all = roots.tasks.len();
    let mut asked = engine.not_fresh(roots.tasks, job.fresh_for).await?;
    let fresh = (all - asked.len()) as u64;
    if let Some(refresh) = job.refresh {
        asked.append(&mut engine.to_refresh(&refresh.into()).await?);
    }
    let mut report = of_tasks(&engine, &asked, store, max_units).await?;
    report.job.clone_from(&job.name);
    report.fresh = fresh;
    report.unreachable = roots.unreachable.len() as u64;
    Ok(report)
}

/// What tasks would cost.
pub(super) async fn of_tasks(
    engine: &Engine<Creators>,
    tasks: &[Task],
    store: &AnyStore,
    max_units: Option<u64>,
) -> Result<PlanReport, Error> {
    let counts = store.counts().await?;
    let estimate = engine.estimate(tasks, CALL);
    let budgets = budgets(engine, &estimate, &counts);
    let agree = reasons(&estimate, &counts, &budgets, max_units);
    Ok(PlanReport {
        exit: "complete",
        code: 0,
        job: String::new(),
        estimate,
        fresh: 0,
        unreachable: 0,
        left_over: counts.open.clone(),
        budgets,
        max_units,
        agree,
    })
}

type Budgets = std::collections::BTreeMap<String, BudgetReport>;

fn budgets(engine: &Engine<Creators>, estimate: &Estimate, counts: &Counts) -> Budgets {
    let limits: std::collections::BTreeMap<&str, Option<u64>> =
        engine.budgets().map(|budget| (&*budget.account, budget.units)).collect();
    let spent = |account: &str| counts.spent.get(account).copied().unwrap_or(Cost::none());
    let accounts = estimate.by_account().into_keys();
    accounts
        .map(|name| {
            let limit = limits.get(&*name).copied().flatten();
            (name.to_string(), BudgetReport::new(limit, spent(&name)))
        })
        .collect()
}

/// Why somebody has to agree: a credential nobody used yet, a large part of the day's budget, or no end in sight.
fn reasons(estimate: &Estimate, counts: &Counts, budgets: &Budgets, max_units: Option<u64>) -> Vec<String> {
    let mut reasons = Vec::new();
    let asked_before = counts.runs.iter().any(|run| run.counts.cost.requests > 0);
    for (account, cost) in estimate.by_account() {
        if cost.requests == 0 {
            continue;
        }
        let budget = budgets.get(&*account);
        let limit = budget.and_then(|budget| budget.units_per_day);
        let used = counts.spent.contains_key(&*account) || (limit.is_none() && asked_before);
        if !used {
            reasons.push(format!("it is the first run with the account `{account}`"));
        }
        let leads_on = estimate.lanes.iter().any(|lane| lane.account == account && lane.leads_on);
        let most = match (leads_on, max_units) {
            (true, most) => most,
            (false, most) => Some(most.map_or(cost.units, |most| most.min(cost.units))),
        };
        match (most, limit) {
            (Some(most), Some(limit)) if most.saturating_mul(A_LOT) > limit => reasons.push(format!(
                "it may cost {} of the {} units a day of `{account}`",
                number(most.min(limit)),
                number(limit)
            )),
            (None, Some(limit)) => reasons.push(format!(
                "a search leads on, and may cost all of the {} units a day of `{account}`",
                number(limit)
            )),
            (None, None) => reasons
                .push(format!("a search leads on, and neither --max-units nor a budget limits `{account}`")),
            _ => {}
        }
    }
    reasons
}

/// Shows the plan and asks, when somebody has to agree and has not yet.
///
/// # Errors
/// Usage, naming `--yes`, when nobody can be asked; that nothing was written, when the answer is no.
pub(super) async fn agreed(session: &Session, plan: &PlanReport, yes: bool) -> Result<()> {
    if plan.agree.is_empty() || yes {
        return Ok(());
    }
    let why = plan.agree.join("; ");
    if !std::io::stdin().is_terminal() {
        session.output.aside(&plan.text());
        return Err(Failure::usage(format!(
            "somebody has to agree, because {why}; nothing was asked or written"
        ))
        .advise("look with --dry-run, then say --yes; or limit it with --max-units N"));
    }
    ask(session, &format!("{}\n{why}.", plan.text())).await
}

/// Shows what is about to be done, and asks when nobody agreed yet.
///
/// # Errors
/// As for [`agreed`].
pub(super) async fn agreed_to(session: &Session, plan: &str, yes: bool) -> Result<()> {
    if yes {
        session.output.aside(plan);
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        session.output.aside(plan);
        return Err(Failure::usage("somebody has to agree; nothing was written")
            .advise("read what would be done, then say --yes"));
    }
    ask(session, plan).await
}

async fn ask(session: &Session, question: &str) -> Result<()> {
    session.output.aside(&format!("{question}\nGo on? [y/N] "));
    let answer = tokio::task::spawn_blocking(|| read_answer(&mut std::io::stdin().lock()));
    let yes = tokio::select! {
        answer = answer => answer.unwrap_or(false),
        () = session.stop.cancelled() => false,
    };
    if yes { Ok(()) } else { Err(Failure::partial("not agreed; nothing was asked or written")) }
}

/// Whether a line says yes.
fn read_answer(input: &mut impl BufRead) -> bool {
    let mut line = String::new();
    input.read_line(&mut line).is_ok()
        && matches!(line.trim().to_lowercase().as_str(), "y" | "yes" | "j" | "ja" | "ㅛ")
}

#[cfg(test)]
mod tests {
    use collector_core::pipeline::LaneEstimate;

    use super::*;

    fn estimate(units: u64, leads_on: bool) -> Estimate {
        let cost = Cost { units, requests: units };
        let lane = LaneEstimate {
            source: "e".into(),
            kind: "profile".into(),
            account: "e".into(),
            tasks: units,
            followed: 0,
            calls: units,
            cost,
            leads_on,
        };
        Estimate { lanes: vec![lane], ..Estimate::default() }
    }

    fn asked(units: u64, leads_on: bool, limit: Option<u64>, known: bool, max_units: Option<u64>) -> usize {
        let mut counts = Counts::default();
        if known {
            counts.spent.insert("e".to_owned(), Cost::units(1));
        }
        let budgets = Budgets::from([("e".to_owned(), BudgetReport::new(limit, Cost::none()))]);
        reasons(&estimate(units, leads_on), &counts, &budgets, max_units).len()
    }

    #[test]
    fn a_first_run_and_a_fifth_of_the_budget_need_somebody_to_agree() {
        assert_eq!(asked(10, false, Some(1_000), true, None), 0);
        assert_eq!(asked(10, false, Some(1_000), false, None), 1, "a new account");
        assert_eq!(asked(200, false, Some(1_000), true, None), 0, "a fifth");
        assert_eq!(asked(201, false, Some(1_000), true, None), 1, "more than a fifth");
        assert_eq!(asked(201, false, Some(1_000), true, Some(200)), 0, "limited to a fifth");
        assert_eq!(asked(1, true, Some(1_000), true, None), 1, "a search without end");
        assert_eq!(asked(1, true, None, true, None), 1, "a search nothing limits");
        assert_eq!(asked(1, true, None, true, Some(50)), 0);
        assert_eq!(asked(0, false, Some(1_000), false, None), 0, "nothing is asked");
    }

    #[tokio::test]
    async fn what_answers_lead_to_is_in_the_plan() {
        let people = (0..25).map(|i| format!("\"somebody{i}\"")).collect::<Vec<_>>().join(", ");
        let text = format!(
            "[sources.echotik]\nusername = {{ env = \"U\" }}\npassword = {{ env = \"P\" }}\npictures = true\n\
             picture_units = 1\nreal_time = \"missing\"\n[[jobs]]\nname = \"a\"\nquery = {{ handles = [{people}], \
             options = {{ echotik = {{ videos_pages = 2, trend_days = 30 }} }} }}\n"
        );
        let env = |_: &str| Some("made-up".to_owned());
        let config =
            Config::parse(std::path::Path::new("c.toml"), &text, &crate::sources::builtin(), Some(&env))
                .unwrap();
        let plan = plan(&config, &config.jobs[0], &compose::in_memory(), None).await.unwrap();
        let lanes = plan.estimate.lanes.iter();
        let lanes: Vec<_> =
            lanes.map(|lane| (&*lane.kind, lane.tasks, lane.followed, lane.calls, lane.cost.units)).collect();
        assert_eq!(
            lanes,
            [
                ("details_by_handle", 25, 0, 3, 3),
                ("videos", 50, 50, 50, 50),
                ("trend", 100, 100, 100, 100),
                ("pictures", 25, 25, 3, 30),
                ("live_profile", 25, 25, 25, 25),
            ]
        );
        assert_eq!(plan.estimate.cost().units, 208);
        let text = plan.text();
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        for line in [
            "echotik/details_by_handle 25 tasks 3 calls at most 3 units",
            "echotik/live_profile up to 25 tasks 25 calls at most 25 units",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn only_yes_is_yes() {
        for (line, yes) in
            [("y\n", true), (" YES \n", true), ("n\n", false), ("\n", false), ("", false), ("yo\n", false)]
        {
            assert_eq!(read_answer(&mut line.as_bytes()), yes, "{line:?}");
        }
    }
}
