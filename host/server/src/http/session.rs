//! Sessions of people who logged in: axum-login over a tower-sessions store that is the accounts' own.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use axum_login::{AuthManagerLayer, AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId};
use rosehip_adapters::{
    accounts::{AccountError, Identity, Session, User, UserName},
    clock::SystemClock,
};
use rosehip_core::time::Timestamp;
use serde_json::Value;
use tower_sessions::{
    Expiry, SessionManagerLayer, SessionStore,
    cookie::{
        SameSite,
        time::{Duration, OffsetDateTime},
    },
    session::{Id, Record},
    session_store,
};

use super::{App, HttpOptions};

/// The cookie.
pub(super) const COOKIE: &str = "rosehip";
/// Where axum-login keeps who logged in.
const USER_KEY: &str = "user";
/// How long a visitor may take to log in.
const LOGIN_TIME: Duration = Duration::HOUR;
/// How long somebody stays logged in.
pub(super) const SESSION_TIME: Duration = Duration::days(14);

/// The layer that reads the cookie and sets it.
pub(super) fn layer(app: &App, options: &HttpOptions) -> AuthManagerLayer<Backend, Store> {
    let sessions = SessionManagerLayer::new(Store(app.clone()))
        .with_name(COOKIE)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_secure(options.secure_cookies)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(LOGIN_TIME));
    AuthManagerLayerBuilder::new(Backend(app.clone()), sessions).with_data_key(USER_KEY).build()
}

/// Name and password as they were typed.
#[derive(Clone)]
pub(super) struct Credentials {
    /// The user's name.
    pub(super) name: String,
    /// The user's password.
    pub(super) password: String,
}

/// A user with what ties a session to its password.
#[derive(Debug, Clone)]
pub(super) struct LoggedIn {
    /// The user, as the handlers know it.
    pub(super) identity: Arc<Identity>,
    credential: [u8; 32],
}

impl From<User> for LoggedIn {
    fn from(user: User) -> Self {
        let identity = Identity { user: user.name, role: user.role, actor: user.actor };
        Self { identity: Arc::new(identity), credential: user.credential }
    }
}

impl AuthUser for LoggedIn {
    type Id = String;

    fn id(&self) -> String {
        self.identity.user.to_string()
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.credential
    }
}

/// Why a user was not found out.
#[derive(Debug, thiserror::Error)]
pub(super) enum BackendError {
    /// The accounts cannot be read.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

/// The accounts, as axum-login sees them.
#[derive(Debug, Clone)]
pub(super) struct Backend(App);

impl AuthnBackend for Backend {
    type User = LoggedIn;
    type Credentials = Credentials;
    type Error = BackendError;

    async fn authenticate(&self, credentials: Credentials) -> Result<Option<LoggedIn>, BackendError> {
        let _permit = self.0.passwords.acquire().await.map_err(|_| BackendError::Stopping)?;
        let Credentials { name, password } = credentials;
        let user = blocking(&self.0, move |app| app.host.accounts().verify_password(&name, &password)).await?;
        Ok(user.map(LoggedIn::from))
    }

    async fn get_user(&self, name: &UserId<Self>) -> Result<Option<LoggedIn>, BackendError> {
        let Ok(name) = name.parse::<UserName>() else { return Ok(None) };
        let user = blocking(&self.0, move |app| app.host.accounts().user(&name)).await?;
        Ok(user.map(LoggedIn::from))
    }
}

/// The accounts' sessions, as tower-sessions sees them.
#[derive(Debug, Clone)]
pub(super) struct Store(App);

#[async_trait]
impl SessionStore for Store {
    async fn create(&self, record: &mut Record) -> session_store::Result<()> {
        loop {
            let session = encode(record)?;
            if stored(&self.0, move |app| app.host.accounts().create_session(&session)).await? {
                return Ok(());
            }
            record.id = Id::default();
        }
    }

    async fn save(&self, record: &Record) -> session_store::Result<()> {
        let session = encode(record)?;
        stored(&self.0, move |app| app.host.accounts().save_session(&session)).await
    }

    async fn load(&self, id: &Id) -> session_store::Result<Option<Record>> {
        let (id, text) = (*id, id.to_string());
        let load = move |app: &App| app.host.accounts().load_session(&text, SystemClock::now());
        stored(&self.0, load).await?.map(|session| decode(id, &session)).transpose()
    }

    async fn delete(&self, id: &Id) -> session_store::Result<()> {
        let id = id.to_string();
        stored(&self.0, move |app| app.host.accounts().delete_session(&id)).await
    }
}

/// Runs what blocks where it may.
pub(super) async fn blocking<T: Send + 'static>(
    app: &App,
    call: impl FnOnce(&App) -> Result<T, AccountError> + Send + 'static,
) -> Result<T, BackendError> {
    let app = app.clone();
    let done = tokio::task::spawn_blocking(move || call(&app)).await;
    Ok(done.map_err(|_| BackendError::Stopping)??)
}

async fn stored<T: Send + 'static>(
    app: &App,
    call: impl FnOnce(&App) -> Result<T, AccountError> + Send + 'static,
) -> session_store::Result<T> {
    blocking(app, call).await.map_err(|error| session_store::Error::Backend(error.to_string()))
}

fn encode(record: &Record) -> session_store::Result<Session> {
    let data = serde_json::to_string(&record.data).map_err(|error| session_store::Error::Encode(error.to_string()))?;
    let user = record.data.get(USER_KEY).and_then(|data| data.get("user_id")?.as_str()?.parse().ok());
    let milliseconds = i64::try_from(record.expiry_date.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    Ok(Session { id: record.id.to_string(), user, data, expires: Timestamp::from_millis(milliseconds) })
}

fn decode(id: Id, session: &Session) -> session_store::Result<Record> {
    let unreadable = |message: String| session_store::Error::Decode(message);
    let data: HashMap<String, Value> =
        serde_json::from_str(&session.data).map_err(|error| unreadable(error.to_string()))?;
    let nanoseconds = i128::from(session.expires.as_millis()) * 1_000_000;
    let expiry_date =
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).map_err(|error| unreadable(error.to_string()))?;
    Ok(Record { id, data, expiry_date })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_kept_with_the_user_it_belongs_to() {
        let expiry_date = OffsetDateTime::from_unix_timestamp(1_800_000_000).expect("a time");
        let data = HashMap::from([
            (USER_KEY.to_owned(), json!({"user_id": "ada", "auth_hash": [1, 2]})),
            ("csrf".to_owned(), json!("x")),
        ]);
        let record = Record { id: Id(7), data, expiry_date };
        let session = encode(&record).expect("encoded");
        assert_eq!(session.user.as_ref().map(UserName::as_str), Some("ada"));
        assert_eq!(decode(Id(7), &session).expect("decoded"), record);
    }
}
