//! Read-only connections, kept for the next reader.

use std::sync::{Mutex, PoisonError};

/// Hands out connections and opens one when none is free.
pub struct Pool<T, E> {
    free: Mutex<Vec<T>>,
    open: Box<dyn Fn() -> Result<T, E> + Send + Sync>,
}

/// Connections that are kept; further ones are closed after use. All threads of a host that read may read at once.
const KEPT: usize = 64;

impl<T, E> Pool<T, E> {
    /// A pool that opens its connections with `open`.
    pub fn new(open: impl Fn() -> Result<T, E> + Send + Sync + 'static) -> Self {
        Self { free: Mutex::default(), open: Box::new(open) }
    }

    /// Reads with a connection that nobody else uses meanwhile.
    pub fn with<R, F: From<E>>(&self, read: impl FnOnce(&T) -> Result<R, F>) -> Result<R, F> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match free {
            Some(connection) => connection,
            None => (self.open)()?,
        };
        let result = read(&connection);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(connection);
        }
        result
    }
}
