//! What a bucket's failure means, and what to do about it.

use std::error::Error as StdError;
use std::io;

use collector_core::error::{Error, ErrorKind};
use object_store::client::{HttpError, HttpErrorKind};

use super::service::{Lost, Part, Refusal};

/// What failed, in words, with a remedy; nothing for an error that no request of ours caused.
pub(in crate::images) fn explain(error: &object_store::Error) -> Option<Error> {
    if let Some(refusal) = find::<Refusal>(error) {
        return Some(refused(refusal));
    }
    let (part, kind) = lost(error)?;
    Some(unreached(part, kind, find(error)).caused_by(innermost(error).to_string()))
}

/// Who did not answer completely, and in which way. An answer that ends in its middle comes without a name, and it was
/// the bucket's: what comes from elsewhere is short.
fn lost(error: &object_store::Error) -> Option<(Part, HttpErrorKind)> {
    match find::<Lost>(error) {
        Some(lost) => Some((lost.part, lost.kind)),
        None => find::<HttpError>(error).map(|error| (Part::Bucket, error.kind())),
    }
}

/// Whether two writers of one object met.
pub(super) fn is_conflict(error: &object_store::Error) -> bool {
    find::<Refusal>(error).is_some_and(|refusal| refusal.status == 409)
}

/// Whether a failure says nothing about the next object: the server was asked too much, or did not answer in time.
pub(super) fn is_passing(error: &object_store::Error) -> bool {
    if let Some(refusal) = find::<Refusal>(error) {
        return refusal.part == Part::Bucket && passes(refusal);
    }
    lost(error).is_some_and(|(part, kind)| part == Part::Bucket && kind != HttpErrorKind::Connect)
}

fn passes(refusal: &Refusal) -> bool {
    matches!(refusal.status, 408 | 409 | 429 | 500 | 502..=504) || refusal.code == "RequestTimeout"
}

fn refused(refusal: &Refusal) -> Error {
    let (kind, remedy) = match refusal.part {
        Part::Bucket => meaning(refusal),
        Part::Credentials => (
            ErrorKind::Unauthorized,
            "no credentials: the service that gives them refuses; look at the role".into(),
        ),
    };
    let error = Error::new(kind, remedy).caused_by(refusal.to_string());
    refusal.wait.into_iter().fold(error, Error::retry_after)
}

/// The table of Amazon's words; other servers use the same.
fn meaning(refusal: &Refusal) -> (ErrorKind, String) {
    let (kind, remedy) = match &*refusal.code {
        "NoSuchBucket" => {
            (ErrorKind::ConfigInvalid, "the bucket does not exist: create it, or correct its name")
        }
        "InvalidBucketName" => (ErrorKind::ConfigInvalid, "the bucket's name is not allowed: correct it"),
        "InvalidAccessKeyId" => {
            (ErrorKind::Unauthorized, "the server does not know the access key: correct it")
        }
        "SignatureDoesNotMatch" => {
            (ErrorKind::Unauthorized, "the secret key does not belong to the access key: correct it")
        }
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
            (ErrorKind::Unauthorized, "the session's token has ended: fetch a new one")
        }
        "RequestTimeTooSkewed" => {
            (ErrorKind::Unauthorized, "this machine's clock is not the server's: set it right")
        }
        "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed" => return region(refusal),
        "NotImplemented" => (
            ErrorKind::ConfigInvalid,
            "the server does not know conditional writes: set `conditional = false`",
        ),
        _ => return by_status(refusal),
    };
    (kind, remedy.to_owned())
}

fn by_status(refusal: &Refusal) -> (ErrorKind, String) {
    match refusal.status {
        301 | 302 | 307 | 308 if refusal.region.is_some() => region(refusal),
        401 | 403 => {
            let remedy =
                format!("the key has not the right {}: grant it, see docs/permissions.md", refusal.right);
            (ErrorKind::Unauthorized, remedy)
        }
        429 | 503 => (ErrorKind::RateLimited, "the server is asked too much: it is tried again".to_owned()),
        // Every server that speaks S3 says which of its errors it is, except to HEAD.
        200..=499 if refusal.code.is_empty() => {
            let remedy = "what answers at `endpoint` does not speak S3: correct host, port and http or https";
            (ErrorKind::ConfigInvalid, remedy.to_owned())
        }
        _ => (ErrorKind::Unavailable, "the bucket's server fails: it is tried again".to_owned()),
    }
}

fn region(refusal: &Refusal) -> (ErrorKind, String) {
    let place = refusal.region.as_deref().unwrap_or("another region");
    (ErrorKind::ConfigInvalid, format!("the bucket is in {place}: set `region`"))
}

fn unreached(part: Part, kind: HttpErrorKind, tls: Option<&rustls::Error>) -> Error {
    let (kind, what) = match (part, tls, kind) {
        (Part::Credentials, ..) => (
            ErrorKind::Unauthorized,
            "no credentials: none are given, and the service that gives them to machines does not answer; give the \
             bucket an access key",
        ),
        (_, Some(rustls::Error::InvalidCertificate(_)), _) => (
            ErrorKind::Unavailable,
            "the server's certificate is not trusted: give its authority as `ca`, or correct the host's name",
        ),
        (_, Some(_), _) => (ErrorKind::Unavailable, "no TLS with the bucket's server: is it https?"),
        (_, None, HttpErrorKind::Timeout) => {
            (ErrorKind::Timeout, "the bucket's server does not answer in time")
        }
        (_, None, HttpErrorKind::Connect) => (
            ErrorKind::Unavailable,
            "the bucket's server cannot be reached: is `endpoint` right, and is it up?",
        ),
        _ => (ErrorKind::Unavailable, "the bucket's server did not answer completely"),
    };
    Error::new(kind, what)
}

/// The first cause of a kind.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The last cause: those before it name the URL.
fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    causes(error).last().unwrap_or(error)
}

/// An error and what caused it.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |cause: &&'a (dyn StdError + 'static)| {
        let cause: &'a (dyn StdError + 'static) = *cause;
        // An I/O error's source is that of the error inside it, which would be skipped.
        match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inside) => Some(inside as &(dyn StdError + 'static)),
            None => cause.source(),
        }
    })
}
