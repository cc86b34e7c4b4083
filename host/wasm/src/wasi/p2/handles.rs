//! What a guest holds handles of. How many is bounded, because each takes room in the host.

use rosehip_core::limits;
use wasmtime::{
    StoreContextMut,
    component::{LinkerInstance, Resource, ResourceTable, ResourceType},
};

use crate::{budget::charge, call::CallState, failure::breach, wasi::Output};

/// stdin.
#[derive(Debug)]
pub(super) struct InputStream;

/// stdout or stderr.
#[derive(Debug)]
pub(super) struct OutputStream(pub(super) Output);

/// Something to wait for: the monotonic clock at this time. 0 is always over.
#[derive(Debug)]
pub(super) struct Pollable {
    pub(super) end: u64,
}

/// The network, on which everything is denied.
#[derive(Debug)]
pub(super) struct Network;

/// The handles of one call.
#[derive(Debug)]
pub(crate) struct Handles(ResourceTable);

impl Default for Handles {
    fn default() -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits::GUEST_HANDLES);
        Self(table)
    }
}

impl Handles {
    /// Hands `entry` out.
    pub(super) fn push<T: Send + 'static>(&mut self, entry: T) -> wasmtime::Result<Resource<T>> {
        self.0.push(entry).map_err(|_| {
            breach("handles", format!("the guest holds {} handles of WASI, the limit", limits::GUEST_HANDLES))
        })
    }

    /// What a handle stands for.
    pub(super) fn get<T: 'static>(&self, handle: &Resource<T>) -> wasmtime::Result<&T> {
        Ok(self.0.get(handle)?)
    }
}

/// Defines a resource of which handles are handed out.
pub(super) fn resource<T: Send + 'static>(
    interface: &mut LinkerInstance<'_, CallState>,
    name: &str,
) -> wasmtime::Result<()> {
    interface.resource(name, ResourceType::host::<T>(), |mut store: StoreContextMut<'_, CallState>, handle| {
        charge(&mut store, 0)?;
        store.data_mut().system.handles.0.delete(Resource::<T>::new_own(handle))?;
        Ok(())
    })
}
