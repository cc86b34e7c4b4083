//! Who may: what a route needs, and which roles have it.

use rosehip_adapters::accounts::Role;

/// What a route needs of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing; what is not public is held back by the handler.
    Nothing,
    /// Any role.
    Login,
    /// May create, change and delete objects.
    Write,
    /// May signal flows that wait.
    Signal,
    /// May upload a behavior, at least as a candidate that an operator activates.
    Upload,
    /// May do everything.
    Operate,
}

impl Need {
    /// Whether somebody with this role, or nobody in particular, has it.
    pub(super) fn is_met_by(self, role: Option<Role>) -> bool {
        let has = |may: fn(Role) -> bool| role.is_some_and(may);
        match self {
            Self::Nothing => true,
            Self::Login => role.is_some(),
            Self::Write => has(Role::may_write),
            Self::Signal => has(Role::may_signal),
            Self::Upload => has(Role::may_upload_candidates),
            Self::Operate => has(Role::may_operate),
        }
    }

    /// The rule's stable name, with the roles that meet it.
    pub(super) fn rule(self) -> String {
        let roles: Vec<_> =
            Role::ALL.iter().filter(|role| self.is_met_by(Some(**role))).map(ToString::to_string).collect();
        format!("needs role {}", roles.join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_roles_that_would_do() {
        assert_eq!(Need::Signal.rule(), "needs role approver or operator");
        assert_eq!(Need::Operate.rule(), "needs role operator");
    }

    #[test]
    fn nobody_in_particular_may_only_what_needs_nothing() {
        assert!(Need::Nothing.is_met_by(None));
        for need in [Need::Login, Need::Write, Need::Signal, Need::Upload, Need::Operate] {
            assert!(!need.is_met_by(None), "{need:?}");
        }
    }
}
