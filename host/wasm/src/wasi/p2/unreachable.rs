//! Files and sockets: there are none, so that all there is to say is that.

use wasmtime::{
    StoreContextMut,
    component::{LinkerInstance, Resource, ResourceType, Val},
};

use super::handles::{Network, resource};
use crate::{budget::charge, call::CallState, failure::breach};

type Interface<'a> = LinkerInstance<'a, CallState>;

/// An error of a stream, of which there is none.
pub(super) struct IoError;

/// Resources that nothing hands out.
struct Descriptor;
struct DirectoryEntryStream;
struct TcpSocket;
struct UdpSocket;
struct IncomingDatagramStream;
struct OutgoingDatagramStream;
struct ResolveAddressStream;

const DESCRIPTOR: [&str; 27] = [
    "read-via-stream",
    "write-via-stream",
    "append-via-stream",
    "advise",
    "sync-data",
    "get-flags",
    "get-type",
    "set-size",
    "set-times",
    "read",
    "write",
    "read-directory",
    "sync",
    "create-directory-at",
    "stat",
    "stat-at",
    "set-times-at",
    "link-at",
    "open-at",
    "readlink-at",
    "remove-directory-at",
    "rename-at",
    "symlink-at",
    "unlink-file-at",
    "is-same-object",
    "metadata-hash",
    "metadata-hash-at",
];

const TCP_SOCKET: [&str; 28] = [
    "start-bind",
    "finish-bind",
    "start-connect",
    "finish-connect",
    "start-listen",
    "finish-listen",
    "accept",
    "local-address",
    "remote-address",
    "is-listening",
    "address-family",
    "set-listen-backlog-size",
    "keep-alive-enabled",
    "set-keep-alive-enabled",
    "keep-alive-idle-time",
    "set-keep-alive-idle-time",
    "keep-alive-interval",
    "set-keep-alive-interval",
    "keep-alive-count",
    "set-keep-alive-count",
    "hop-limit",
    "set-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
    "shutdown",
];

const UDP_SOCKET: [&str; 13] = [
    "start-bind",
    "finish-bind",
    "stream",
    "local-address",
    "remote-address",
    "address-family",
    "unicast-hop-limit",
    "set-unicast-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
];

pub(super) fn preopens(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("get-directories", |mut store: StoreContextMut<'_, CallState>, (): ()| {
        charge(&mut store, 0)?;
        Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
    })
}

pub(super) fn files(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    nowhere::<Descriptor>(interface, "descriptor", &DESCRIPTOR)?;
    nowhere::<DirectoryEntryStream>(interface, "directory-entry-stream", &["read-directory-entry"])?;
    never_called(interface, "filesystem-error-code")
}

pub(super) fn error(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    nowhere::<IoError>(interface, "error", &["to-debug-string"])
}

pub(super) fn network(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    resource::<Network>(interface, "network")?;
    never_called(interface, "network-error-code")
}

pub(super) fn instance_network(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    interface.func_wrap("instance-network", |mut store: StoreContextMut<'_, CallState>, (): ()| {
        charge(&mut store, 0)?;
        Ok((store.data_mut().system.handles.push(Network)?,))
    })
}

pub(super) fn ip_name_lookup(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    nowhere::<ResolveAddressStream>(interface, "resolve-address-stream", &["resolve-next-address", "subscribe"])?;
    access_denied(interface, "resolve-addresses")
}

pub(super) fn tcp(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    nowhere::<TcpSocket>(interface, "tcp-socket", &TCP_SOCKET)
}

pub(super) fn tcp_create_socket(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    access_denied(interface, "create-tcp-socket")
}

pub(super) fn udp(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    nowhere::<UdpSocket>(interface, "udp-socket", &UDP_SOCKET)?;
    nowhere::<IncomingDatagramStream>(interface, "incoming-datagram-stream", &["receive", "subscribe"])?;
    nowhere::<OutgoingDatagramStream>(interface, "outgoing-datagram-stream", &["check-send", "send", "subscribe"])
}

pub(super) fn udp_create_socket(interface: &mut Interface<'_>) -> wasmtime::Result<()> {
    access_denied(interface, "create-udp-socket")
}

/// Defines a resource that nothing hands out, with its methods.
fn nowhere<T: Send + 'static>(interface: &mut Interface<'_>, name: &str, methods: &[&str]) -> wasmtime::Result<()> {
    interface.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))?;
    methods.iter().try_for_each(|method| never_called(interface, &format!("[method]{name}.{method}")))
}

/// Defines a function whose parameters nobody can have, whatever its type.
fn never_called(interface: &mut Interface<'_>, name: &str) -> wasmtime::Result<()> {
    let function = name.to_owned();
    interface.func_new(name, move |_, _, _, _| {
        Err(breach("abi", format!("the guest called {function} with a handle that nothing gave it")))
    })
}

/// Defines a function that returns a result, which is always the error `access-denied`.
fn access_denied(interface: &mut Interface<'_>, name: &str) -> wasmtime::Result<()> {
    interface.func_new(name, |mut store, _, params, results| {
        charge(&mut store, 0)?;
        // A handle that is lent to a function without static types is given back by it.
        for param in params {
            if let Val::Resource(lent) = param {
                lent.resource_drop(&mut store)?;
            }
        }
        // The guest says how many results there are.
        let [result] = results else { return Err(breach("abi", "a function of wasi:sockets has one result")) };
        *result = Val::Result(Err(Some(Box::new(Val::Enum("access-denied".to_owned())))));
        Ok(())
    })
}
