//! What entries say about people and what they do, where no other entry says it.

use serde::{Deserialize, Serialize};

use super::Event;

/// Somebody did something that changes nothing else in the log: logged in, made a token, took a copy. No password, no
/// token's secret, no address and no session is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audited {
    /// What was done.
    pub what: Deed,
    /// Who did it; none where nobody is known to have, such as who failed to log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The user it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What more there is to say, such as a role or a token's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How whoever did it came in.
    pub via: Via,
    /// How often it was done since this was last recorded; more than once only where it is counted.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub times: u64,
}

fn once() -> u64 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_once(times: &u64) -> bool {
    *times == 1
}

/// What people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// A user logged in.
    LoggedIn,
    /// Somebody failed to log in: under a user's name, or under none that there is.
    LoginFailed,
    /// A user logged out.
    LoggedOut,
    /// A user ended all sessions but one.
    SessionsEnded,
    /// A user was added.
    UserAdded,
    /// A user was removed.
    UserRemoved,
    /// A user's role was changed.
    RoleChanged,
    /// A user's password was changed.
    PasswordChanged,
    /// A token was made.
    TokenCreated,
    /// A token was revoked.
    TokenRevoked,
    /// A copy of the data directory was taken.
    BackupTaken,
    /// A flow was exported with all it says.
    FlowExported,
}

impl Deed {
    /// Every one.
    pub const ALL: [Self; 12] = [
        Self::LoggedIn,
        Self::LoginFailed,
        Self::LoggedOut,
        Self::SessionsEnded,
        Self::UserAdded,
        Self::UserRemoved,
        Self::RoleChanged,
        Self::PasswordChanged,
        Self::TokenCreated,
        Self::TokenRevoked,
        Self::BackupTaken,
        Self::FlowExported,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoggedIn => "logged-in",
            Self::LoginFailed => "login-failed",
            Self::LoggedOut => "logged-out",
            Self::SessionsEnded => "sessions-ended",
            Self::UserAdded => "user-added",
            Self::UserRemoved => "user-removed",
            Self::RoleChanged => "role-changed",
            Self::PasswordChanged => "password-changed",
            Self::TokenCreated => "token-created",
            Self::TokenRevoked => "token-revoked",
            Self::BackupTaken => "backup-taken",
            Self::FlowExported => "flow-exported",
        }
    }
}

/// How somebody came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// By a session, in a browser.
    Session,
    /// With a bearer token.
    Token,
    /// Through the data directory: its socket, or the command line.
    Directory,
}

impl Via {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Token => "token",
            Self::Directory => "directory",
        }
    }
}

/// What an entry says that somebody did: the line of an audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// What was done: a [`Deed`]'s name, or the entry's kind.
    pub what: String,
    /// Who did it.
    pub by: Option<String>,
    /// What it was done to.
    pub about: Option<String>,
    /// What more there is to say.
    pub detail: Option<String>,
    /// How whoever did it came in, where that was recorded.
    pub via: Option<Via>,
    /// How often.
    pub times: u64,
}

impl Trace {
    /// Whether a line of the trail may say that `what` was done.
    pub fn may_tell(what: &str) -> bool {
        Deed::ALL.map(Deed::as_str).contains(&what) || Event::KINDS.contains(&what)
    }

    fn new(what: &str, by: Option<&String>) -> Self {
        Self { what: what.to_owned(), by: by.cloned(), about: None, detail: None, via: None, times: 1 }
    }

    fn about(self, about: impl ToString) -> Self {
        Self { about: Some(about.to_string()), ..self }
    }

    fn detail(self, detail: Option<impl ToString>) -> Self {
        Self { detail: detail.map(|detail| detail.to_string()), ..self }
    }
}

impl From<&Audited> for Trace {
    fn from(audited: &Audited) -> Self {
        let Audited { what, by, about, detail, via, times } = audited.clone();
        Self { what: what.as_str().to_owned(), by, about, detail, via: Some(via), times }
    }
}

impl Event {
    /// What somebody did, where the entry says that somebody did it. What is written and posted is not among it: each
    /// object's revisions say who saved them.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most entries say what the host did")]
    pub fn trace(&self) -> Option<Trace> {
        let of = |by| Trace::new(self.kind(), by);
        let switched = |enabled: bool| Some(if enabled { "enabled" } else { "disabled" });
        match self {
            Self::Audited(body) => Some(Trace::from(body)),
            Self::BehaviorInstalled(body) => {
                Some(of(body.by.as_ref()).about(&body.name).detail(Some(&body.manifest.version)))
            }
            Self::BehaviorOffered(body) => {
                Some(of(body.by.as_ref()).about(&body.name).detail(Some(&body.manifest.version)))
            }
            Self::BehaviorRolledBack(body) => Some(of(body.by.as_ref()).about(&body.name)),
            Self::BehaviorSwitched(body) => Some(of(body.by.as_ref()).about(&body.name).detail(switched(body.enabled))),
            Self::BehaviorConfigured(body) => Some(of(body.by.as_ref()).about(&body.name)),
            Self::BehaviorGranted(body) => {
                let kinds: Vec<_> = body.grant.kinds().collect();
                Some(of(body.by.as_ref()).about(&body.name).detail(Some(kinds.join(", "))))
            }
            Self::BehaviorRemoved(body) => Some(of(body.by.as_ref()).about(&body.name)),
            Self::ActorCreated(body) => Some(of(body.by.as_ref()).about(&body.name)),
            Self::ActorChanged(body) => Some(of(body.by.as_ref()).about(&body.name)),
            Self::ActorKeyRotated(body) => Some(of(body.by.as_ref()).about(&body.name)),
            Self::SignalReceived(body) => {
                body.by.as_ref().map(|by| of(Some(by)).about(body.flow).detail(Some(&body.name)))
            }
            Self::FlowCancelled(body) => {
                body.by.as_ref().map(|by| of(Some(by)).about(body.flow).detail(body.reason.as_ref()))
            }
            Self::FlowStarted(body) => body.by.as_ref().map(|by| of(Some(by)).about(body.flow).detail(Some("rerun"))),
            Self::FlowRetried(body) => body.by.as_ref().map(|by| of(Some(by)).about(body.flow)),
            Self::FlowPinned(body) => body.by.as_ref().map(|by| of(Some(by)).about(body.flow)),
            Self::EffectChanged(body) => {
                let by = body.by.as_ref()?;
                Some(of(Some(by)).about(body.effect).detail(Some(format!("{} → {}", body.from, body.to))))
            }
            Self::DeliveryRedriven(body) => {
                body.by.as_ref().map(|by| of(Some(by)).about(&body.peer).detail(body.reason.as_ref()))
            }
            Self::PeerBlocked(body) => {
                let what = if body.is_blocked { "blocked" } else { "unblocked" };
                Some(of(body.by.as_ref()).about(&body.peer).detail(Some(what)))
            }
            Self::Erased(body) => body
                .by
                .as_ref()
                .map(|by| Trace { about: body.about.clone(), ..of(Some(by)).detail(Some(&body.reason)) }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_entries_hold() {
        for deed in Deed::ALL {
            assert_eq!(serde_json::to_value(deed).expect("JSON"), deed.as_str());
        }
        for via in [Via::Session, Via::Token, Via::Directory] {
            assert_eq!(serde_json::to_value(via).expect("JSON"), via.as_str());
        }
    }

    #[test]
    fn what_is_not_said_takes_no_room() {
        let audited =
            Audited { what: Deed::LoginFailed, by: None, about: None, detail: None, via: Via::Session, times: 1 };
        let text = serde_json::to_string(&audited).expect("JSON");
        assert_eq!(text, r#"{"what":"login-failed","via":"session"}"#);
        assert_eq!(serde_json::from_str::<Audited>(&text).expect("read"), audited);
    }
}
