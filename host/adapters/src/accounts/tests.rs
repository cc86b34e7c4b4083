use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::clock::SystemClock;
use rosehip_core::time::Timestamp;

const PASSWORD: &str = "correct horse";

fn accounts() -> (TempDir, Accounts) {
    let dir = tempfile::tempdir().expect("a directory");
    let accounts = Accounts::open(&dir.path().join("accounts.db")).expect("opened");
    (dir, accounts)
}

fn add(accounts: &Accounts, name: &str, role: Role) -> UserName {
    let actor = "site".parse().expect("a name");
    let new = NewUser { name, role, actor: &actor, password: PASSWORD, now: SystemClock::now() };
    accounts.add_user(new).expect("added").name
}

fn session(id: &str, user: Option<&UserName>, expires: i64) -> Session {
    let data = "{\"k\":1}".to_owned();
    Session { id: id.to_owned(), user: user.cloned(), data, expires: Timestamp::from_millis(expires) }
}

#[test]
fn a_password_is_verified_and_changed() {
    let (_dir, accounts) = accounts();
    let alice = add(&accounts, "alice", Role::Editor);
    let before = accounts.verify_password("alice", PASSWORD).expect("verified").expect("it is hers");
    assert_eq!((before.name.as_str(), before.role), ("alice", Role::Editor));
    assert_eq!(accounts.verify_password("alice", "wrong horse").expect("verified"), None);
    assert_eq!(accounts.verify_password("nobody", PASSWORD).expect("verified"), None);

    accounts.save_session(&session("s1", Some(&alice), 10)).expect("saved");
    accounts.save_session(&session("s2", None, 10)).expect("saved");
    let secret = accounts.create_token(&alice, "ci", SystemClock::now()).expect("made");
    accounts.set_password(&alice, "another horse").expect("changed");
    assert_eq!(accounts.verify_password("alice", PASSWORD).expect("verified"), None);
    let after = accounts.user(&alice).expect("read").expect("there");
    assert_ne!(after.credential, before.credential);
    let now = Timestamp::from_millis(1);
    assert_eq!(accounts.load_session("s1", now).expect("loaded"), None, "her sessions end");
    assert!(accounts.load_session("s2", now).expect("loaded").is_some());
    assert!(accounts.identity_of_token(&secret).is_some(), "her tokens stay");
}

#[test]
fn fields_that_break_a_rule_are_named() {
    let (_dir, accounts) = accounts();
    let actor = "site".parse().expect("a name");
    let refused = |name: &str, password: &str| {
        let new = NewUser { name, role: Role::Editor, actor: &actor, password, now: SystemClock::now() };
        accounts.add_user(new).expect_err("refused").to_string()
    };
    assert!(refused("Alice", PASSWORD).starts_with("name must be a lower-case letter"));
    assert_eq!(refused("alice", "short"), "password must have 8 to 1,024 bytes");
    assert_eq!(refused("alice", &"x".repeat(1_025)), "password must have 8 to 1,024 bytes");
    assert!(accounts.users().expect("listed").is_empty());
}

#[test]
fn names_are_taken_once() {
    let (_dir, accounts) = accounts();
    let alice = add(&accounts, "alice", Role::Editor);
    let actor = "site".parse().expect("a name");
    let new = NewUser { name: "alice", role: Role::Author, actor: &actor, password: PASSWORD, now: SystemClock::now() };
    assert!(matches!(accounts.add_user(new), Err(AccountError::Taken { what: "user", .. })));
    accounts.create_token(&alice, "ci", SystemClock::now()).expect("made");
    let again = accounts.create_token(&alice, "ci", SystemClock::now());
    assert!(matches!(again, Err(AccountError::Taken { what: "token", .. })));
    let ghost = "ghost".parse().expect("a name");
    let nobodys = accounts.create_token(&ghost, "ci", SystemClock::now());
    assert!(matches!(nobodys, Err(AccountError::Unknown { what: "user", .. })));
}

#[test]
fn a_token_is_its_user_until_it_is_revoked() {
    let (dir, accounts) = accounts();
    let alice = add(&accounts, "alice", Role::Approver);
    let secret = accounts.create_token(&alice, "ci", SystemClock::now()).expect("made");
    assert!(secret.starts_with("rh_") && secret.len() == 55, "{secret}");
    let identity = accounts.identity_of_token(&secret).expect("hers");
    assert_eq!((identity.user.as_str(), identity.role, identity.actor.as_str()), ("alice", Role::Approver, "site"));
    assert_eq!(accounts.identity_of_token("rh_"), None);
    assert_eq!(accounts.identity_of_token(&secret[3..]), None);
    assert_eq!(accounts.tokens().expect("listed")[0].name, "ci");

    drop(accounts);
    let file = std::fs::read(dir.path().join("accounts.db")).expect("read");
    assert!(!file.windows(secret.len() - 3).any(|window| window == &secret.as_bytes()[3..]), "it is not kept");

    let accounts = Accounts::open(&dir.path().join("accounts.db")).expect("opened again");
    assert!(accounts.identity_of_token(&secret).is_some());
    accounts.revoke_token(&alice, "ci").expect("revoked");
    assert_eq!(accounts.identity_of_token(&secret), None);
    assert!(matches!(accounts.revoke_token(&alice, "ci"), Err(AccountError::Unknown { what: "token", .. })));
}

#[test]
fn tokens_and_sessions_go_with_their_user() {
    let (_dir, accounts) = accounts();
    let (alice, bob) = (add(&accounts, "alice", Role::Editor), add(&accounts, "bob", Role::Operator));
    let secrets = [&alice, &bob].map(|user| accounts.create_token(user, "ci", SystemClock::now()).expect("made"));
    accounts.save_session(&session("s1", Some(&alice), 10)).expect("saved");
    accounts.remove_user(&alice).expect("removed");
    assert_eq!(accounts.identity_of_token(&secrets[0]), None);
    assert!(accounts.identity_of_token(&secrets[1]).is_some());
    assert_eq!(accounts.load_session("s1", Timestamp::from_millis(1)).expect("loaded"), None);
    assert_eq!(accounts.users().expect("listed").into_iter().map(|user| user.name).collect::<Vec<_>>(), [bob]);
    assert!(matches!(accounts.remove_user(&alice), Err(AccountError::Unknown { .. })));
    assert!(matches!(accounts.set_password(&alice, PASSWORD), Err(AccountError::Unknown { .. })));
    assert!(matches!(accounts.save_session(&session("s3", Some(&alice), 10)), Err(AccountError::Unknown { .. })));
}

#[test]
fn a_role_is_changed_for_sessions_and_tokens_alike() {
    let (_dir, accounts) = accounts();
    let alice = add(&accounts, "alice", Role::Editor);
    let secret = accounts.create_token(&alice, "ci", SystemClock::now()).expect("made");
    accounts.set_role(&alice, Role::Author).expect("changed");
    assert_eq!(accounts.identity_of_token(&secret).expect("hers").role, Role::Author);
    assert_eq!(accounts.user(&alice).expect("read").expect("there").role, Role::Author);
    let ghost = "ghost".parse().expect("a name");
    assert!(matches!(accounts.set_role(&ghost, Role::Author), Err(AccountError::Unknown { what: "user", .. })));
}

#[test]
fn a_users_other_sessions_are_ended() {
    let (_dir, accounts) = accounts();
    let (alice, bob) = (add(&accounts, "alice", Role::Editor), add(&accounts, "bob", Role::Editor));
    for (id, user, expires) in [("s1", &alice, 10), ("s2", &alice, 30), ("s3", &alice, 20), ("s4", &bob, 20)] {
        accounts.save_session(&session(id, Some(user), expires)).expect("saved");
    }
    let ids = |user, now| {
        let sessions = accounts.sessions_of(user, Timestamp::from_millis(now)).expect("listed");
        sessions.into_iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&alice, 10), ["s2", "s3"]);
    assert_eq!(accounts.end_sessions_but(&alice, "s3").expect("ended"), 2);
    assert_eq!((ids(&alice, 0), ids(&bob, 0)), (vec!["s3".to_owned()], vec!["s4".to_owned()]));
}

#[test]
fn a_session_lasts_until_it_expires() {
    let (_dir, accounts) = accounts();
    let first = session("s1", None, 10);
    assert!(accounts.create_session(&first).expect("made"));
    assert!(!accounts.create_session(&session("s1", None, 99)).expect("taken"));
    assert_eq!(accounts.load_session("s1", Timestamp::from_millis(9)).expect("loaded"), Some(first));
    assert_eq!(accounts.load_session("s1", Timestamp::from_millis(10)).expect("loaded"), None);
    accounts.save_session(&session("s1", None, 20)).expect("prolonged");
    accounts.save_session(&session("s2", None, 10)).expect("saved");
    assert_eq!(accounts.delete_expired_sessions(Timestamp::from_millis(10)).expect("swept"), 1);
    assert!(accounts.load_session("s1", Timestamp::from_millis(10)).expect("loaded").is_some());
    accounts.delete_session("s1").expect("ended");
    accounts.delete_session("s1").expect("ended again");
    assert_eq!(accounts.load_session("s1", Timestamp::from_millis(0)).expect("loaded"), None);
}

proptest! {
    #[test]
    fn names_have_one_form(text in "[a-zA-Z0-9-]{0,70}") {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let valid = first && text.len() <= 63 && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        prop_assert_eq!(text.parse::<UserName>().is_ok(), valid);
    }
}
