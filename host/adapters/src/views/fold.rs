//! One batch of records folded into the views: rows are read once, changed in memory and written once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rosehip_core::{
    activity::Activity,
    event::{Erased, Event, ObjectRevised, Record},
    federation::Peer,
    ids::{ActivityId, ActorName, BoxName, DeliveryId, Digest},
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    ViewError, actors, audit, boxes, deliveries, effects,
    flow_rows::{self, FlowRows},
    follows, remarks,
    tallies::Happened,
};

struct ActivityRow {
    id: String,
    token: String,
    cid: String,
    matched_by: Option<u64>,
    owner: ActorName,
    r#box: BoxName,
    is_public: bool,
    /// The object of this host whose taking back hides it; none for a deletion, which says no more than that.
    about: Option<String>,
    /// The activity that began it all, where that is another one.
    root: Option<String>,
    /// Whose doing it is, where it arrived and tells how much of that actor's outbox is known.
    actor: Option<String>,
}

/// Where an actor was asked something, or answered, tells nothing of how much of its outbox is known.
fn tells_how_far(arrival: &Activity) -> bool {
    arrival.r#box == BoxName::Inbox
        && !matches!(arrival.kind.as_str(), "Follow" | "Accept" | "Reject" | "Undo" | "Block")
}

/// The rows that a batch changes.
pub(super) struct Batch<'a> {
    transaction: &'a Transaction<'a>,
    flows: FlowRows,
    activities: BTreeMap<u64, ActivityRow>,
    /// Flows that began, by module. A row a module, and not an index of all flows, answers whether one is named.
    modules: HashMap<Digest, u64>,
    /// Flows that began through other flows, and the activities that those made, by the activity that began it all.
    roots: HashMap<ActivityId, (u64, u64)>,
    minutes: effects::Minutes,
    boxes: boxes::Additions,
    peers: deliveries::PeerChanges,
    /// Objects about which the batch holds activities that everybody may see.
    shown: HashSet<String>,
    happened: Happened,
    /// Whether something was erased, whose bytes must leave the file as well.
    has_erased: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(transaction: &'a Transaction<'a>) -> Self {
        Self {
            transaction,
            flows: FlowRows::default(),
            activities: BTreeMap::new(),
            modules: HashMap::new(),
            roots: HashMap::new(),
            minutes: effects::Minutes::new(),
            boxes: boxes::Additions::new(),
            peers: deliveries::PeerChanges::default(),
            shown: HashSet::new(),
            happened: Happened::default(),
            has_erased: false,
        }
    }

    /// Takes in the next record.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all the entries of flows go the same way")]
    pub(super) fn apply(&mut self, record: &Record) -> Result<(), ViewError> {
        let Some(event) = record.event.as_deref() else { return Ok(()) };
        self.happened.record(record);
        audit::fold(self.transaction, record, event)?;
        match event {
            Event::ObjectRevised(revised) => self.object(record.seq, revised),
            Event::ActivityAppended(appended) => {
                let activity = &appended.activity;
                let row = ActivityRow {
                    id: activity.id.to_string(),
                    token: activity.id.token().to_owned(),
                    cid: activity.cid.to_string(),
                    matched_by: None,
                    owner: activity.owner.clone(),
                    r#box: activity.r#box,
                    is_public: activity.is_for_everybody(),
                    about: activity
                        .object
                        .as_ref()
                        .filter(|_| activity.kind.as_str() != "Delete")
                        .map(ToString::to_string),
                    root: (activity.depth > 0).then(|| activity.root.to_string()),
                    actor: activity.actor().filter(|_| tells_how_far(activity)).map(str::to_owned),
                };
                if let (true, Some(about)) = (row.is_public, &row.about) {
                    self.shown.insert(about.clone());
                }
                let (all, public) = self.boxes.entry((row.owner.clone(), row.r#box)).or_default();
                *all += 1;
                *public += u64::from(row.is_public);
                follows::change(self.transaction, record.seq, activity)?;
                remarks::change(self.transaction, record.seq, activity)?;
                deliveries::appended(self.transaction, record.seq, activity)?;
                if activity.r#box == BoxName::Inbox && activity.kind.as_str() == "Delete" {
                    actors::deleted(self.transaction, activity.owner.as_str(), activity.object_document())?;
                }
                self.activities.insert(record.seq, row);
                if activity.depth > 0 {
                    self.roots.entry(activity.root.clone()).or_default().1 += 1;
                }
                Ok(())
            }
            Event::ActivityMatched(matched) => {
                match self.activities.get_mut(&matched.seq) {
                    Some(row) => row.matched_by = Some(record.seq),
                    None => {
                        self.execute(
                            "UPDATE activities SET matched_by = ?1 WHERE seq = ?2",
                            (record.seq, matched.seq),
                        )?;
                    }
                }
                Ok(())
            }
            Event::FlowStarted(started) => {
                self.flows.begin(record, started);
                *self.modules.entry(started.digest).or_default() += 1;
                if started.depth > 0 {
                    self.roots.entry(started.root.clone()).or_default().0 += 1;
                }
                Ok(())
            }
            Event::BehaviorInstalled(_)
            | Event::BehaviorOffered(_)
            | Event::BehaviorRolledBack(_)
            | Event::BehaviorSwitched(_)
            | Event::BehaviorConfigured(_)
            | Event::BehaviorGranted(_)
            | Event::BehaviorRemoved(_) => self.execute("INSERT INTO behavior_entries VALUES (?1)", [record.seq]),
            // The slug stands in the revision as well.
            Event::SlugAssigned(_)
            | Event::HostStarted(_)
            | Event::HostStopped(_)
            | Event::ActivityConflicted(_)
            | Event::Audited(_) => Ok(()),
            Event::ActorCreated(created) => actors::local(self.transaction, record, &created.name),
            Event::ActorChanged(changed) => actors::local(self.transaction, record, &changed.name),
            Event::ActorKeyRotated(rotated) => actors::local(self.transaction, record, &rotated.name),
            Event::RemoteActorLearned(learned) => actors::remote(self.transaction, record, &learned.actor),
            Event::ObjectReceived(received) => actors::received(self.transaction, record.seq, received),
            Event::PeerBlocked(blocked) => follows::block(self.transaction, blocked),
            Event::DeliveryEnqueued(enqueued) => {
                deliveries::enqueued(self.transaction, &mut self.peers, record, enqueued)
            }
            Event::DeliveryDelivered(body) => self.delivery(record, event, body.delivery, &body.peer),
            Event::DeliveryFailed(body) => self.delivery(record, event, body.delivery, &body.peer),
            Event::DeliveryDeadLettered(body) => self.delivery(record, event, body.delivery, &body.peer),
            Event::DeliveryRedriven(body) => self.delivery(record, event, body.delivery, &body.peer),
            Event::Erased(erased) => self.erase(erased),
            of_flow => self.flow(record, of_flow),
        }
    }

    /// Writes what the batch changed. Returns whether something was erased, and what happened.
    pub(super) fn finish(mut self) -> Result<(bool, Happened), ViewError> {
        self.flush()?;
        Ok((self.has_erased, self.happened))
    }

    fn flush_activities(&mut self) -> Result<(), ViewError> {
        for (seq, row) in &std::mem::take(&mut self.activities) {
            self.execute(
                "INSERT INTO activities VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    seq,
                    row.id,
                    row.token,
                    row.cid,
                    row.matched_by,
                    row.owner.as_str(),
                    row.r#box.to_string(),
                    row.is_public,
                    row.about,
                    row.root,
                    row.actor
                ],
            )?;
        }
        boxes::add(self.transaction, &std::mem::take(&mut self.boxes))
    }

    fn flush(&mut self) -> Result<(), ViewError> {
        self.flush_activities()?;
        self.peers.write(self.transaction)?;
        for (digest, flows) in &std::mem::take(&mut self.modules) {
            self.execute(
                "INSERT INTO modules VALUES (?1, ?2) ON CONFLICT (digest) DO UPDATE SET flows = flows + excluded.flows",
                (digest.to_string(), flows),
            )?;
        }
        for (root, (flows, activities)) in &std::mem::take(&mut self.roots) {
            self.execute(
                "INSERT INTO roots VALUES (?1, ?2, ?3) ON CONFLICT (root) DO UPDATE
                 SET flows = flows + excluded.flows, activities = activities + excluded.activities",
                (root.as_str(), flows, activities),
            )?;
        }
        effects::write_minutes(self.transaction, &std::mem::take(&mut self.minutes))?;
        self.flows.write(self.transaction)
    }

    fn delivery(&mut self, record: &Record, event: &Event, id: DeliveryId, peer: &Peer) -> Result<(), ViewError> {
        deliveries::changed(self.transaction, &mut self.peers, record, event, (id, peer))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "two of the entries of flows say something of effects")]
    fn flow(&mut self, record: &Record, event: &Event) -> Result<(), ViewError> {
        let Some(id) = event.flow() else { return Ok(()) };
        match event {
            Event::NodeDone(done) => {
                for effect in &done.effects {
                    self.happened.effect(effect.kind.clone(), effect.status);
                }
                effects::record(self.transaction, id, done)?;
            }
            Event::EffectChanged(change) => {
                if let Some(kind) = effects::kind_of(self.transaction, change)? {
                    self.happened.effect(kind, change.to);
                }
                effects::change(self.transaction, record.seq, change)?;
            }
            _ => {}
        }
        let Some(row) = self.flows.get(self.transaction, id)? else { return Ok(()) };
        if let Event::NodeDone(done) = event {
            effects::count(&mut self.minutes, row.behavior(), &done.effects, record.time);
        }
        row.apply(record, event);
        Ok(())
    }

    /// Takes out what was made from entries that are erased, so that views which see them with their bodies end as
    /// those do that never saw them.
    fn erase(&mut self, erased: &Erased) -> Result<(), ViewError> {
        self.flush()?;
        self.has_erased = true;
        for (first, last) in erased.all().ranges() {
            self.execute(
                "UPDATE roots SET
                 flows = flows - (SELECT count(*) FROM flows f WHERE f.seq BETWEEN ?1 AND ?2 AND f.root = roots.root),
                 activities = activities -
                     (SELECT count(*) FROM activities a WHERE a.seq BETWEEN ?1 AND ?2 AND a.root = roots.root)
                 WHERE root IN (SELECT root FROM flows WHERE seq BETWEEN ?1 AND ?2 AND root IS NOT NULL
                                UNION SELECT root FROM activities WHERE seq BETWEEN ?1 AND ?2 AND root IS NOT NULL)",
                (first, last),
            )?;
            for digest in flow_rows::erase(self.transaction, *first, *last)? {
                self.execute("UPDATE modules SET flows = flows - 1 WHERE digest = ?1", [digest.to_string()])?;
            }
            boxes::subtract(self.transaction, *first, *last)?;
            deliveries::erase(self.transaction, *first, *last)?;
            audit::erase(self.transaction, *first, *last)?;
            remarks::erase(self.transaction, *first, *last)?;
            self.execute("DELETE FROM received WHERE seq BETWEEN ?1 AND ?2", (first, last))?;
            self.execute("DELETE FROM blocks WHERE seq BETWEEN ?1 AND ?2", (first, last))?;
            self.execute("DELETE FROM follows WHERE seq BETWEEN ?1 AND ?2", (first, last))?;
            self.execute("DELETE FROM activities WHERE seq BETWEEN ?1 AND ?2", (first, last))?;
        }
        self.execute("DELETE FROM boxes WHERE count = 0", [])?;
        self.execute("DELETE FROM modules WHERE flows = 0", [])?;
        self.execute("DELETE FROM roots WHERE flows = 0 AND activities = 0", [])?;
        // An effect's error may quote a stranger. Once an erasure, this reads all that were ever stuck.
        self.execute("DELETE FROM effects WHERE NOT EXISTS (SELECT 1 FROM flows WHERE flows.id = effects.flow)", [])?;
        for key in erased.objects.iter().map(ToString::to_string) {
            self.execute("DELETE FROM objects WHERE key = ?1", [&key])?;
            self.execute("DELETE FROM slugs WHERE key = ?1", [&key])?;
            self.execute("DELETE FROM tags WHERE key = ?1", [&key])?;
        }
        Ok(())
    }

    fn object(&mut self, seq: u64, revised: &ObjectRevised) -> Result<(), ViewError> {
        let object = &revised.object;
        let key = object.key.to_string();
        let is_article = object.key.kind.as_str() == "Article";
        let is_published = is_article && object.status() == Some("published");
        let is_draft = is_article && object.exists() && !is_published;
        let begins_publication = object.published_at == Some(object.updated_at);
        let published_seq: Option<u64> = self
            .transaction
            .prepare_cached("SELECT published_seq FROM objects WHERE key = ?1")?
            .query_row([&key], |row| row.get(0))
            .optional()?;
        let published_seq = if begins_publication { seq } else { published_seq.unwrap_or(0) };
        self.execute(
            "INSERT OR REPLACE INTO objects VALUES (?1, ?2, ?3, ?4, ?5)",
            (&key, seq, is_published, is_draft, published_seq),
        )?;
        if is_article {
            self.slugs(&key, object.slug(), object.exists())?;
            self.execute("DELETE FROM tags WHERE key = ?1", [&key])?;
            for tag in if is_published { object.tags() } else { BTreeSet::new() } {
                self.execute("INSERT INTO tags VALUES (?1, ?2, ?3)", (tag, published_seq, &key))?;
            }
        }
        if object.revision > 1 && !object.is_for_everybody() {
            // What the batch holds about it has to be in the table to be taken back.
            if self.shown.remove(&key) {
                self.flush_activities()?;
            }
            boxes::take_back(self.transaction, &key)?;
        }
        Ok(())
    }

    /// An article keeps its former slugs, which lead to it, until it is deleted.
    fn slugs(&mut self, key: &str, slug: Option<&str>, exists: bool) -> Result<(), ViewError> {
        if !exists {
            return self.execute("DELETE FROM slugs WHERE key = ?1", [key]);
        }
        let Some(slug) = slug else { return Ok(()) };
        self.execute("UPDATE slugs SET is_current = 0 WHERE key = ?1 AND slug <> ?2 AND is_current = 1", (key, slug))?;
        self.execute("INSERT OR REPLACE INTO slugs VALUES (?1, ?2, 1)", (slug, key))
    }

    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<(), ViewError> {
        self.transaction.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }
}
