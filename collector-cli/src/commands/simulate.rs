//! `collector simulate`: the made-up vendor, served until a signal.

use collector_core::known::not_known;
use collector_sources::simulator::{Simulator, SimulatorConfig};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::io::AsyncReadExt;

use super::Session;
use crate::args::Simulate;
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// What is printed once the simulator listens. `--json` prints it as one line; else the URL alone.
#[derive(Debug, Serialize)]
struct Listening<'a> {
    /// Where it listens, such as `http://127.0.0.1:40123`.
    url: &'a str,
    /// What `base_url` of `[sources.ensembledata]` is.
    ensembledata: String,
    /// What its `token` is.
    token: &'a str,
}

pub(super) async fn execute(session: &Session, args: Simulate) -> Result<Exit> {
    let config = configure(&args).map_err(Failure::usage)?;
    let token = config.token.clone();
    let running = Simulator::start(config)
        .await
        .map_err(|error| Failure::usage(collector_core::error::ErrorChain(&error).to_string()))?;
    let url = running.url();
    let listening = Listening { url: &url, ensembledata: format!("{url}/ensembledata"), token: &token };
    session.output.print(&listening, |listening| listening.url.to_owned())?;
    tokio::select! {
        () = session.stop.cancelled() => {}
        () = stdin_closed(), if args.until_stdin_closes => {}
    }
    running.stop().await;
    Ok(Exit::Complete)
}

/// Ends when whoever started us is gone: the system closes the pipe, however they ended.
pub(super) async fn stdin_closed() {
    let mut stdin = tokio::io::stdin();
    let mut buffer = [0; 64];
    while matches!(stdin.read(&mut buffer).await, Ok(length) if length > 0) {}
}

/// The knobs: effects first, then options, `--knob` on top.
fn configure(args: &Simulate) -> Result<SimulatorConfig, String> {
    let base = SimulatorConfig::default();
    let base = if args.effects { base.with_effects() } else { base };
    let Value::Object(mut knobs) = json!(base) else {
        return Err("the simulator's knobs are no object".to_owned());
    };
    for (name, value) in args.knobs() {
        if let Some(value) = value {
            knobs.insert(name.to_owned(), value);
        }
    }
    for setting in &args.knob {
        let (name, value) = setting
            .split_once('=')
            .ok_or_else(|| format!("--knob {setting}: expected NAME=VALUE, such as error_rate=0.1"))?;
        set(&mut knobs, name.trim(), value.trim())?;
    }
    serde_json::from_value(Value::Object(knobs)).map_err(|error| format!("a knob has a wrong value: {error}"))
}

/// Sets one knob from text: JSON where it is JSON, else the text itself.
fn set(knobs: &mut Map<String, Value>, name: &str, text: &str) -> Result<(), String> {
    if !knobs.contains_key(name) {
        return Err(format!("--knob: {}", not_known("knob", name, knobs.keys().map(String::as_str))));
    }
    let value = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    // Statuses are names here: `unknown_user=463`.
    let as_text = json!(text);
    let fits = |value: &Value| {
        let mut knobs = knobs.clone();
        knobs.insert(name.to_owned(), value.clone());
        serde_json::from_value::<SimulatorConfig>(Value::Object(knobs))
    };
    let value = match (fits(&value), fits(&as_text)) {
        (Ok(_), _) => value,
        (Err(_), Ok(_)) => as_text,
        (Err(error), Err(_)) => return Err(format!("--knob {name}={text}: {error}")),
    };
    knobs.insert(name.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn knobs(args: &[&str]) -> Result<SimulatorConfig, String> {
        let cli = Cli::try_parse_from(["collector", "simulate"].iter().chain(args)).unwrap();
        let Command::Simulate(args) = cli.command else { panic!("another command") };
        configure(&args)
    }

    #[test]
    fn without_options_everything_is_the_default() {
        assert_eq!(knobs(&[]), Ok(SimulatorConfig::default()));
    }

    #[test]
    fn options_and_knobs_reach_the_simulator() {
        let config = knobs(&[
            "--creators",
            "7",
            "--port",
            "4711",
            "--per-second",
            "2.5",
            "--latency-ms",
            "3",
            "--units-per-day",
            "9",
            "--knob",
            "unknown_user=463",
            "--knob",
            "renamed_share=0.1",
            "--knob",
            "retry_after=http_date",
            "--knob",
            "broken_posts=[\"1\"]",
        ])
        .unwrap();
        assert_eq!((config.creators, config.bind.port(), config.per_second), (7, 4711, Some(2.5)));
        assert_eq!((config.latency_ms, config.units_per_day, config.renamed_share), (3, Some(9), 0.1));
        assert_eq!(json!(config.unknown_user), "463");
        assert_eq!(json!(config.retry_after), "http_date");
        assert!(config.broken_posts.contains("1"));
    }

    #[test]
    fn effects_come_together_and_each_can_be_set_on_top() {
        let config = knobs(&["--effects", "--knob", "unknown_share=0.5"]).unwrap();
        let expected = SimulatorConfig { unknown_share: 0.5, ..SimulatorConfig::default().with_effects() };
        assert_eq!(config, expected);
    }

    #[test]
    fn a_wrong_knob_is_named_with_the_nearest() {
        assert!(knobs(&["--knob", "eror_rate=1"]).unwrap_err().contains("did you mean `error_rate`?"));
        assert!(knobs(&["--knob", "error_rate=many"]).unwrap_err().starts_with("--knob error_rate=many: "));
        assert!(knobs(&["--knob", "error_rate"]).unwrap_err().contains("NAME=VALUE"));
    }
}
