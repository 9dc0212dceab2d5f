//! TLS for one client: ring given explicitly, the machine's trust roots, perhaps a private authority.

use std::sync::Arc;

use collector_core::error::{Error, ErrorKind, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// A client's TLS settings.
pub(super) struct Tls {
    /// What the client is built with.
    pub(super) config: ClientConfig,
    /// Why no server can be trusted, when the machine has no roots and none were given. Plain `http` still works.
    pub(super) untrusting: Option<String>,
}

/// Builds the settings. Nothing is installed process-wide.
///
/// # Errors
/// `ConfigInvalid` when `extra_ca` is not a PEM file with at least one certificate.
pub(super) fn configure(extra_ca: Option<&[u8]>) -> Result<Tls> {
    let extra = extra_ca.map(certificates).transpose()?.unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::new(ErrorKind::ConfigInvalid, "TLS cannot be set up").caused_by(cause))?;
    let private = !extra.is_empty();
    let (builder, untrusting) = match Verifier::new_with_extra_roots(extra, provider) {
        Ok(verifier) => (builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)), None),
        Err(cause) if private => {
            return Err(unusable("has a certificate that cannot be used").caused_by(cause));
        }
        // A client without roots refuses every server; saying why beats a bare handshake failure.
        Err(cause) => (builder.with_root_certificates(RootCertStore::empty()), Some(cause.to_string())),
    };
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Tls { config, untrusting })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|cause| {
        unusable("is not in PEM format").caused_by(std::io::Error::other(cause.to_string()))
    })?;
    if found.is_empty() { Err(unusable("holds no certificate")) } else { Ok(found) }
}

fn unusable(why: &str) -> Error {
    Error::new(
        ErrorKind::ConfigInvalid,
        format!("the private CA {why}: give PEM text with BEGIN CERTIFICATE"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_ca_that_is_none_is_refused() {
        for (pem, why) in [
            ("", "holds no certificate"),
            ("-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n", "is not in PEM format"),
            ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be used"),
        ] {
            let error = configure(Some(pem.as_bytes())).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
            assert!(error.message().contains(why), "{error}");
        }
    }

    #[test]
    fn no_provider_is_installed_for_the_process() {
        configure(None).unwrap();
        assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    }
}
