//! Certificates: those of an authority of one's own, and those that cannot be trusted.

use std::sync::Arc;

use collector_core::error::{Error, ErrorKind};
use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::fake::{Answer, serve};
use super::*;

/// An authority, and certificates it signed for one key: they end in a hundred years.
const AUTHORITY: &str = include_str!("../../fixtures/tls/ca.pem");
const KEY: &[u8] = include_bytes!("../../fixtures/tls/node.key");
const NODE: &[u8] = include_bytes!("../../fixtures/tls/node.pem");
const ELSEWHERE: &[u8] = include_bytes!("../../fixtures/tls/elsewhere.pem");
const SELF_SIGNED: &[u8] = include_bytes!("../../fixtures/tls/self.pem");
const VERSION_1: &[u8] = include_bytes!("../../fixtures/tls/v1.pem");

/// A server that shows this certificate and answers every request like this. Ends with the test's runtime.
async fn start(certificate: &[u8], answer: Answer) -> ElasticsearchConfig {
    let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    // Taken as it is: some of these no server would load by itself.
    let key = CertifiedKey::new(chain, any_supported_type(&key).unwrap());
    let config = builder.with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/creators", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                serve(stream, Arc::default(), Arc::new(move |_: &super::fake::Asked| answer.clone())).await;
            });
        }
    });
    ElasticsearchConfig::at(&url).unwrap()
}

async fn check(config: ElasticsearchConfig) -> Result<(), Error> {
    ElasticsearchSink::new(config).unwrap().check(&Context::detached()).await
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_when_it_is_given() {
    let missing = Answer::json(404, json!({ "error": "alias [creators] missing", "status": 404 }));
    let config = start(NODE, missing).await;
    let trusting = ElasticsearchConfig { ca_pem: Some(AUTHORITY.to_owned()), ..config.clone() };
    check(trusting).await.unwrap();
    let error = check(config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("not trusted; give the authority"), "{error}");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    for (certificate, remedy) in
        [(SELF_SIGNED, "`ca_pem`"), (ELSEWHERE, "for another name"), (VERSION_1, "version 1")]
    {
        let config = start(certificate, Answer::json(500, json!({}))).await;
        let error =
            check(ElasticsearchConfig { ca_pem: Some(AUTHORITY.to_owned()), ..config }).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("not trusted") && text.contains(remedy), "{text}");
    }
}

#[tokio::test]
async fn http_where_https_is_spoken_is_no_answer() {
    let secured = start(NODE, Answer::json(200, json!({}))).await;
    let url = secured.nodes[0].as_str().replace("https", "http");
    let error = check(ElasticsearchConfig::new([url.parse().unwrap()], "creators")).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Malformed), "{error:?}");
}

#[test]
fn what_is_no_certificate_is_refused_before_anything_is_sent() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n"] {
        let config = ElasticsearchConfig::at("https://localhost:9200/creators").unwrap();
        let error = ElasticsearchSink::new(ElasticsearchConfig { ca_pem: Some(pem.to_owned()), ..config })
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfigInvalid, "{pem}: {error}");
    }
}
