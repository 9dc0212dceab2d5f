//! `collector simulate`: says where it listens, and ends when it is told to.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Done, Sandbox, Simulator, get};

#[test]
fn the_first_line_is_the_address_and_it_answers_there() {
    let simulator = Simulator::start(&["--creators", "30"]);
    assert_eq!(simulator.stat("calls"), 0);
    assert_eq!(simulator.handles(100).len(), 30);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_well() {
    for signal in ["INT", "TERM"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_collector"));
        let mut child = command
            .args(["simulate", "--creators", "30", "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap();
        assert_eq!(said["ensembledata"], format!("{url}/ensembledata"));
        assert!(said["token"].is_string());
        get(url, "/stats").unwrap();
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        Done::from(child.wait_with_output().unwrap()).expect(0);
    }
}

#[test]
fn it_ends_when_whoever_started_it_is_gone() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_collector"));
    command.args(["simulate", "--creators", "30", "--until-stdin-closes"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_wrong_knob_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.run(&["simulate", "--knob", "eror_rate=0.1"]).refuses(2, &["did you mean `error_rate`?"]);
    sandbox.run(&["simulate", "--error-rate", "7"]).refuses(2, &["error_rate", "7"]);
    sandbox.run(&["simulate", "--port", "70000"]).refuses(2, &["--port"]);
    sandbox.run(&["simulate", "--host", "203.0.113.7"]).refuses(2, &["cannot listen on 203.0.113.7:0"]);
}
