//! The HTTP clients for pictures: the only place in this crate that builds them.
//!
//! One asks the server of a bucket, which the operator chose. The one that downloads differs from the vendors' client in what it trusts: links come out of answers, so anybody may have chosen them.
//! Names are resolved here, and only public addresses are handed on, so that the address which was checked is the one
//! that is connected to. Redirects are not followed: whoever calls checks each one. No proxy of the environment is
//! used (it would resolve names itself), nothing is decompressed, no cookie and no referrer is sent.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use collector_core::error::{Error, ErrorKind, Result};
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::address::is_public;
use super::config::ImagesConfig;

/// How names become addresses.
pub(super) trait Lookup: Send + Sync + 'static {
    /// The addresses of a name; their ports do not count.
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>>;
}

/// The machine's own way.
#[derive(Debug)]
pub(super) struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, name: String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    }
}

/// A name that leads nowhere public.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no public address")]
pub(super) struct NotPublic;

/// Hands on public addresses only.
pub(super) struct PublicOnly(pub(super) Arc<dyn Lookup>);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.lookup(name.as_str().to_owned());
        Box::pin(async move {
            let public: Vec<SocketAddr> =
                found.await?.into_iter().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for PublicOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicOnly")
    }
}

/// Builds the client. Nothing is installed for the process.
///
/// # Errors
/// `ConfigInvalid` when this machine cannot do TLS.
pub(super) fn build(config: &ImagesConfig, lookup: Arc<dyn Lookup>) -> Result<Client> {
    plain(Vec::new())?
        .dns_resolver(PublicOnly(lookup))
        .connect_timeout(config.first_byte_timeout)
        .read_timeout(config.first_byte_timeout)
        .pool_max_idle_per_host(config.per_host.get())
        .build()
        .map_err(|cause| unusable(&cause))
}

/// What both clients do not do: follow, repeat, use a proxy, unpack.
fn plain(roots: Vec<CertificateDer<'static>>) -> Result<ClientBuilder> {
    let tls = tls(roots).map_err(|cause| unusable(&cause))?;
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("collector/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        .no_gzip()
        .no_brotli())
}

fn unusable(cause: &dyn fmt::Display) -> Error {
    Error::new(ErrorKind::ConfigInvalid, "no HTTP client for pictures").caused_by(cause.to_string())
}

/// Builds the client that asks the server of a bucket: whole answers within the timeout, no redirect, no proxy.
///
/// # Errors
/// `ConfigInvalid` when this machine cannot do TLS, or `ca` is no certificate.
#[cfg(feature = "s3")]
pub(super) fn for_bucket(config: &super::s3::BucketConfig) -> Result<Client> {
    plain(certificates(config.ca.as_deref().unwrap_or_default())?)?
        .connect_timeout(config.connect_timeout)
        .timeout(config.timeout)
        .build()
        .map_err(|cause| unusable(&cause))
}

#[cfg(feature = "s3")]
fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>> {
    use rustls::pki_types::pem::PemObject;

    let wrong = |cause: String| {
        let message = "`ca` of the pictures' bucket has to be certificates as PEM text";
        Error::new(ErrorKind::ConfigInvalid, message).caused_by(cause)
    };
    let found: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match found {
        Ok(none) if none.is_empty() && !pem.is_empty() => Err(wrong("there is none in it".to_owned())),
        found => found.map_err(|cause| wrong(cause.to_string())),
    }
}

/// TLS with ring given explicitly, the machine's trust roots and these; without any, everything behind `https` fails.
fn tls(roots: Vec<CertificateDer<'static>>) -> std::result::Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match Verifier::new_with_extra_roots(roots, provider) {
        Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
        Err(cause) => {
            tracing::warn!(%cause, "this machine trusts no certificate authority: pictures behind https will fail");
            builder.with_root_certificates(RootCertStore::empty())
        }
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
