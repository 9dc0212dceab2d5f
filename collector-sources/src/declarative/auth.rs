//! As whom calls are made.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use collector_core::context::Context;
use collector_core::error::{Error, ErrorKind, Result};
use serde::Deserialize;
use url::Url;

use crate::http::{
    Bearer, Grant, HeaderName, HeaderValue, Http, Request, Secret, TokenCache, status_error, waiting,
};

const AUTHORIZATION: HeaderName = HeaderName::from_static("authorization");

/// How long a token counts that does not say how long it counts.
const UNTOLD: u64 = 600;

/// The longest time a token is kept.
const LONGEST: u64 = 30 * 86_400;

/// How a secret is sent.
#[derive(Debug, Clone)]
pub(super) enum Way {
    Nobody,
    Header { name: HeaderName, prefix: String },
    Query { name: String },
    Basic { user: String },
    OAuth(OAuth),
}

/// How a token is got.
#[derive(Debug, Clone)]
pub(super) struct OAuth {
    pub(super) url: Url,
    pub(super) client: String,
    pub(super) scope: Option<String>,
    /// Whether id and secret go as basic credentials instead of in the body.
    pub(super) basic: bool,
}

/// As whom calls are made.
#[derive(Debug)]
pub(super) struct Auth {
    way: Way,
    secret: Secret,
    tokens: TokenCache,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Auth {
    pub(super) fn new(way: Way, secret: Secret) -> Self {
        Self { way, secret, tokens: TokenCache::default() }
    }

    /// The query parameter that carries the secret.
    pub(super) fn parameter(&self) -> Option<&str> {
        match &self.way {
            Way::Query { name } => Some(name),
            _ => None,
        }
    }

    /// The request with the credential, and the token that was used.
    pub(super) async fn sign(
        &self,
        http: &Http,
        cx: &Context,
        request: Request,
    ) -> Result<(Request, Option<Bearer>)> {
        let request = match &self.way {
            Way::Nobody => request,
            Way::Header { name, prefix } => request.secret_header(name.clone(), prefix, &self.secret)?,
            Way::Query { name } => request.secret_query(name.clone(), &self.secret),
            Way::Basic { user } => {
                request.secret_header(AUTHORIZATION, "Basic ", &basic(user, &self.secret))?
            }
            Way::OAuth(oauth) => {
                let bearer = self.token(oauth, http, cx).await?;
                return Ok((request.secret_header(AUTHORIZATION, "Bearer ", &bearer.token)?, Some(bearer)));
            }
        };
        Ok((request, None))
    }

    /// Gets a token if calls need one.
    pub(super) async fn try_token(&self, http: &Http, cx: &Context) -> Result<()> {
        match &self.way {
            Way::OAuth(oauth) => self.token(oauth, http, cx).await.map(drop),
            _ => Ok(()),
        }
    }

    async fn token(&self, oauth: &OAuth, http: &Http, cx: &Context) -> Result<Bearer> {
        self.tokens.get(cx, async || oauth.get(&self.secret, http, cx).await).await
    }

    /// Notes what an answer's status says of the token it was got with. A token that was got for an earlier call and is
    /// refused has ended before its time: it is forgotten, and the call can be made again.
    ///
    /// # Errors
    /// `Unavailable` when the call is to be made again with another token.
    pub(super) async fn judged(&self, status: u16, used: &Bearer) -> Result<()> {
        if status != 401 || used.fresh {
            return Ok(());
        }
        self.tokens.forget(&used.token).await;
        let message = "the token has ended before its time; the call is made again with a new one";
        Err(Error::new(ErrorKind::Unavailable, message))
    }
}

fn basic(user: &str, secret: &Secret) -> Secret {
    STANDARD.encode(format!("{user}:{}", secret.expose())).into()
}

impl OAuth {
    fn form(&self, secret: &Secret) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        if !self.basic {
            form.append_pair("client_id", &self.client).append_pair("client_secret", secret.expose());
        }
        form.finish()
    }

    async fn get(&self, secret: &Secret, http: &Http, cx: &Context) -> Result<Grant> {
        let mut request =
            Request::post(self.url.clone(), "application/x-www-form-urlencoded", self.form(secret));
        request =
            request.header(HeaderName::from_static("accept"), HeaderValue::from_static("application/json"));
        if self.basic {
            request = request.secret_header(AUTHORIZATION, "Basic ", &basic(&self.client, secret))?;
        }
        let payload = http.exchange(cx, request).await?;
        if let Some(error) = status_error(&payload) {
            // Refused clients are told with 400, too; that is nothing a task did.
            let kind = match error.kind() {
                ErrorKind::Rejected | ErrorKind::NotFound => ErrorKind::Unauthorized,
                kind => kind,
            };
            let message = "no token was granted: look at `token_url`, `client_id` and the client's secret";
            return Err(waiting(Error::new(kind, message).with("status", payload.status), &payload));
        }
        let granted: Granted = serde_json::from_slice(&payload.body).map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the answer of `token_url` has no `access_token`")
                .with("status", payload.status)
        })?;
        let lives = Duration::from_secs(granted.expires_in.unwrap_or(UNTOLD).min(LONGEST));
        Ok(Grant { token: granted.access_token.into(), lasts: lives })
    }
}
