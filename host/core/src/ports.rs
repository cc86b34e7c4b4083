//! What the core needs of the world, each port documented by what survives a crash.

use std::{collections::HashSet, pin::Pin, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    activity::Activity,
    behavior::{ManifestError, RunnerKind},
    effect::Effect,
    event::{Current, Event, Record},
    guest::{GuestReport, Surroundings},
    ids::{ActivityId, ActorName, BehaviorName, DedupKey, EffectId, FlowId, ObjectKey},
    log::{Append, Frame, Head, StoredEntry, Stream},
    pipeline::{dispatch::AttemptEnd, matching::Matched, walk::Attempt},
    time::Timestamp,
    trace::TraceContext,
};

/// How a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Someone else appended: the log's head is not the one the frame was chained to. Nothing was written.
    #[error("the log's head is entry {found}, not entry {expected}: a second writer is at work")]
    Conflict {
        /// The head the frame follows.
        expected: u64,
        /// The head that was found.
        found: u64,
    },
    /// The disk is full. Nothing was written; reads go on.
    #[error("the disk is full")]
    Full,
    /// It is not known whether the frame was written; read the head again.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(String),
    /// An fsync failed. What the operating system holds of the log can no longer be trusted: the process must end
    /// and read it anew.
    #[error("the disk did not confirm the commit: {0}")]
    SyncFailed(String),
    /// Stored bytes are not what was written, or cannot be read.
    #[error("the log cannot be read: {0}")]
    Unreadable(String),
}

/// The durable log. A frame is committed whole or not at all; once `append` returned `Ok` it survives `kill -9`
/// and power loss.
pub trait LogStore: Send {
    /// Commits a frame that follows the current head.
    fn append(&mut self, frame: &Frame) -> Result<(), StoreError>;

    /// The log's end.
    fn head(&self) -> Result<Head, StoreError>;

    /// Removes salt and body of entries; an `erased` entry that names them must already be committed.
    fn erase(&mut self, seqs: &[u64]) -> Result<(), StoreError>;

    /// Gives back room that erasing left. Whatever happens meanwhile, the entries stay as they are.
    fn compact(&mut self, how: Compaction) -> Result<Compacted, StoreError>;
}

/// How room is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compaction {
    /// At most so many free bytes leave the file, which takes a moment.
    Some(u64),
    /// Everything is written anew, so that no copy of what was erased stays anywhere in the store. It takes as long as
    /// copying the log, and as much room again meanwhile.
    Rewrite,
}

/// What compacting left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compacted {
    /// Bytes that the store takes.
    pub bytes: u64,
    /// Bytes of it that hold nothing.
    pub free: u64,
    /// Whether a reader still holds what the store was before: erased bodies are in its files until it lets go and the
    /// store is compacted again.
    pub is_held: bool,
}

/// Reading a log while its writer goes on. Readers see committed frames only.
pub trait LogReader: Send {
    /// At most `limit` entries from `seq` on, in order.
    fn read(&self, from: u64, limit: usize) -> Result<Vec<StoredEntry>, StoreError>;

    /// All entries of a stream after `seq`, in order.
    fn stream(&self, stream: &Stream, after: u64) -> Result<Vec<StoredEntry>, StoreError>;

    /// The `seq` of a stream's last entry.
    fn stream_head(&self, stream: &Stream) -> Result<Option<u64>, StoreError>;

    /// The `seq` of the entry recorded under a key.
    fn recorded(&self, key: &DedupKey) -> Result<Option<u64>, StoreError>;
}

/// Says what an activity sets off. It is a fold of entries about behaviors, and keeps nothing else.
pub trait Triggers {
    /// Takes in an entry. One that is not about behaviors changes nothing.
    fn take_in(&mut self, record: &Record) -> Result<(), ManifestError>;

    /// Holds the activity at entry `seq` against every trigger as it stood there, whatever was taken in since: the flows
    /// that it starts, at most one a behavior, and of each other behavior why it does not. The same again gives the same.
    fn consider(&self, seq: u64, activity: &Activity, current: Option<&Current>) -> Matched;
}

/// A guest call that a flow is ready for.
#[derive(Debug, Clone)]
pub struct ReadyCall {
    /// Which call it is.
    pub attempt: Attempt,
    /// The Call document.
    pub call: String,
    /// What the guest finds around it.
    pub surroundings: Surroundings,
}

/// Makes a call; may be called from several threads at a time.
pub type MakeCall<'a> = dyn Fn(&ReadyCall) -> GuestReport + Sync + 'a;

/// Makes the calls that a flow is ready for. What a DAG means is decided by [`crate::flow::next`]; a runner decides how
/// many calls are under way at a time. It keeps nothing: a call whose report was not recorded before a crash is made
/// again.
pub trait Runner: Send + Sync {
    /// Its name, and what it is capable of.
    fn kind(&self) -> &RunnerKind;

    /// Makes the first of `calls`, and more of them while `goes_on`. The reports are those of the calls that were made,
    /// in their order and without a gap.
    fn run(&self, calls: &[ReadyCall], make: &MakeCall<'_>, goes_on: &(dyn Fn() -> bool + Sync)) -> Vec<GuestReport>;
}

/// An effect that is to leave, and what it must not overtake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// `seq` of the entry that recorded it, and its place in there.
    pub place: (u64, u32),
    /// The flow that recorded it.
    pub flow: FlowId,
    /// The effect.
    pub effect: EffectId,
    /// Where it goes, as [`crate::effect::destination`] says.
    pub destination: Arc<str>,
    /// What it is about: the flow's object, or the flow itself.
    pub about: Arc<str>,
}

/// What becomes of an effect whose attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// No further attempt is due. What comes after it may leave.
    Ended,
    /// Another attempt is due, once it is offered again. What comes after it waits.
    Again,
    /// The same, and its destination asks to be left alone until this moment.
    Pause(Timestamp),
}

/// Says which effects leave when: effects about the same thing reach a destination in the order in which they were
/// recorded, a destination has a bounded number of attempts under way and is begun at a bounded rate, and no
/// destination waits for another. It keeps nothing that survives a crash: what is open is offered again.
pub trait Driver: Send + Sync {
    /// An effect was recorded, and will be offered. Nothing that comes after it overtakes it.
    fn expect(&self, ticket: Ticket);

    /// An effect may be attempted, now or once it is offered as due. One that is under way is not taken twice: what is
    /// offered as due meanwhile may be attempted again once it is released.
    fn offer(&self, ticket: Ticket, is_due: bool);

    /// The effects whose attempts begin now, and in how many milliseconds to ask again if there are more that only
    /// their destination's rate or a pause holds up.
    fn take(&self, now: Timestamp) -> (Vec<Ticket>, Option<u64>);

    /// The attempt of an effect that was taken has ended.
    fn release(&self, effect: EffectId, next: Next);

    /// Forgets the effects of a flow that are not among `open` any more, and says which; one that is under way stays until
    /// it is released.
    fn retain(&self, flow: FlowId, open: &HashSet<EffectId>) -> Vec<EffectId>;
}

/// An effect on its way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// The flow that recorded it.
    pub flow: FlowId,
    /// The behavior of that flow.
    pub behavior: BehaviorName,
    /// The actor it runs as.
    pub owner: ActorName,
    /// The object that flow is about.
    pub object: Option<ObjectKey>,
    /// The activity that started it.
    pub activity: ActivityId,
    /// How many flows led to it.
    pub depth: u32,
    /// The activity that began it all.
    pub root: ActivityId,
    /// Where the attempt to carry it out stands in a trace, if its flow is part of one.
    pub trace: Option<TraceContext>,
    /// The effect; its id is what a receiver drops duplicates by.
    pub effect: Effect,
}

/// What carrying out an effect changes in this host's own log.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// These entries, resting on these heads, and what is said of it.
    Append(Append, Value),
    /// Nothing: it is as the effect wants it. This is said of it.
    Nothing(Value),
    /// It must not be, by this rule.
    Denied(String),
    /// It cannot be, and never will.
    Refused(String),
}

/// Carries out one kind of effect by changing this host's own log. The change, its activity and the receipt are one
/// append: it has happened with its receipt or not at all. Where the append loses against another one it is decided
/// again.
pub trait LocalSink: Send + Sync {
    /// The kind of effect it carries out.
    fn kind(&self) -> &'static str;

    /// Decides what an effect changes at `now`.
    fn decide(&self, outgoing: &Outgoing, now: Timestamp) -> Result<Change, StoreError>;
}

/// Signs what actors of this host say, each with its own key. A key that is replaced stays readable by others, so what it
/// signed stays verifiable.
pub trait Signatures: Send + Sync {
    /// Adds the actor's proof (FEP-8b32) to a document, made at `now`.
    fn sign(&self, actor: &ActorName, document: &mut Map<String, Value>, now: Timestamp);
}

/// Leaves documents without a proof, for what stays where it is.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned;

impl Signatures for Unsigned {
    fn sign(&self, _: &ActorName, _: &mut Map<String, Value>, _: Timestamp) {}
}

/// Carries activities to boxes. What it does is told as entries that its caller appends with the rest of a change: a
/// box that is at hand gets the activity, for one that is not its delivery is recorded and goes on from there.
pub trait Transport: Send + Sync {
    /// Its name in receipts.
    fn name(&self) -> &'static str;

    /// Whether it brings activities to this recipient, an actor's or a collection's URL.
    fn reaches(&self, recipient: &str) -> bool;

    /// The entries that bring an activity into its owner's outbox and to those of the recipients that it reaches, each
    /// at most once. The first is the owner's.
    fn carry(&self, activity: &Arc<Activity>, recipients: &[String]) -> Result<Vec<Event>, StoreError>;
}

/// Carries out one kind of effect. An attempt is durable before it is called, and it may be called again with the
/// same effect ids after a crash, so what it sends carries them.
pub trait Sink: Send + Sync {
    /// The kind of effect it carries out.
    fn kind(&self) -> &'static str;

    /// Carries out effects of one batch, or a single one, together: the end is the same for all of them.
    fn send<'a>(&'a self, batch: &'a [Outgoing]) -> Pin<Box<dyn Future<Output = AttemptEnd> + Send + 'a>>;
}
