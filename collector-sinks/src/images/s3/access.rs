//! Who may use the bucket.

use std::collections::BTreeMap;
use std::fmt;

use collector_core::error::{Error, ErrorKind, Result};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

/// How the sink proves who it is. There is no way without a credential: an anonymous writer would fill a bucket that
/// anybody can fill.
#[derive(Clone)]
#[non_exhaustive]
pub enum BucketAccess {
    /// A key of a user.
    Key {
        /// Its name.
        id: String,
        /// Its secret.
        secret: String,
        /// The token of a session, where the key is one.
        token: Option<String>,
    },
    /// A role, for whoever holds a token that the cluster renews (Kubernetes: IRSA).
    WebIdentity {
        /// The file with the token; read each time it is used.
        token_file: String,
        /// The role's ARN.
        role: String,
        /// The session's name in the cloud's logs.
        session: Option<String>,
    },
    /// The role of an ECS task: the path that the task's metadata service is asked for.
    Container {
        /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`.
        path: String,
    },
    /// The role of an EKS pod.
    Pod {
        /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
        url: String,
        /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
        token_file: String,
    },
    /// The role of the machine (EC2), asked of its metadata service with a session token (IMDSv2).
    Instance,
}

impl BucketAccess {
    /// A key.
    ///
    /// # Errors
    /// `ConfigInvalid` when a half is missing.
    pub fn key(id: impl Into<String>, secret: impl Into<String>) -> Result<Self> {
        let (id, secret) = (id.into(), secret.into());
        if id.is_empty() || secret.is_empty() {
            let message = "a bucket needs an access key and its secret: pictures are not written anonymously";
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        Ok(Self::Key { id, secret, token: None })
    }

    /// What these environment variables say, in the order of Amazon's own programs: a key, a web identity, a container's
    /// role, a pod's; the machine's role where they say nothing.
    ///
    /// # Errors
    /// `ConfigInvalid` for half a key, and where only a profile or single sign-on is named: their files are not read.
    pub fn found_in(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut known: BTreeMap<String, String> = variables
            .into_iter()
            .filter(|(name, value)| name.starts_with("AWS_") && !value.is_empty())
            .collect();
        let mut take = |name: &str| known.remove(name);
        if let Some((id, secret)) = both(&mut take, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")? {
            return Ok(Self::Key { id, secret, token: take("AWS_SESSION_TOKEN") });
        }
        if let Some((token_file, role)) = both(&mut take, "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")? {
            return Ok(Self::WebIdentity { token_file, role, session: take("AWS_ROLE_SESSION_NAME") });
        }
        if let Some(path) = take("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return Ok(Self::Container { path });
        }
        let pod = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        if let Some((url, token_file)) = both(&mut take, pod.0, pod.1)? {
            return Ok(Self::Pod { url, token_file });
        }
        for name in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"] {
            if take(name).is_some() {
                return Err(Error::new(
                    ErrorKind::ConfigInvalid,
                    format!(
                        "{name} names a profile, and profiles and single sign-on are not read: run `aws configure \
                         export-credentials --format env` and set what it prints, or give the bucket a key of its own"
                    ),
                ));
            }
        }
        Ok(Self::Instance)
    }

    pub(super) fn apply(self, builder: AmazonS3Builder) -> AmazonS3Builder {
        use AmazonS3ConfigKey as Known;
        match self {
            Self::Key { id, secret, token } => {
                let builder = builder.with_access_key_id(id).with_secret_access_key(secret);
                token.into_iter().fold(builder, AmazonS3Builder::with_token)
            }
            Self::WebIdentity { token_file, role, session } => {
                let builder = builder
                    .with_config(Known::WebIdentityTokenFile, token_file)
                    .with_config(Known::RoleArn, role);
                session
                    .into_iter()
                    .fold(builder, |builder, name| builder.with_config(Known::RoleSessionName, name))
            }
            Self::Container { path } => builder.with_config(Known::ContainerCredentialsRelativeUri, path),
            Self::Pod { url, token_file } => builder
                .with_config(Known::ContainerCredentialsFullUri, url)
                .with_config(Known::ContainerAuthorizationTokenFile, token_file),
            Self::Instance => builder,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Key { .. } => "Key",
            Self::WebIdentity { .. } => "WebIdentity",
            Self::Container { .. } => "Container",
            Self::Pod { .. } => "Pod",
            Self::Instance => "Instance",
        }
    }
}

/// Says which way it is, and nothing that could be used.
impl fmt::Debug for BucketAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}([redacted])", self.name())
    }
}

fn both(
    take: &mut impl FnMut(&str) -> Option<String>,
    one: &str,
    other: &str,
) -> Result<Option<(String, String)>> {
    let (here, missing) = match (take(one), take(other)) {
        (Some(one), Some(other)) => return Ok(Some((one, other))),
        (None, None) => return Ok(None),
        (Some(_), None) => (one, other),
        (None, Some(_)) => (other, one),
    };
    Err(Error::new(
        ErrorKind::ConfigInvalid,
        format!("{here} is set and {missing} is not: set both, or none"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Result<BucketAccess> {
        BucketAccess::found_in(
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn the_order_is_amazons() {
        let key = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_PROFILE", "x")];
        let identity = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "r")];
        let container = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2")];
        let pod = [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://x"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/t"),
        ];
        let mut all: Vec<_> = key.into_iter().chain(identity).chain(container).chain(pod).collect();
        for (name, less) in [("Key", 3), ("WebIdentity", 2), ("Container", 1), ("Pod", 2)] {
            assert_eq!(found(&all).unwrap().name(), name);
            all.drain(..less);
        }
        assert_eq!(found(&[("AWS_REGION", "x"), ("AWS_ACCESS_KEY_ID", "")]).unwrap().name(), "Instance");
    }

    #[test]
    fn profiles_and_halves_are_refused_with_what_to_do() {
        for (variables, word) in [
            (&[("AWS_PROFILE", "work")][..], "export-credentials"),
            (&[("AWS_CONFIG_FILE", "/c")], "single sign-on"),
            (&[("AWS_ACCESS_KEY_ID", "a")], "AWS_SECRET_ACCESS_KEY is not"),
            (&[("AWS_ROLE_ARN", "a")], "AWS_WEB_IDENTITY_TOKEN_FILE is not"),
        ] {
            let refused = found(variables).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConfigInvalid);
            assert!(refused.to_string().contains(word), "{refused}");
        }
        for (id, secret) in [("", "x"), ("x", ""), ("", "")] {
            assert!(BucketAccess::key(id, secret).unwrap_err().to_string().contains("anonymously"));
        }
    }

    #[test]
    fn nothing_of_a_credential_is_shown() {
        let access = found(&[
            ("AWS_ACCESS_KEY_ID", "AKIAhunter"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
            ("AWS_SESSION_TOKEN", "hunter3"),
        ]);
        assert_eq!(format!("{access:?}"), "Ok(Key([redacted]))");
    }
}
