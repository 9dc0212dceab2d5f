//! Where the servers are that a test talks to; `tests/services/up.sh` starts them and says so in the environment.

use std::env;

/// A bucket and the key that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bucket {
    /// The server and the bucket: `http://127.0.0.1:9000/bucket`.
    pub url: String,
    /// The key's name.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

/// A MySQL or MariaDB server: `mysql://user:password@host:port/database`.
///
/// # Panics
/// When there is none and `COLLECTOR_REQUIRE_SERVICES` is 1; so do the others.
pub fn mysql() -> Option<String> {
    find("COLLECTOR_TEST_MYSQL")
}

/// A Redis server: `redis://:password@host:port/0`.
pub fn redis() -> Option<String> {
    find("COLLECTOR_TEST_REDIS")
}

/// An Elasticsearch or OpenSearch server: `http://host:port`.
pub fn search() -> Option<String> {
    find("COLLECTOR_TEST_SEARCH")
}

/// A bucket of S3 or a server that speaks its protocol.
pub fn s3() -> Option<Bucket> {
    Some(Bucket {
        url: find("COLLECTOR_TEST_S3")?,
        access_key: find("COLLECTOR_TEST_S3_ACCESS_KEY")?,
        secret_key: find("COLLECTOR_TEST_S3_SECRET_KEY")?,
    })
}

/// A test that gets nothing is to return.
#[allow(clippy::print_stderr, reason = "who reads the tests' output is to know what was not tested")]
fn find(variable: &str) -> Option<String> {
    let found = env::var(variable).ok().filter(|value| !value.is_empty());
    let required = env::var("COLLECTOR_REQUIRE_SERVICES").is_ok_and(|value| value == "1");
    assert!(found.is_some() || !required, "{variable} is not set: start tests with ./tests/run.sh");
    if found.is_none() {
        eprintln!("skipped: {variable} is not set; ./tests/run.sh starts a server");
    }
    found
}
