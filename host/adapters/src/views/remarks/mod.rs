//! What the views know of remarks: what is said about something or to somebody.
//!
//! An activity is a row that never changes but for what follows from other rows: what ends a remark and what changes it are
//! rows as well. So whatever order they come in, and whichever of them are erased, the same rows say the same.

mod queries;

use std::collections::BTreeSet;

use rosehip_core::{
    activity::Activity,
    federation::ActorUrl,
    remark::{Remark, RemarkKind, remark},
};
use rusqlite::{OptionalExtension, Transaction, params};

pub use queries::{RemarkCursor, RemarkPage, RemarkPlace};

use super::ViewError;

/// Kinds that are shown; the others say something of these.
const SHOWN: &str = "('reply', 'post', 'like', 'share', 'follow', 'move')";

/// Takes in an activity of a box, as far as it is a remark.
pub(super) fn change(transaction: &Transaction<'_>, seq: u64, activity: &Activity) -> Result<(), ViewError> {
    let Some(remark) = remark(activity) else { return Ok(()) };
    insert(transaction, seq, activity, &remark)?;
    if remark.kind == RemarkKind::End && remark.id == remark.actor {
        let sql = format!(
            "UPDATE remarks SET is_gone = 1, stands = 0, is_shown = 0
             WHERE actor = ?1 AND is_gone = 0 AND kind IN {SHOWN}"
        );
        transaction.prepare_cached(&sql)?.execute([&remark.actor])?;
        return Ok(());
    }
    settle(transaction, &remark.actor, &remark.id, Order::Arriving)
}

fn insert(transaction: &Transaction<'_>, seq: u64, activity: &Activity, remark: &Remark) -> Result<(), ViewError> {
    let peer = remark.actor.parse::<ActorUrl>().map(|actor| actor.host().to_string()).unwrap_or_default();
    transaction
        .prepare_cached("INSERT INTO remarks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?1, 0, 0, 0)")?
        .execute(params![
            seq,
            activity.owner.as_str(),
            remark.kind.as_str(),
            remark.actor,
            peer,
            remark.id,
            remark.target,
            remark.is_open,
            remark.is_news,
            remark.is_notice,
        ])?;
    Ok(())
}

/// Whether rows come as the log grows, so that a new one is the last of all, or go because they are erased.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Arriving,
    Erasing,
}

/// Says of what somebody said under an id what follows from the other rows: what it says now, whether it is gone, whether it
/// stands for everybody to see, and which row shows it where it came to several inboxes.
fn settle(transaction: &Transaction<'_>, actor: &str, id: &str, order: Order) -> Result<(), ViewError> {
    let sql = format!("SELECT DISTINCT kind, target FROM remarks WHERE actor = ?1 AND id = ?2 AND kind IN {SHOWN}");
    let mut statement = transaction.prepare_cached(&sql)?;
    let found = statement.query_map((actor, id), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, Option<String>)> = found.collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Ok(());
    }
    transaction
        .prepare_cached(&format!(
            "UPDATE remarks SET
             said = coalesce((SELECT max(u.seq) FROM remarks u WHERE u.actor = ?1 AND u.id = ?2 AND u.kind = 'update'), seq),
             is_gone = EXISTS (SELECT 1 FROM remarks e WHERE e.actor = ?1 AND e.id = ?2 AND e.kind = 'end')
                 OR EXISTS (SELECT 1 FROM remarks e WHERE e.actor = ?1 AND e.id = ?1 AND e.kind = 'end'),
             is_shown = 0
             WHERE actor = ?1 AND id = ?2 AND kind IN {SHOWN}"
        ))?
        .execute((actor, id))?;
    transaction
        .prepare_cached(&format!(
            "UPDATE remarks SET
             stands = is_gone = 0 AND (SELECT o.is_open FROM remarks o WHERE o.seq = remarks.said)
             WHERE actor = ?1 AND id = ?2 AND kind IN {SHOWN}"
        ))?
        .execute((actor, id))?;
    for (kind, target) in found {
        let Some(target) = target else { continue };
        if kind == RemarkKind::Reply.as_str() {
            show_reply(transaction, actor, id)?;
        } else {
            show_first(transaction, actor, &target, &kind, order)?;
        }
    }
    Ok(())
}

/// A reply is shown once, however many inboxes it came to.
fn show_reply(transaction: &Transaction<'_>, actor: &str, id: &str) -> Result<(), ViewError> {
    transaction
        .prepare_cached(
            "UPDATE remarks SET is_shown = seq = (SELECT min(r.seq) FROM remarks r
                 WHERE r.actor = ?1 AND r.id = ?2 AND r.kind = 'reply' AND r.stands = 1)
             WHERE actor = ?1 AND id = ?2 AND kind = 'reply' AND stands = 1",
        )?
        .execute((actor, id))?;
    Ok(())
}

/// Whoever likes a thing often likes it once, and so for passing it on.
fn show_first(
    transaction: &Transaction<'_>,
    actor: &str,
    target: &str,
    kind: &str,
    order: Order,
) -> Result<(), ViewError> {
    let group = "actor = ?1 AND target = ?2 AND kind = ?3 AND stands = 1";
    if order == Order::Erasing {
        // What stands again may have come before what has been shown until now.
        transaction
            .prepare_cached(&format!("UPDATE remarks SET is_shown = 0 WHERE {group} AND is_shown = 1"))?
            .execute((actor, target, kind))?;
    }
    transaction
        .prepare_cached(&format!(
            "UPDATE remarks SET is_shown = 1 WHERE seq = (SELECT min(seq) FROM remarks WHERE {group})"
        ))?
        .execute((actor, target, kind))?;
    Ok(())
}

/// Takes out the remarks of entries that are erased.
pub(super) fn erase(transaction: &Transaction<'_>, first: u64, last: u64) -> Result<(), ViewError> {
    let erased: BTreeSet<(String, String)> = {
        let mut statement =
            transaction.prepare_cached("SELECT DISTINCT actor, id FROM remarks WHERE seq BETWEEN ?1 AND ?2")?;
        let rows = statement.query_map((first, last), |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    let groups: BTreeSet<(String, String, String)> = {
        let mut statement = transaction.prepare_cached(
            "SELECT DISTINCT actor, target, kind FROM remarks
             WHERE seq BETWEEN ?1 AND ?2 AND target IS NOT NULL AND kind IN ('like', 'share')",
        )?;
        let rows = statement.query_map((first, last), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        rows.collect::<Result<_, _>>()?
    };
    transaction.prepare_cached("DELETE FROM remarks WHERE seq BETWEEN ?1 AND ?2")?.execute((first, last))?;
    for (actor, id) in &erased {
        if actor != id {
            settle(transaction, actor, id, Order::Erasing)?;
        } else if !is_gone(transaction, actor)? {
            // The end of the actor was erased: whatever they said is as if they were there.
            let ids: Vec<String> = {
                let mut statement = transaction.prepare_cached("SELECT DISTINCT id FROM remarks WHERE actor = ?1")?;
                let rows = statement.query_map([actor], |row| row.get(0))?;
                rows.collect::<Result<_, _>>()?
            };
            for id in ids {
                settle(transaction, actor, &id, Order::Erasing)?;
            }
        }
    }
    // Where the one that was shown is gone, another one of the same actor is.
    for (actor, target, kind) in &groups {
        show_first(transaction, actor, target, kind, Order::Erasing)?;
    }
    Ok(())
}

fn is_gone(transaction: &Transaction<'_>, actor: &str) -> Result<bool, ViewError> {
    let sql = "SELECT 1 FROM remarks WHERE actor = ?1 AND id = ?1 AND kind = 'end' LIMIT 1";
    Ok(transaction.prepare_cached(sql)?.query_row([actor], |_| Ok(())).optional()?.is_some())
}

#[cfg(test)]
mod tests;
