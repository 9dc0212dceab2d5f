//! Turning knobs while the simulator runs.

use collector_core::known::mistyped;
use serde_json::{Map, Value, json};

use super::config::SimulatorConfig;

/// What the population and the listener were made from cannot change under them.
const FIXED: [&str; 5] = ["seed", "creators", "hashtags", "bind", "public_url"];

/// Applies a JSON object of knobs to a configuration, or says what is wrong with it.
pub(super) fn changed(present: &SimulatorConfig, body: &[u8]) -> Result<SimulatorConfig, String> {
    let changes: Map<String, Value> = serde_json::from_slice(body).map_err(|error| {
        format!("the body is not a JSON object of knobs ({error}); send for example {{\"latency_ms\": 50}}")
    })?;
    let mut knobs = knobs(present)?;
    for (name, value) in changes {
        if FIXED.contains(&name.as_str()) {
            return Err(format!("knob `{name}` is fixed at start; start another simulator to change it"));
        }
        match knobs.get_mut(&name) {
            Some(knob) => *knob = value,
            None => return Err(unknown(&name, &knobs)),
        }
    }
    let changed: SimulatorConfig = serde_json::from_value(Value::Object(knobs))
        .map_err(|error| format!("a knob has a wrong value: {error}"))?;
    changed.validate().map_err(|error| error.to_string())?;
    Ok(changed)
}

/// Reads the seconds of a `{"advance_s": n}`.
pub(super) fn advance(body: &[u8]) -> Result<u64, String> {
    serde_json::from_slice::<Map<String, Value>>(body)
        .ok()
        .filter(|fields| fields.len() == 1)
        .and_then(|fields| fields.get("advance_s")?.as_u64())
        .ok_or_else(|| "the clock takes {\"advance_s\": n} with n whole seconds, not negative".to_owned())
}

fn knobs(config: &SimulatorConfig) -> Result<Map<String, Value>, String> {
    match json!(config) {
        Value::Object(knobs) => Ok(knobs),
        other => Err(format!("the knobs are not an object but {other}")),
    }
}

fn unknown(name: &str, knobs: &Map<String, Value>) -> String {
    let message = mistyped("knob", name, knobs.keys().map(String::as_str));
    if message.ends_with('?') { message } else { message + "; GET /control lists them all" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str) -> String {
        changed(&SimulatorConfig::default(), body.as_bytes()).unwrap_err()
    }

    #[test]
    fn named_knobs_change_and_the_rest_stays() {
        let present = SimulatorConfig { latency_ms: 7, ..SimulatorConfig::default() };
        let body = br#"{"error_rate":0.5,"unknown_user":"463","per_second":10,"renamed_fields":{"a":"b"}}"#;
        let changed = changed(&present, body).unwrap();
        assert_eq!((changed.latency_ms, changed.error_rate, changed.per_second), (7, 0.5, Some(10.0)));
        assert_eq!(changed.unknown_user, super::super::config::UnknownUser::Invalid);
    }

    #[test]
    fn an_unknown_knob_names_the_nearest() {
        assert!(error(r#"{"latncy_ms":5}"#).contains("did you mean `latency_ms`"));
        assert!(error(r#"{"zzz":5}"#).contains("GET /control"));
    }

    #[test]
    fn wrong_bodies_and_values_are_explained() {
        assert!(error("[]").contains("JSON object"));
        assert!(error("not json").contains("JSON object"));
        assert!(error(r#"{"seed":1}"#).contains("fixed at start"));
        assert!(error(r#"{"error_rate":2}"#).contains("between 0 and 1"));
        assert!(error(r#"{"retry_after":"never"}"#).contains("http_date"));
        let deep = "[".repeat(100_000);
        assert!(error(&deep).contains("JSON object"));
    }

    #[test]
    fn the_clock_takes_whole_seconds_ahead() {
        assert_eq!(advance(br#"{"advance_s":60}"#), Ok(60));
        for wrong in ["{}", r#"{"advance_s":-1}"#, r#"{"advance_s":1,"more":2}"#, "7", ""] {
            assert!(advance(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
