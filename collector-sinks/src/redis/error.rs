//! What the server, the network or TLS says, as our error: with the address, never with the password.

use std::io;
use std::time::Duration;

use collector_core::error::{Error, ErrorKind};
use redis::{ErrorKind as Kind, RedisError, ServerErrorKind as Server};

/// An error of the client crate: what the server refused, or how the connection ended.
pub(super) fn refused(address: &str, error: RedisError) -> Error {
    let (kind, message) = judge(&error);
    Error::new(kind, message).with("server", address).caused_by(error)
}

/// The one table: the server's code to our kind and to what a person can do.
fn judge(error: &RedisError) -> (ErrorKind, String) {
    let said = error.detail().unwrap_or_default();
    let (kind, message) = match (error.kind(), error.code().unwrap_or_default()) {
        (Kind::AuthenticationFailed, _) | (_, "WRONGPASS") => {
            (ErrorKind::Unauthorized, "Redis refuses the user or the password; correct them")
        }
        (_, "NOAUTH") => (ErrorKind::Unauthorized, WANTS_PASSWORD),
        // What it says to a long request of somebody who has not logged in.
        (Kind::Server(Server::ResponseError), _) if said.contains("unauthenticated") => {
            (ErrorKind::Unauthorized, WANTS_PASSWORD)
        }
        (Kind::Server(Server::ResponseError), _) if said.contains("can't run this command") => (
            ErrorKind::Unauthorized,
            "the Redis user may not run all commands of our scripts; the check names them",
        ),
        (Kind::Server(Server::NoPerm), _) => return (ErrorKind::Unauthorized, missing_right(said)),
        (Kind::Server(Server::ReadOnly), _) => {
            (ErrorKind::Unavailable, "this Redis is a read-only replica; give the address of the primary")
        }
        (Kind::Server(Server::BusyLoading), _) => {
            (ErrorKind::Unavailable, "Redis is loading its data; wait until it has")
        }
        (Kind::Server(Server::MasterDown | Server::ClusterDown | Server::TryAgain), _) => {
            (ErrorKind::Unavailable, "Redis has no primary at the moment; look at its replication")
        }
        (Kind::Server(Server::Moved | Server::Ask), _) => {
            let message = "this Redis is one shard of a cluster; give a server that has all keys, or a proxy before the cluster";
            (ErrorKind::ConfigInvalid, message)
        }
        (_, "OOM") => (ErrorKind::Unavailable, "Redis is out of memory; raise maxmemory"),
        (_, "MISCONF") => {
            (ErrorKind::Unavailable, "Redis takes no writes because it cannot save; look at its disk")
        }
        (_, "BUSY") => {
            (ErrorKind::Unavailable, "Redis is busy with somebody's script; look at `SCRIPT KILL`")
        }
        (Kind::Server(Server::ResponseError), _) if said.contains("unknown command") => {
            (ErrorKind::ConfigInvalid, "this server lacks a command; Redis 6 or newer or Valkey is needed")
        }
        (Kind::Server(Server::ResponseError), _) if error.to_string().contains("switch database") => {
            (ErrorKind::ConfigInvalid, "Redis has no database of that number; correct the end of the URL")
        }
        (Kind::Server(_) | Kind::Extension, _) => (ErrorKind::Unavailable, "Redis refuses"),
        (Kind::Io, _) => (ErrorKind::Unavailable, "the connection to Redis was lost"),
        (Kind::Parse, _) => (
            ErrorKind::ConfigInvalid,
            "what answers there is no Redis; correct host and port, or write rediss:// if it wants TLS",
        ),
        _ => (ErrorKind::Unexpected, "Redis answered something unexpected"),
    };
    (kind, message.to_owned())
}

const WANTS_PASSWORD: &str = "Redis wants a password; give user and password";

/// Says which right is missing, in the words of the access list.
fn missing_right(said: &str) -> String {
    let Some(command) = said.split('\'').nth(1) else {
        return "the Redis user may not use our keys: grant them with `ACL SETUSER … ~PREFIX:*`".to_owned();
    };
    format!("the Redis user may not run `{command}`: grant it with `ACL SETUSER … +{command}`")
}

/// Logging in fails.
pub(super) fn turned_away(address: &str, error: RedisError) -> Error {
    if !error.is_io_error() {
        return refused(address, error);
    }
    let message =
        "the server hung up at the first word; write rediss:// if it wants TLS, and check that it is Redis";
    Error::new(ErrorKind::Unavailable, message).with("server", address).caused_by(error)
}

/// The network refuses the connection.
pub(super) fn unreachable(address: &str, error: io::Error) -> Error {
    let message = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens there; start Redis or correct host and port",
        _ => "Redis cannot be reached; check the address and the network",
    };
    Error::new(ErrorKind::Unavailable, message).with("server", address).caused_by(error)
}

/// The TLS handshake fails.
pub(super) fn untrusted(address: &str, error: io::Error) -> Error {
    let reason = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let (kind, message) = match reason {
        Some(rustls::Error::InvalidCertificate(cause)) => (ErrorKind::ConfigInvalid, certificate(cause)),
        Some(rustls::Error::InvalidMessage(_)) => {
            (ErrorKind::ConfigInvalid, "what answers there speaks no TLS; write redis:// or correct the port")
        }
        Some(_) => (ErrorKind::ConfigInvalid, "the TLS handshake with Redis fails"),
        None => (ErrorKind::Unavailable, "the connection to Redis was lost during the TLS handshake"),
    };
    Error::new(kind, message).with("server", address).caused_by(error)
}

fn certificate(error: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as Bad;
    match error {
        Bad::UnknownIssuer => "nobody we trust signed the server's certificate; give the private CA that did",
        Bad::Expired | Bad::ExpiredContext { .. } => "the server's certificate has expired; renew it",
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet; check both clocks"
        }
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
            "the server's certificate is for another name; use the name it is for"
        }
        // The verifier has no variant of its own for these.
        Bad::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the server shows a self-signed authority's certificate as its own; have that authority sign another one for the server, and give the authority as private CA"
        }
        // One of version 1 among them: old recipes for test certificates make those.
        _ => {
            "the server's certificate cannot be accepted; make one of X.509 version 3 with its name in subjectAltName"
        }
    }
}

/// No answer to the TLS handshake: a server without TLS waits for the rest of what it takes for a command.
pub(super) fn silent_in_handshake(address: &str, waited: Duration) -> Error {
    let message = "the server does not answer the TLS handshake; write redis:// if it speaks no TLS";
    Error::new(ErrorKind::Unavailable, message).with("server", address).with("waited", format!("{waited:?}"))
}

/// No answer in time.
pub(super) fn silent(address: &str, what: &'static str, waited: Duration) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "Redis does not answer in time; check that it is up and not overloaded",
    )
    .with("server", address)
    .with("call", what)
    .with("waited", format!("{waited:?}"))
}

/// An answer of the wrong shape.
pub(super) fn nonsense(address: &str, what: &'static str) -> Error {
    Error::new(ErrorKind::Malformed, "Redis answered something else than was asked")
        .with("server", address)
        .with("call", what)
}
