//! A credential that ends.

use super::super::case::{Checked, Violation, ensure};
use super::super::server::{Answer, Seen};
use super::stage::{Stage, describe, must_fail, shown};
use super::{HostileHarness, Token};
use crate::error::{Disposition, ErrorKind};

/// Calls within which a source has a new token and uses it.
const ATTEMPTS: usize = 3;

pub(super) async fn expiring_token<H: HostileHarness + ?Sized>(harness: &H) -> Checked {
    let stage = Stage::set(harness).await?;
    match harness.token() {
        Token::None => Ok(()),
        Token::Fixed(ended) => {
            for step in &stage.steps {
                let refusal = ended.clone();
                let said = stage.ask(step, move |_| refusal.clone()).await;
                must_fail(&said, &[ErrorKind::Unauthorized], "a token that has ended")?;
            }
            Ok(())
        }
        Token::Renewed { path, answers, first, ended } => {
            let [_, second] = *answers;
            renewed(&stage, path, second, first, ended).await
        }
    }
}

async fn renewed<H: HostileHarness + ?Sized>(
    stage: &Stage<'_, H>,
    path: String,
    second: Answer,
    first: String,
    ended: Answer,
) -> Checked {
    let seen = stage.server.seen();
    ensure!(seen.iter().any(|request| shows(request, &first)), "no request carries the first token");
    stage.server.route(path, second);
    for step in &stage.steps {
        let mut last = String::new();
        let mut done = false;
        for _ in 0..ATTEMPTS {
            let said = stage.ask_seeing(step, refusing(&first, &ended)).await;
            match &said {
                Ok(_) if !super::fields::is_no_answer(&said) => {
                    done = true;
                    break;
                }
                Err(error) if error.disposition() != Disposition::Retry => {
                    return Err(Violation::new(format!(
                        "a token that the source gets itself has ended: the call must be tried again with a new one, was {error:?}"
                    )));
                }
                _ => last = describe(&said),
            }
        }
        ensure!(
            done,
            "{} still fails after {ATTEMPTS} calls with a token that has ended: {last}",
            shown(&step.tasks)
        );
    }
    Ok(())
}

fn refusing(first: &str, ended: &Answer) -> impl Fn(&Seen, Answer) -> Answer + Send + Sync + 'static {
    let (first, ended) = (first.to_owned(), ended.clone());
    move |seen, answer| if shows(seen, &first) { ended.clone() } else { answer }
}

fn shows(request: &Seen, text: &str) -> bool {
    request.carries(text) || request.headers.iter().any(|(_, value)| value.contains(text))
}
