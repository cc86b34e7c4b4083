//! Every limit of the host, with its unit, in one place. DESIGN calls them defaults; what an operator may change
//! is read from the configuration and falls back to these.

/// Largest component module accepted, in bytes.
pub const COMPONENT_BYTES: usize = 32 << 20;
/// Functions of a component, in all its core modules together.
pub const COMPONENT_FUNCTIONS: u64 = 60_000;
/// Body of one function, in bytes.
pub const COMPONENT_FUNCTION_BODY_BYTES: usize = 1 << 20;
/// Targets of one `br_table`.
pub const COMPONENT_BR_TABLE_TARGETS: u32 = 16 << 10;
/// Core modules and components inside a component, at any depth.
pub const COMPONENT_NESTED: u64 = 128;
/// Imports of a component's core modules.
pub const COMPONENT_CORE_IMPORTS: u64 = 8_000;
/// Exports of a component and of what is inside it.
pub const COMPONENT_EXPORTS: u64 = 16_000;
/// Types of a component and of what is inside it.
pub const COMPONENT_TYPES: u64 = 8_000;
/// Data segments of a component's core modules.
pub const COMPONENT_DATA_SEGMENTS: u64 = 100_000;
/// Largest core module accepted, in bytes.
pub const CORE_MODULE_BYTES: usize = 16 << 20;
/// Functions of a core module.
pub const CORE_MODULE_FUNCTIONS: u64 = 20_000;
/// Body of one function of a core module, in bytes.
pub const CORE_MODULE_FUNCTION_BODY_BYTES: usize = 256 << 10;
/// Imports of a core module.
pub const CORE_MODULE_IMPORTS: u64 = 64;
/// Data segments of a core module.
pub const CORE_MODULE_DATA_SEGMENTS: u64 = 100_000;
/// Processor time of the compile child, whatever the module's size, in seconds.
pub const COMPILE_CPU_SECONDS: u64 = 10;
/// Processor time of the compile child added for each MiB of wasm begun, in seconds.
pub const COMPILE_CPU_SECONDS_PER_MIB: u64 = 4;
/// Wall time of the compile child, as a multiple of its processor time.
pub const COMPILE_WALL_FACTOR: u64 = 3;
/// Address space of the compile child, in bytes.
pub const COMPILE_ADDRESS_SPACE_BYTES: u64 = 1 << 30;
/// Largest artifact that compiling may give, in bytes.
pub const COMPILE_ARTIFACT_BYTES: usize = 128 << 20;
/// Artifacts kept on disk, in bytes; the least recently used leaves first.
pub const COMPILED_CACHE_BYTES: u64 = 4 << 30;
/// Guest memory where the operator grants no more, all linear memories of an instance together, in bytes.
pub const GUEST_MEMORY_BYTES: usize = 64 << 20;
/// Guest memory that an operator may grant at most, in bytes.
pub const GUEST_MEMORY_GRANTED_BYTES: usize = 256 << 20;
/// Linear memories of an instance.
pub const GUEST_MEMORIES: u32 = 4;
/// Tables of an instance.
pub const GUEST_TABLES: u32 = 4;
/// Elements of a table.
pub const GUEST_TABLE_ELEMENTS: usize = 32 << 10;
/// Core instances of a component.
pub const GUEST_CORE_INSTANCES: u32 = 128;
/// Wasm stack of a call, in bytes.
pub const GUEST_STACK_BYTES: usize = 1 << 20;
/// Stack of a thread that calls guests, in bytes.
pub const GUEST_THREAD_STACK_BYTES: usize = 4 << 20;
/// The epoch fuse: wall time after which a call is interrupted, in milliseconds.
pub const GUEST_EPOCH_FUSE_MS: u64 = 2_000;
/// Processor time after which a call counts as long and stands back behind shorter ones, in milliseconds; the epoch fuse
/// is exact to as much.
pub const GUEST_LONG_CALL_MS: u64 = 2;
/// Fuel of a call, before its input is counted.
pub const GUEST_FUEL_BASE: u64 = 100_000_000;
/// Fuel added for each byte of input.
pub const GUEST_FUEL_PER_INPUT_BYTE: u64 = 4_000;
/// Fuel of a call at most.
pub const GUEST_FUEL_MAX: u64 = 5_000_000_000;
/// Fuel that `memory.grow` and `table.grow` cost: wasmtime's table of costs holds a byte, so this is its most.
pub const GUEST_GROW_FUEL: u8 = 255;
/// Fuel that a call of the host by a guest costs, beside one for each byte that it has the host handle.
pub const GUEST_HOST_CALL_FUEL: u64 = 200;
/// Handles of system interfaces (streams, pollables) that a guest may hold at a time.
pub const GUEST_HANDLES: usize = 1_000;
/// Input of a call (the Call document), in bytes.
pub const GUEST_INPUT_BYTES: usize = 2 << 20;
/// Output of a call (Manifest or Outcome), in bytes.
pub const GUEST_OUTPUT_BYTES: usize = 1 << 20;
/// What a call may log before it is cut, in bytes.
pub const GUEST_LOG_BYTES: usize = 64 << 10;
/// Text that says why a module was refused or a call stopped, in bytes.
pub const GUEST_MESSAGE_BYTES: usize = 4 << 10;
/// Modules kept compiled in memory.
pub const GUEST_LOADED_MODULES: usize = 256;
/// Machine code kept in memory, all modules together, in bytes.
pub const GUEST_LOADED_BYTES: usize = 1 << 30;
/// Lines that a refused module logged last, as far as its refusal tells them.
pub const REFUSAL_LOG_LINES: usize = 5;
/// Characters of each of them.
pub const REFUSAL_LOG_LINE_CHARS: usize = 200;
/// Effects one call may return.
pub const CALL_EFFECTS: usize = 1_000;

/// Nodes of a DAG.
pub const DAG_NODES: usize = 1_000;
/// Edges of a DAG.
pub const DAG_EDGES: usize = 4_000;
/// Items of the list of an `each`.
pub const EACH_ITEMS: usize = 10_000;
/// Calls of one `each` that are made at a time.
pub const EACH_AT_A_TIME: usize = 64;
/// Effects of a flow.
pub const FLOW_EFFECTS: usize = 10_000;
/// What the outputs and effects of a flow weigh together, as [`JSON_WEIGHT`] is measured.
pub const FLOW_WEIGHT: u64 = 100_000;
/// Signals a flow keeps.
pub const FLOW_SIGNALS: usize = 100;
/// Depth of a chain of flows that start one another.
pub const FLOW_DEPTH: u32 = 8;
/// Whom an activity that a behavior asks for may be addressed to.
pub const ACTIVITY_RECIPIENTS: usize = 1_000;
/// Flows that one activity may set off, through whatever other activities.
pub const FLOWS_PER_ROOT: u64 = 1_000;
/// Characters of a label, a description or another human text of a manifest.
pub const MANIFEST_TEXT_CHARS: usize = 500;
/// Triggers of a manifest.
pub const MANIFEST_TRIGGERS: usize = 100;
/// What checking a config by a manifest's `config_schema` may cost: each value of the schema counts one, again for each
/// reference that leads to it, and a regular expression a hundred.
pub const CONFIG_SCHEMA_COST: u64 = 10_000;
/// Levels of a `config_schema`, references followed.
pub const CONFIG_SCHEMA_DEPTH: usize = 64;
/// A regular expression of a `config_schema` once compiled, in bytes.
pub const CONFIG_SCHEMA_REGEX_BYTES: usize = 128 << 10;
/// Patterns of one list of a grant: every flow holds its grant.
pub const GRANT_PATTERNS: usize = 100;
/// Reasons of triggers that one `matched` entry holds, beyond one for each behavior.
pub const MATCH_REASONS: usize = 2_000;
/// Flows or effects that one request acts on at most.
pub const BULK_AT_ONCE: usize = 1_000;
/// Entries among which an effect that was carried out by recording it is looked for by its id.
pub const EFFECT_LOOK_BACK: u64 = 100_000;
/// Other runs of a flow's behavior for the same activity, as far as they are shown with it.
pub const FLOW_RUNS: usize = 50;
/// Flows that another one caused, as far as they are shown with it.
pub const FLOW_CHILDREN: usize = 100;
/// Effects of a kind that a grant may allow in an hour, where it limits them.
pub const GRANT_PER_HOUR: u64 = 1_000_000;
/// Behaviors of a host.
pub const BEHAVIORS: usize = 1_000;
/// Bindings of a behavior that are kept to be seen and gone back to; the log has all.
pub const BEHAVIOR_HISTORY: usize = 50;
/// Modules offered for a behavior; the oldest leaves.
pub const BEHAVIOR_CANDIDATES: usize = 20;
/// Hex digits that a module's digest may be abbreviated to.
pub const BEHAVIOR_DIGEST_DIGITS: usize = 8;
/// Files of the watched directory that were refused, as far as they are shown.
pub const WATCH_REFUSALS: usize = 20;
/// Uploads that were refused, as far as they are shown.
pub const UPLOAD_REFUSALS: usize = 20;
/// Bytes of one CEL filter.
pub const FILTER_BYTES: usize = 4 << 10;
/// Levels of a CEL filter: a bracket counts for four, a selection, call or operator of a chain for one. Five times as
/// many overflow a stack of 2 MiB.
pub const FILTER_DEPTH: usize = 128;
/// Nodes of a CEL filter's tree, macros expanded.
pub const FILTER_NODES: usize = 4_000;
/// What evaluating a CEL filter may cost, in units of some ten nanoseconds.
pub const FILTER_COST: u64 = 10_000_000;
/// A regular expression of a CEL filter once compiled, in bytes.
pub const FILTER_PATTERN_BYTES: usize = 128 << 10;
/// Regular expressions of a CEL filter, and of all filters of a manifest together.
pub const FILTER_PATTERNS: usize = 32;
/// Text of a CEL filter, and of what it met, in the reason why it did not match, in characters.
pub const FILTER_MESSAGE_CHARS: usize = 200;
/// Cautious attempts at a guest call that may end with the host. One found open after so many is failed as
/// `host_died`: with the first, unrecorded one, that is at its fifth start.
pub const CAUTIOUS_ATTEMPTS: u32 = 3;

/// Entries one append may hold.
pub const APPEND_ENTRIES: usize = 2_000;
/// Headers of one frame, in bytes.
pub const FRAME_HEADER_BYTES: usize = 512 << 10;
/// Appends waiting for the writer.
pub const WRITER_QUEUE_APPENDS: usize = 10_000;
/// Bytes waiting for the writer.
pub const WRITER_QUEUE_BYTES: usize = 64 << 20;
/// Ranges of entries that one `erased` entry names.
pub const ERASED_RANGES: usize = 5_000;
/// Objects that one `erased` entry names.
pub const ERASED_OBJECTS: usize = 500;
/// Bodies removed in one transaction, so that appends come in between.
pub const ERASED_AT_ONCE: usize = 1_000;
/// Flows that one step of retention erases.
pub const RETENTION_FLOWS: usize = 200;
/// Text of an erasure's reason, in characters.
pub const ERASURE_REASON_CHARS: usize = 500;
/// Activities without a `matched` entry; beyond, writes are refused before they are acknowledged.
pub const UNMATCHED_ACTIVITIES: usize = 100_000;
/// The signed head is written at least this often, in entries.
pub const HEAD_EVERY_ENTRIES: u64 = 10_000;
/// The signed head is written at least this often, in milliseconds.
pub const HEAD_EVERY_MS: u64 = 60_000;

/// Files that a host has to be able to have open: connections, SQLite's readers and what is sent.
pub const OPEN_FILES: u64 = 4_096;
/// Entries that the views may be behind the log before the host says that it is not ready.
pub const VIEWS_BEHIND: u64 = 100_000;
/// Room on the disk below which the host says that somebody should look, in bytes.
pub const DISK_LOW_BYTES: u64 = 1 << 30;
/// Room on the disk below which the host says that it is not ready, in bytes.
pub const DISK_FULL_BYTES: u64 = 32 << 20;

/// Failures to log in under one name are told in the log at most once in this time, with their number, in milliseconds.
pub const FAILED_LOGINS_EVERY_MS: u64 = 600_000;

/// Body of an HTTP request, in bytes.
pub const HTTP_BODY_BYTES: usize = 1 << 20;
/// Nesting of a JSON document.
pub const JSON_DEPTH: usize = 64;
/// What a JSON document takes once it is read, in units of about a hundred bytes: each value weighs one, an object five
/// more, 64 bytes of text one more. The smallest objects take eighty times the length of their text.
pub const JSON_WEIGHT: u64 = 64_000;
/// Time in which the lines before a request's body come, and in which a connection without a request is kept, in
/// milliseconds.
pub const HEAD_MS: u64 = 30_000;
/// Time a request may take, in milliseconds.
pub const REQUEST_MS: u64 = 30_000;
/// Time an erasure may take beyond that, in milliseconds: it reads the whole log and writes it anew.
pub const ERASURE_MS: u64 = 570_000;
/// `Prefer: wait` at most, in seconds (RFC 7240 §4.3).
pub const PREFER_WAIT_SECONDS: u64 = 30;
/// Flows on one page of a list, and at most.
pub const PAGE_DEFAULT: usize = 50;
/// Flows on one page of a list at most.
pub const PAGE_MAX: usize = 200;

/// An attempt to send something elsewhere by HTTP, from looking its host up to the end of the answer, in milliseconds.
pub const OUTGOING_MS: u64 = 15_000;
/// An attempt to send something elsewhere by HTTP at most, in milliseconds.
pub const OUTGOING_MAX_MS: u64 = 300_000;
/// Breaches of a manifest that its refusal tells at once.
pub const MANIFEST_BREACHES: usize = 20;
/// Secrets that a receiver of webhooks has at the same time: while one is replaced, each signs.
pub const WEBHOOK_SECRETS: usize = 4;
/// Looking up a host and connecting to it, in milliseconds.
pub const OUTGOING_CONNECT_MS: u64 = 5_000;
/// Redirects that are followed.
pub const OUTGOING_REDIRECTS: usize = 3;
/// Hosts that are looked up at the same time.
pub const OUTGOING_LOOKUPS: usize = 64;
/// Body of an answer from elsewhere that is read, in bytes.
pub const OUTGOING_ANSWER_BYTES: usize = 64 << 10;
/// What is shown of an answer from elsewhere, in characters.
pub const OUTGOING_EXCERPT_CHARS: usize = 200;
/// How long a destination may ask to be left alone, in milliseconds.
pub const OUTGOING_RETRY_AFTER_MS: u64 = 24 * 3_600_000;
/// An attempt to hand a message to the mail relay, in milliseconds.
pub const EMAIL_MS: u64 = 30_000;

/// Actors of a host.
pub const ACTORS: usize = 1_000;
/// How an actor is called, in characters.
pub const ACTOR_NAME_CHARS: usize = 100;
/// What an actor says of itself, in characters.
pub const ACTOR_SUMMARY_CHARS: usize = 2_000;
/// Actors elsewhere that an actor says it is, too.
pub const ACTOR_ALIASES: usize = 10;
/// Activities on one page of a box, and names on one page of its followers.
pub const BOX_PAGE: usize = 50;
/// Replies, posts and notices on one page.
pub const REMARKS_PAGE: usize = 20;
/// Likes, shares and replies of one thing as far as they are counted: counting costs a reader what reading does.
pub const REMARKS_COUNTED: usize = 10_000;
/// Arrivals that one page of a timeline looks at, those of actors who are not followed included.
pub const TIMELINE_ARRIVALS: usize = 1_000;
/// What a page shows of one remark as HTML, in bytes; of a longer one its beginning, as text.
pub const REMARK_HTML_BYTES: usize = 16 << 10;
/// Tags by which an article is found.
pub const ARTICLE_TAGS: usize = 50;
/// A note that is written here, in characters.
pub const NOTE_CHARS: usize = 5_000;
/// Other names that an actor of another host gives itself (`alsoKnownAs`).
pub const REMOTE_ALIASES: usize = 100;
/// Requests to inboxes that are taken from one other host in a minute.
pub const INBOX_PER_MINUTE: u32 = 300;
/// Actors' documents that are asked for in a minute because of requests from one address.
pub const INBOX_FETCHES_PER_MINUTE: u32 = 6_000;
/// Attempts to deliver to other hosts that are under way at a time, all hosts together.
pub const DELIVERIES_UNDER_WAY: usize = 64;
/// Places that one entry of a delivery names.
pub const DELIVERY_TARGETS: usize = 500;

/// A URL of another host's, in bytes.
pub const REMOTE_URL_BYTES: usize = 2_048;
/// Keys that another host's actor may list.
pub const REMOTE_ACTOR_KEYS: usize = 20;
/// The name of another host's actor, in characters.
pub const REMOTE_NAME_CHARS: usize = 500;
/// The name of another host's actor within its host, in bytes.
pub const REMOTE_USER_BYTES: usize = 200;
/// All text that is kept of another host's actor, in bytes.
pub const REMOTE_ACTOR_TEXT_BYTES: usize = 16 << 10;
/// The document of another host's actor, in bytes.
pub const REMOTE_ACTOR_BYTES: usize = 256 << 10;
/// An answer of another host's `WebFinger`, in bytes.
pub const WEBFINGER_BYTES: usize = 64 << 10;
/// A page of a collection of another host, in bytes.
pub const REMOTE_PAGE_BYTES: usize = 4 << 20;
/// Pages of an outbox of another host that are read at once.
pub const BACKFILL_PAGES: usize = 20;
/// Outboxes of other hosts that are read at a time.
pub const BACKFILL_AT_A_TIME: usize = 4;
/// Links of an answer of `WebFinger` that are looked at.
pub const WEBFINGER_LINKS: usize = 100;
/// Actors of other hosts that are kept in memory, and as many that could not be read.
pub const DIRECTORY_ACTORS: usize = 5_000;
/// How long an actor of another host is taken to be as it was read, in milliseconds.
pub const DIRECTORY_FRESH_MS: u64 = 24 * 3_600_000;
/// How long nobody asks again for what could not be read, in milliseconds.
pub const DIRECTORY_MISSED_MS: u64 = 60_000;
/// How long nobody asks again for what its host says is not there, in milliseconds.
pub const DIRECTORY_GONE_MS: u64 = 600_000;
/// An actor of another host that is kept is read anew on demand at most once in this time, in milliseconds.
pub const DIRECTORY_REFETCH_MS: u64 = 30_000;
/// Documents of other hosts that are being read at the same time, of one host one.
pub const DIRECTORY_FETCHES: usize = 32;
/// Documents of one other host that are waited for, the one that is being read included.
pub const DIRECTORY_HOST_QUEUE: usize = 50;
/// Documents of all other hosts that are waited for.
pub const DIRECTORY_QUEUE: usize = 1_000;
/// Each of the two headers of an HTTP message signature, in bytes.
pub const SIGNATURE_HEADER_BYTES: usize = 8 << 10;
/// Signatures that a request may have, of which one is looked at.
pub const SIGNATURE_LABELS: usize = 8;
/// Components that a signature may cover.
pub const SIGNATURE_COMPONENTS: usize = 32;
/// An RSA public key as RFC 8017 writes it, in bytes: 2,048 to 4,096 bits.
pub const RSA_PUBLIC_KEY_BYTES: std::ops::RangeInclusive<usize> = 262..=540;
/// An RSA public key as a text of another host's, in bytes.
pub const RSA_PEM_BYTES: usize = 2_048;
/// How far the time at which a request was signed may be from ours, before or after, in milliseconds.
pub const SIGNATURE_TOLERANCE_MS: u64 = 3_600_000;

/// Flows of which it is known, for spans to come, what trace they are part of; what is forgotten is read again.
pub const TRACED_FLOWS: usize = 10_000;
/// The same of activities that wait to be matched.
pub const TRACED_ACTIVITIES: usize = 10_000;
/// Spans that wait to be exported; what comes beyond them is lost, and counted.
pub const SPANS_QUEUED: usize = 20_000;
/// Spans that are exported at once.
pub const SPANS_EXPORTED: usize = 512;
/// How long spans are collected, in milliseconds.
pub const SPANS_COLLECTED_MS: u64 = 1_000;
/// How far a host that was ended without stopping looks back for spans that it may not have exported, in milliseconds.
pub const SPANS_LOOK_BACK_MS: u64 = 15_000;

/// Flows that a filter finds as far as a list counts them: counting costs a reader what reading does.
pub const FLOWS_COUNTED: u64 = 10_000;
/// A file of exported flows that is imported, in bytes; its entries are in memory while they are checked or shown.
pub const IMPORT_BYTES: u64 = 256 << 20;
/// Flows that a candidate is replayed over where nobody says which, newest first.
pub const REPLAY_FLOWS: usize = 1_000;
/// The most that a page replays, which has no longer than [`REQUEST_MS`] for it.
pub const REPLAY_FLOWS_PAGE: usize = 2_000;

/// Calls that a dry run makes for one flow.
pub const DRY_RUN_CALLS: usize = 200;
/// Time a dry run has for all its flows together, in milliseconds.
pub const DRY_RUN_MS: u64 = 5_000;
/// Dry runs that are made at a time.
pub const DRY_RUNS_AT_ONCE: usize = 2;
/// How long a dry run waits for those before it, in milliseconds.
pub const DRY_RUN_PATIENCE_MS: u64 = 5_000;
/// Time between two revisions of a draft that are saved by themselves, in milliseconds.
pub const AUTOSAVE_MS: u64 = 20_000;

/// File of an image that is uploaded, in bytes; encoded anew it may take twice as many.
pub const MEDIA_BYTES: usize = 10 << 20;
/// Time a request that brings a file may take beyond others, in milliseconds.
pub const UPLOAD_MS: u64 = 120_000;
/// Width and height of an image, in pixels.
pub const MEDIA_SIDE: u32 = 16_384;
/// Pixels of an image; of an animation, of all its frames together.
pub const MEDIA_PIXELS: u64 = 40_000_000;
/// What an image takes once it is decoded, in bytes.
pub const MEDIA_DECODED_BYTES: u64 = 160 << 20;
/// Frames of an animation.
pub const MEDIA_FRAMES: u64 = 500;
/// Images that are decoded at a time: turning one takes its memory twice.
pub const MEDIA_AT_ONCE: usize = 2;
/// How long an image waits for those before it, in milliseconds.
pub const MEDIA_PATIENCE_MS: u64 = 10_000;
/// What an image shows, in words, in characters.
pub const MEDIA_ALT_CHARS: usize = 1_500;
/// How far a clock may go back without that it counts as set back, in milliseconds.
pub const CLOCK_SLACK_MS: u64 = 1_000;
