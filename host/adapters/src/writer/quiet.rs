//! An append whose success wakes nobody, because whoever made it waits for what comes of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Answer, AppendError};

/// An append that is under way.
#[derive(Debug, Clone, Default)]
pub struct Quiet(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    told: Notify,
}

#[derive(Debug, Default)]
struct State {
    answer: Option<Answer>,
    /// Whether somebody wants to hear of it whatever it is.
    is_awaited: bool,
}

impl Quiet {
    /// Resolves if the append is refused.
    pub async fn refused(&self) -> AppendError {
        loop {
            let told = self.0.told.notified();
            if let Some(Err(error)) = self.lock().answer.clone() {
                return error;
            }
            told.await;
        }
    }

    /// Resolves once it is durable or refused.
    pub async fn answered(&self) -> Answer {
        loop {
            let told = self.0.told.notified();
            {
                let mut state = self.lock();
                state.is_awaited = true;
                if let Some(answer) = state.answer.clone() {
                    return answer;
                }
            }
            told.await;
        }
    }

    pub(crate) fn tell(&self, answer: Answer) {
        let mut state = self.lock();
        let wakes = state.is_awaited || answer.is_err();
        state.answer = Some(answer);
        drop(state);
        if wakes {
            self.0.told.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::writer::Appended;

    #[tokio::test]
    async fn a_refusal_is_told_at_once_and_a_success_to_who_asks() {
        let refused = Quiet::default();
        let mut hears = Box::pin(refused.refused());
        assert_eq!((&mut hears).now_or_never(), None);
        refused.tell(Err(AppendError::DiskFull));
        assert_eq!(hears.await, AppendError::DiskFull);
        assert_eq!(refused.answered().await, Err(AppendError::DiskFull));

        let appended = Appended { first: 1, last: 2 };
        let quiet = Quiet::default();
        let mut hears = Box::pin(quiet.refused());
        assert_eq!((&mut hears).now_or_never(), None);
        quiet.tell(Ok(appended));
        assert_eq!((&mut hears).now_or_never(), None);
        assert_eq!(quiet.answered().await, Ok(appended));

        let awaited = Quiet::default();
        let mut hears = Box::pin(awaited.answered());
        assert_eq!((&mut hears).now_or_never(), None);
        awaited.tell(Ok(appended));
        assert_eq!(hears.await, Ok(appended));
    }
}
