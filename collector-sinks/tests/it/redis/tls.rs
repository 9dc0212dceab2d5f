//! TLS: whom we trust, and what is said about whom we do not.

use std::path::Path;
use std::process::Command;

use collector_core::error::{Error, ErrorKind};
use collector_sinks::redis::{Redis, RedisConfig};
use tempfile::TempDir;

use super::server::{self, OwnServer};

/// Certificates made for one test.
struct Certificates(TempDir);

impl Certificates {
    /// A private authority; `None` without the program that makes it.
    fn new() -> Option<Self> {
        if Command::new("openssl").arg("version").output().is_err() {
            server::skip("no openssl is installed");
            return None;
        }
        let made = Self(TempDir::new().unwrap());
        made.openssl(
            "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=Private",
        );
        Some(made)
    }

    /// A certificate for `name` that the authority signs; of version 1 if it has no extensions.
    fn sign(&self, file: &str, extensions: Option<&str>) {
        self.openssl(&format!(
            "req -newkey rsa:2048 -nodes -keyout {file}.key -out {file}.csr -subj /CN=server"
        ));
        let mut sign = format!(
            "x509 -req -in {file}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {file}.pem -days 2"
        );
        if let Some(extensions) = extensions {
            std::fs::write(self.path("ext"), extensions).unwrap();
            sign.push_str(" -extfile ext");
        }
        self.openssl(&sign);
    }

    fn openssl(&self, words: &str) {
        let run = Command::new("openssl").args(words.split(' ')).current_dir(self.0.path()).output().unwrap();
        assert!(run.status.success(), "{words}: {}", String::from_utf8_lossy(&run.stderr));
    }

    fn path(&self, file: &str) -> std::path::PathBuf {
        self.0.path().join(file)
    }

    fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.path(file)).unwrap()
    }
}

async fn serving(certificate: &Path) -> Option<(OwnServer, RedisConfig)> {
    let (pem, key) = (certificate.with_extension("pem"), certificate.with_extension("key"));
    let options = ["--tls-cert-file", &pem.to_string_lossy(), "--tls-key-file", &key.to_string_lossy()]
        .map(String::from);
    let mut words =
        vec!["--port", "0", "--tls-port", "PORT", "--tls-auth-clients", "no", "--requirepass", "hunter2"];
    words.extend(options.iter().map(String::as_str));
    let server = OwnServer::start(&words).await?;
    let config = RedisConfig::parse(&format!("rediss://:hunter2@{}", server.address())).unwrap();
    Some((server, config))
}

async fn refusal(config: RedisConfig) -> Error {
    let error = Redis::new(config).unwrap().check().await.unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    error
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_given_and_only_then() {
    let Some(made) = Certificates::new() else { return };
    made.sign("good", Some("subjectAltName=IP:127.0.0.1"));
    let Some((server, config)) = serving(&made.path("good")).await else { return };
    Redis::new(config.clone().ca(made.read("ca.pem"))).unwrap().check().await.unwrap();
    let unknown = refusal(config).await;
    assert!(
        unknown.kind() == ErrorKind::ConfigInvalid && unknown.message().contains("private CA"),
        "{unknown:?}"
    );

    let plain = RedisConfig::parse(&format!("redis://:hunter2@{}", server.address())).unwrap();
    let error = refusal(plain).await;
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::ConfigInvalid), "{error:?}");
}

#[tokio::test]
async fn a_certificate_for_another_name_of_version_1_or_signed_by_itself() {
    let Some(made) = Certificates::new() else { return };
    made.sign("other", Some("subjectAltName=DNS:elsewhere.example"));
    made.sign("old", None);
    made.openssl("req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.pem -days 2 -subj /CN=own -addext subjectAltName=IP:127.0.0.1");
    for (file, what) in [("other", "another name"), ("old", "version 3"), ("own", "self-signed")] {
        let Some((_server, config)) = serving(&made.path(file)).await else { return };
        let error = refusal(config.ca(made.read("ca.pem"))).await;
        assert!(
            error.kind() == ErrorKind::ConfigInvalid && error.message().contains(what),
            "{file}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_server_without_tls_is_named_as_such() {
    let Some(server) = OwnServer::start(&[]).await else { return };
    let error = refusal(RedisConfig::parse(&format!("rediss://{}", server.address())).unwrap()).await;
    assert!(error.message().contains("speaks no TLS"), "{error:?}");
}
