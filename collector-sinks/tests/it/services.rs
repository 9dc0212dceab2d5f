//! Where the servers are that a test talks to; `tests/services/up.sh` starts them and says so in the environment.

/// The value of a variable such as `COLLECTOR_TEST_MYSQL`; a test that gets nothing is to return.
#[allow(clippy::print_stderr, reason = "who reads the tests' output is to know what was not tested")]
pub(crate) fn find(variable: &str) -> Option<String> {
    let found = std::env::var(variable).ok().filter(|value| !value.is_empty());
    let required = std::env::var("COLLECTOR_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(found.is_some() || !required, "{variable} is not set: start tests with ./tests/run.sh");
    if found.is_none() {
        eprintln!("skipped: {variable} is not set; ./tests/run.sh starts a server");
    }
    found
}
