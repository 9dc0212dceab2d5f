use super::*;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + secs)
}

fn parked(state: &str) -> Trouble {
    Trouble::new(Topic::Account, "e", state)
        .happened("spent")
        .costs("12 tasks wait")
        .to_do("collector status")
}

fn said(messages: &[Message]) -> Vec<(&str, &str, bool)> {
    messages.iter().map(|told| (told.cause.as_str(), told.trouble.state.as_str(), told.resolved)).collect()
}

#[test]
fn a_cause_is_told_once_when_it_comes_changes_and_goes() {
    let mut alerts = Alerts::default();
    assert_eq!(said(&alerts.look(at(0), &[parked("parked")])), [("account/e", "parked", false)]);
    for later in 1..100 {
        assert_eq!(alerts.look(at(later * 60), &[parked("parked")]), []);
    }
    assert_eq!(said(&alerts.look(at(6_000), &[parked("blocked")])), [("account/e", "blocked", false)]);
    assert_eq!(alerts.look(at(6_060), &[parked("blocked")]), []);
    // The third message within a day waits until it is sure.
    assert_eq!(alerts.look(at(6_120), &[]), []);
    let over = alerts.look(at(6_120 + 300), &[]);
    assert_eq!(said(&over), [("account/e", "blocked", true)]);
    assert_eq!(over[0].since, at(0), "it tells since when it had been wrong");
    assert_eq!(alerts.look(at(200_000), &[]), []);
    assert_eq!(alerts, Alerts::default(), "what was over a day ago is forgotten");
}

#[test]
fn one_that_comes_and_goes_is_told_ever_more_rarely() {
    let mut alerts = Alerts::default();
    let mut told = 0;
    for minute in 0..24 * 60 {
        let wrong = if minute % 2 == 0 { vec![parked("parked")] } else { vec![] };
        told += alerts.look(at(minute * 60), &wrong).len();
    }
    assert_eq!(told, 1, "every minute another way: it came, and it was never over for long");
    let mut alerts = Alerts::default();
    let mut times = Vec::new();
    for minute in 0..24 * 60 {
        let wrong = if minute % 40 < 20 { vec![parked("parked")] } else { vec![] };
        times.extend(alerts.look(at(minute * 60), &wrong).iter().map(|message| (minute, message.resolved)));
    }
    assert!((4..=8).contains(&times.len()), "every 20 minutes another way: {times:?}");
    let mut alternating = times.iter().enumerate();
    assert!(alternating.all(|(at, (_, resolved))| *resolved == (at % 2 == 1)), "{times:?}");
}

#[test]
fn the_last_word_is_what_is_true() {
    let mut alerts = Alerts::default();
    for minute in 0..600 {
        let wrong = if minute % 7 < 3 { vec![parked("parked")] } else { vec![] };
        alerts.look(at(minute * 60), &wrong);
    }
    let mut last = None;
    for minute in 600..1_200 {
        last = alerts.look(at(minute * 60), &[parked("parked")]).pop().or(last);
    }
    assert!(last.as_ref().is_none_or(|message| !message.resolved));
    assert_eq!(alerts.open().count(), 1);
    for minute in 1_200..2_000 {
        last = alerts.look(at(minute * 60), &[]).pop().or(last);
    }
    assert!(last.is_some_and(|message| message.resolved), "and in the end it is told that it is over");
}

#[test]
fn open_causes_outlive_a_restart() {
    let mut alerts = Alerts::default();
    assert_eq!(alerts.look(at(0), &[parked("parked")]).len(), 1);
    let text = serde_json::to_string(&alerts).unwrap();
    let mut again: Alerts = serde_json::from_str(&text).unwrap();
    assert_eq!(again, alerts);
    assert_eq!(again.look(at(10), &[parked("parked")]), []);
    assert_eq!(again.look(at(20), &[]), []);
    assert_eq!(said(&again.look(at(140), &[])), [("account/e", "parked", true)]);
}

#[test]
fn of_two_states_of_one_cause_the_worse_one_counts() {
    let mut alerts = Alerts::default();
    let failed = Trouble::new(Topic::Job, "j", "failed").serious();
    let partial = Trouble::new(Topic::Job, "j", "partial");
    for (order, wrong) in [[failed.clone(), partial.clone()], [partial, failed]].iter().enumerate() {
        let told = alerts.look(at(order as i64), wrong);
        assert_eq!(told.len(), usize::from(order == 0));
        assert_eq!(alerts.open().next().unwrap().1.state, "failed");
        assert!(alerts.is_serious());
    }
}

#[test]
fn a_clock_that_steps_back_says_nothing_twice_and_loses_nothing() {
    let mut alerts = Alerts::default();
    assert_eq!(alerts.look(at(7_200), &[parked("parked")]).len(), 1);
    assert_eq!(alerts.look(at(3_600), &[parked("parked")]), []);
    assert_eq!(alerts.look(at(3_700), &[]), []);
    assert_eq!(alerts.look(at(3_820), &[]).len(), 1, "over is over");
}

#[test]
fn causes_are_bounded() {
    let mut alerts = Alerts::default();
    let many: Vec<Trouble> =
        (0..MOST + 50).map(|n| Trouble::new(Topic::Job, format!("{n}"), "partial")).collect();
    assert_eq!(alerts.look(at(0), &many).len(), MOST);
    assert_eq!(alerts.look(at(1), &many), []);
}

#[test]
fn a_message_says_what_happened_what_it_cost_and_what_to_type() {
    let mut alerts = Alerts::default();
    let text = alerts.look(at(0), &[parked("parked")])[0].to_string();
    assert_eq!(text, "[parked] account e: spent\nCost: 12 tasks wait\nNext: collector status");
    assert_eq!(alerts.look(at(9), &[]), []);
    let over = alerts.look(at(200), &[])[0].to_string();
    assert!(over.starts_with("[resolved] account e: no longer parked"), "{over}");
    assert_eq!(
        alerts.look(at(10_000), &[parked("parked")]),
        [],
        "the third within a day waits until it is sure"
    );
    let json = serde_json::json!(alerts.look(at(10_400), &[parked("parked")]).first());
    assert_eq!(json["cause"], "account/e");
    assert_eq!((&json["state"], &json["severity"]), (&"parked".into(), &"warning".into()));
}
