//! The data directory: whose it is, who else may look into it, and whether what has to be there is.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use rosehip_adapters::{data_dir::log_path, keys};
use rustix::fs::{Access, access};

use super::finding::{Findings, Level};
use crate::{config::Examined, socket::SocketPath};

/// Looks at the directory. Returns whether there is one that a host has begun.
pub(super) fn look(data: &Path, examined: &Examined, findings: &mut Findings) -> bool {
    let shown = data.display();
    let found = match fs::metadata(data) {
        Ok(found) if found.is_dir() => found,
        Ok(_) => {
            let fix = "name another place with --data or ROSEHIP_DATA";
            findings.add("directory", Level::Failed, format!("{shown} is no directory"), fix);
            return false;
        }
        Err(error) => {
            let fix = format!(
                "`rosehip --data {shown} user add NAME --role operator` begins one; --data or ROSEHIP_DATA names another"
            );
            findings.add("directory", Level::Failed, format!("{shown}: {error}"), fix);
            return false;
        }
    };
    if !log_path(data).exists() {
        let fix = format!("`rosehip --data {shown} user add NAME --role operator` begins one there");
        findings.add("directory", Level::Failed, format!("{shown} holds no log.db: no host has begun there"), fix);
        return false;
    }
    owner(data, &found, findings);
    permissions(data, &found, findings);
    look_at_keys(data, findings);
    configuration_file(examined, findings);
    true
}

fn owner(data: &Path, found: &Metadata, findings: &mut Findings) {
    let shown = data.display();
    let we = rustix::process::geteuid();
    if !we.is_root() && found.uid() != we.as_raw() {
        let fix = format!("run as that user, or `chown -R {} {shown}`", we.as_raw());
        let found = format!("{shown} is of user {}, and you are user {}", found.uid(), we.as_raw());
        return findings.add("directory", Level::Failed, found, fix);
    }
    if we.is_root() && found.uid() != 0 {
        let fix = format!("`sudo -u '#{}' rosehip …`: files that root makes there are lost to the host", found.uid());
        let found = format!("{shown} is of user {}, and you are root", found.uid());
        return findings.add("directory", Level::Warning, found, fix);
    }
    if access(data, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let fix = format!("`chmod u+rwx {shown}`, or mount its file system for writing");
        return findings.add("directory", Level::Failed, format!("{shown} cannot be written"), fix);
    }
    findings.well("directory", format!("{shown} is there and can be written"));
}

/// Nobody but the owner may look at what holds secrets. The directory keeps others from everything in it.
fn permissions(data: &Path, found: &Metadata, findings: &mut Findings) {
    let mut open = Vec::new();
    if is_open(found) {
        open.push((data.to_owned(), found.mode(), "700"));
    }
    let keys = data.join("keys");
    let secrets = fs::read_dir(&keys).into_iter().flatten().filter_map(|file| Some(file.ok()?.path()));
    let socket = SocketPath::of(data).path().to_owned();
    for path in secrets.chain([socket]) {
        if let Some(found) = fs::metadata(&path).ok().filter(is_open) {
            open.push((path, found.mode(), "600"));
        }
    }
    if let Some(found) = fs::metadata(&keys).ok().filter(is_open) {
        open.push((keys, found.mode(), "700"));
    }
    if open.is_empty() {
        return findings.well("permissions", "nobody else may look at keys, accounts or the socket");
    }
    for (path, mode, wanted) in open {
        let found = format!("{} has mode {:03o}: others may look at it", path.display(), mode & 0o777);
        findings.add("permissions", Level::Failed, found, format!("chmod {wanted} {}", path.display()));
    }
}

fn is_open(found: &Metadata) -> bool {
    found.mode() & 0o077 != 0
}

fn look_at_keys(data: &Path, findings: &mut Findings) {
    let found = keys::examine(data);
    if found.unreadable.is_empty() && found.has_host {
        return findings.well("keys", format!("{} are there and can be read", found.readable));
    }
    for error in found.unreadable {
        findings.add("keys", Level::Failed, error.to_string(), "put that file back from a backup's keys/");
    }
    if !found.has_host {
        let message = "keys/host.key is not there, which signs the log's head";
        let fix = "put it back from a backup's keys/; a host that has lost it cannot tell whether its log was cut";
        findings.add("keys", Level::Failed, message, fix);
    }
}

/// Others may read what is in the file of the configuration, unless it holds secrets.
fn configuration_file(examined: &Examined, findings: &mut Findings) {
    let config = &examined.config;
    let has_secrets = config.email.as_ref().is_some_and(|email| email.password.is_some())
        || !config.webhook.secrets.is_empty()
        || config.channels.values().any(|channel| matches!(channel, crate::config::ChannelConfig::Webhook { .. }));
    let Some(path) = examined.file.as_ref().filter(|_| has_secrets) else { return };
    if fs::metadata(path).is_ok_and(|found| is_open(&found)) {
        let found = format!("{} holds secrets, and others may look at it", path.display());
        findings.add("permissions", Level::Warning, found, format!("chmod 600 {}", path.display()));
    }
}
