//! What a user may do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::AccountError;

/// A user's role. A token carries the role its user has when it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Writes behaviors: uploads disabled candidates, replays.
    Author,
    /// Writes and publishes objects.
    Editor,
    /// An editor who also signals flows that wait.
    Approver,
    /// Runs the host: everything.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Author, Self::Editor, Self::Approver, Self::Operator];

    /// Whether the role may upload a behavior that stays disabled until an operator enables it.
    pub fn may_upload_candidates(self) -> bool {
        matches!(self, Self::Author | Self::Operator)
    }

    /// Whether the role may run recorded flows again without effects.
    pub fn may_replay(self) -> bool {
        matches!(self, Self::Author | Self::Operator)
    }

    /// Whether the role may create, change and delete objects.
    pub fn may_write(self) -> bool {
        matches!(self, Self::Editor | Self::Approver | Self::Operator)
    }

    /// Whether the role may signal flows that wait.
    pub fn may_signal(self) -> bool {
        matches!(self, Self::Approver | Self::Operator)
    }

    /// Whether the role may do everything else: behaviors, grants, flows, accounts.
    pub fn may_operate(self) -> bool {
        matches!(self, Self::Operator)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Author => "author",
            Self::Editor => "editor",
            Self::Approver => "approver",
            Self::Operator => "operator",
        })
    }
}

impl FromStr for Role {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Self, AccountError> {
        Self::ALL
            .into_iter()
            .find(|role| role.to_string() == text)
            .ok_or(AccountError::Invalid { field: "role", rule: "must be author, editor, approver or operator" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_its_own() {
        let may = |role: Role| {
            [role.may_upload_candidates(), role.may_replay(), role.may_write(), role.may_signal(), role.may_operate()]
        };
        assert_eq!(may(Role::Author), [true, true, false, false, false]);
        assert_eq!(may(Role::Editor), [false, false, true, false, false]);
        assert_eq!(may(Role::Approver), [false, false, true, true, false]);
        assert_eq!(may(Role::Operator), [true; 5]);
    }

    #[test]
    fn text_forms_round_trip() {
        for role in Role::ALL {
            assert_eq!(role.to_string().parse::<Role>().expect("a role"), role);
        }
        let error = "admin".parse::<Role>().expect_err("no role").to_string();
        assert!(error.starts_with("role must be"), "{error}");
    }
}
