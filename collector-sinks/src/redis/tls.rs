//! TLS to the server: ring given explicitly, the machine's trust roots, perhaps a private authority.
//!
//! The client crate's own TLS would install a provider for the whole process.

use std::sync::Arc;

use collector_core::error::{Error, ErrorKind, Result};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

/// What a TLS connection is opened with.
///
/// # Errors
/// `ConfigInvalid` when `ca` is not PEM with at least one certificate, or when nobody at all would be trusted.
pub(super) fn connector(ca: Option<&[u8]>) -> Result<TlsConnector> {
    let extra = ca.map(certificates).transpose()?.unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(|cause| match ca {
            Some(_) => unusable("has a certificate that cannot be used").caused_by(cause),
            None => untrusting().caused_by(cause),
        })?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::new(ErrorKind::ConfigInvalid, "TLS cannot be set up").caused_by(cause))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|cause| {
        unusable("is not in PEM format").caused_by(std::io::Error::other(cause.to_string()))
    })?;
    if found.is_empty() { Err(unusable("holds no certificate")) } else { Ok(found) }
}

fn unusable(why: &str) -> Error {
    let message = format!("the private CA for Redis {why}: give PEM text with BEGIN CERTIFICATE");
    Error::new(ErrorKind::ConfigInvalid, message)
}

fn untrusting() -> Error {
    let message =
        "this machine trusts no certificate authority: install ca-certificates, or give the server's own CA";
    Error::new(ErrorKind::ConfigInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_provider_is_installed_for_the_process() {
        connector(None).unwrap();
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }

    #[test]
    fn a_private_ca_that_is_none_is_refused() {
        for (pem, why) in [
            ("", "holds no certificate"),
            ("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", "is not in PEM format"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used"),
        ] {
            let error = connector(Some(pem.as_bytes())).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            assert!(error.message().contains(why), "{error}");
        }
    }
}
