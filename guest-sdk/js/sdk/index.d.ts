/**
 * Write rosehip behaviors in JavaScript or TypeScript.
 *
 * A behavior describes itself with a {@link Manifest} and answers each {@link Call} with an {@link Outcome}. It is
 * pure: it reads no clock, draws no randomness and opens nothing. What it needs is in the Call, what it wants done
 * leaves as effects, which the host records before it carries them out. Each call runs in a fresh instance, so nothing
 * outlives it.
 *
 * ```ts
 * import { behavior, effects, type Article, type Call } from "../rosehip/index.js";
 *
 * export const guest = behavior({
 *   manifest: {
 *     name: "hello",
 *     version: "0.1.0",
 *     triggers: [{ on: "Create", object: "Article", transition: { field: "status", to: "published" } }],
 *     nodes: [{ id: "greet", kind: "step" }],
 *     effects: ["log"],
 *   },
 *   nodes: {
 *     greet: ({ object }: Call<Article>) => ({ effects: [effects.log(`hello, ${object.name}`)] }),
 *   },
 * });
 * ```
 */

/**
 * Makes the behavior that the entry module exports under the name `guest`. A step or each of the manifest without a
 * function, or a function without one, is an error here already, which ends the build.
 */
export function behavior<const M extends Manifest>(definition: {
  /** What the behavior says of itself. It is read once, when the behavior is built. */
  manifest: M;
  /** What each step, and each item of an each, does. */
  nodes: { [Id in CalledNode<M>]: Run };
}): Guest;

/** The ids of the nodes for which the behavior is called: all but the waits. */
export type CalledNode<M extends Manifest> = Exclude<M["nodes"][number], { kind: "wait" }>["id"];

/**
 * What a node does. To return nothing is to ask for nothing. To throw a {@link Failure} asks for another attempt or
 * fails the flow; any other exception fails it, with the places in the source that it passed through.
 */
export type Run = (call: Call<any, any, any>) => Outcome | void;

/** The exported interface `rosehip:behavior/guest@1.0.0`. */
export interface Guest {
  describe(): string;
  run(call: string): string;
}

/** A JSON document. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

// What a behavior says of itself.

/** What a behavior says of itself. The host refuses a DAG that does not hold together, naming the node and the rule. */
export interface Manifest {
  /** `[a-z][a-z0-9-]{0,62}`: the name it is installed under, unless the operator gives another. */
  readonly name: string;
  /** A semantic version. */
  readonly version: string;
  /** One sentence for people. */
  readonly description?: string;
  /** What starts a flow. However many match an activity, it starts one. */
  readonly triggers: readonly Trigger[];
  /** The steps. */
  readonly nodes: readonly Node[];
  /** What comes after what. */
  readonly edges?: readonly Edge[];
  /** The kinds of effect that a node may ask for. Others are recorded as denied. */
  readonly effects?: readonly string[];
  /**
   * A JSON Schema of the operator's config. The host fills in the `default` of a top-level property that the
   * operator's config lacks.
   */
  readonly config_schema?: Json;
}

/** A pattern over activities. */
export interface Trigger {
  /** Where the activity arrives; absent means the outbox. */
  readonly box?: "outbox" | "inbox" | "any";
  /** The type of the activity, such as `Create`. */
  readonly on: string;
  /** The type of its object, such as `Article`. */
  readonly object: string;
  /** The change of a field that the activity must carry. An absent side matches any value. */
  readonly transition?: { readonly field: string; readonly from?: Json; readonly to?: Json };
  /** A CEL expression over `activity`, `object` and `transitions` that must hold. It has no clock. */
  readonly filter?: string;
}

/** One node of the DAG. */
export type Node = Step | WaitNode | Each;

interface NodeBase {
  /** `[a-z][a-z0-9-]{0,62}`, unique in the manifest. */
  readonly id: string;
  /** What people read in its place. */
  readonly label?: string;
  /** How often and when a `retry` failure is tried again; absent means 3 times, after 1 s, 10 s and 60 s. */
  readonly retry?: Retry;
  /** What a call may take, in milliseconds. */
  readonly timeout_ms?: number;
  /** Whether the flow suspends after the node until its effects have come to an end. */
  readonly await_effects?: boolean;
}

/** A node for which the behavior is called once. */
export interface Step extends NodeBase {
  readonly kind: "step";
  /** The branches that it may take. */
  readonly branches?: readonly string[];
}

/**
 * A node that waits, without a call. It outputs a {@link WaitOutput} and takes the branch `fired` or `timeout`, without
 * declaring them.
 */
export interface WaitNode extends NodeBase {
  readonly kind: "wait";
  readonly wait: Wait;
}

/**
 * A node for which the behavior is called once for each item of a list; the outputs are joined in order.
 */
export interface Each extends NodeBase {
  readonly kind: "each";
  /** A JSON Pointer (RFC 6901) into the Call to the list. */
  readonly over: string;
}

/** What a wait waits for: exactly one of `for`, `until` and `signal`. */
export interface Wait {
  /** An ISO 8601 duration, such as `PT10M`. */
  readonly for?: string;
  /**
   * A JSON Pointer (RFC 6901) into the Call to a time, RFC 3339, or to a schedule `{at, days?, tz}` of which the next
   * occurrence is meant, such as `/config/digest`. A time past means now.
   */
  readonly until?: string;
  /** The name of a signal to the flow. */
  readonly signal?: string;
  /** An ISO 8601 duration after which the wait gives up and takes the branch `timeout`. */
  readonly timeout?: string;
}

/** How often and when a `retry` failure is tried again. */
export interface Retry {
  /** Attempts after the first. */
  readonly max: number;
  /** ISO 8601 durations, one before each further attempt; the last one serves for the rest. */
  readonly backoff: readonly string[];
}

/** What comes after what. */
export interface Edge {
  /** The node before. */
  readonly from: string;
  /** The node after. */
  readonly to: string;
  /** The branch of `from` that takes this edge; absent means it is always taken. */
  readonly when?: string;
}

// What a node is given.

/** What a node is given: everything it may depend on. `O` is the object, `C` the operator's config, `I` an each's item. */
export interface Call<O = Article, C = Record<string, Json>, I = unknown> {
  /** The version of the document. */
  v: 1;
  /** The id of the flow. */
  flow: string;
  /** The name the behavior is installed under. */
  behavior: string;
  /** The node to run. */
  node: string;
  /** The attempt at this node (or item), from 1. */
  attempt: number;
  /** The activity that started the flow, whose `object` is an id. */
  activity: Activity;
  /** The object that the activity is about, as the activity left it. */
  object: O;
  /** What the nodes before this one came to, by node id. */
  input: Record<string, Input | undefined>;
  /** The item, in a node of kind `each`. */
  item?: I;
  /** The position of the item in its list, from 0. */
  item_index?: number | null;
  /** The operator's config. */
  config: C;
  /** The time of the entry that made the node ready, RFC 3339 UTC with milliseconds. */
  now: string;
  /** The object as it stood at that entry, or null where it is gone. */
  current: Current | null;
}

/** The activity that started a flow, shaped as in Activity Streams 2.0. */
export interface Activity {
  type: string;
  id: string;
  actor: string;
  object: string;
  /** What changed between two revisions of the object. */
  transitions?: { field: string; from: Json; to: Json }[];
  [property: string]: unknown;
}

/** What a node before this one came to. */
export interface Input {
  /** What it returned; null where it has no output or was skipped. */
  output: unknown;
  /** The branch it took, if it has any. */
  branch: string | null;
  /** The effects it asked for. Only a node with `await_effects` has them all at an end. */
  effects: InputEffect[];
}

/** How far an effect of a node before this one is. */
export interface InputEffect {
  id: string;
  kind: string;
  status:
    | "recorded"
    | "attempting"
    | "dispatched"
    | "retrying"
    | "dead"
    | "denied"
    | "cancelled"
    | "unhandled";
  /** How its dispatch ended: what its sink reported, or null. */
  receipt: unknown;
}

/** The object as it stood when the node became ready. */
export interface Current {
  revision: number;
  /** Such as `published`; null for a type without one. */
  status: string | null;
}

/** What a wait outputs. */
export interface WaitOutput {
  /** The time that was waited for, RFC 3339. */
  at: string;
  /** What ended the wait. */
  by: "timer" | "signal" | "timeout";
  /** What came with the signal. */
  payload?: unknown;
}

/**
 * What a node before this one returned: `output<WaitOutput>(call, "wait")`. A node that has not run, or returned
 * nothing, reads as null. The type is the caller's word; nothing checks it.
 */
export function output<T = unknown>(call: Call<any, any, any>, node: string): T;

/** An article, as the host hands it to a behavior. A property that is optional may be missing from the document. */
export interface Article {
  type: "Article";
  /** The id, an absolute URL. */
  id: string;
  /** The title. */
  name: string;
  /** The body as HTML. */
  content: string;
  /** The body as it was written. */
  source?: { content: string; mediaType: string };
  /** The category, if the editor gave one. */
  category?: string;
  /** The tags, in the editor's order. */
  tag?: Tag[];
  /** The last part of the page's path. */
  slug: string;
  status: "draft" | "published";
  /** The page's address. */
  url: string;
  /** The revision that the activity left. */
  revision: number;
  /** When it was first published, RFC 3339. */
  published?: string;
  /** When it was last changed, RFC 3339. */
  updated?: string;
  /** The id of the actor who wrote it. */
  attributedTo?: string;
}

/** A tag of an object. */
export interface Tag {
  type: "Hashtag" | "Mention" | (string & {});
  /** The text with its sign, such as `#roses`. */
  name: string;
}

// What a node returns.

/** What a node returns. The host refuses members that are not named here, so that a misspelled one is not lost. */
export interface Outcome {
  /** What the nodes after this one find as its output. */
  readonly output?: unknown;
  /** One of the node's declared branches. */
  readonly branch?: string;
  /** What the host is to do, in order. */
  readonly effects?: readonly Effect[];
}

/** What a node asks for: a kind, and a payload in the shape of that kind. */
export interface Effect<K extends string = string, P = unknown> {
  readonly kind: K;
  readonly payload: P;
}

/** The effects of the kinds that ship, and any other. */
export declare namespace effects {
  /** An effect of any kind. */
  function effect<K extends string, P>(kind: K, payload: P): Effect<K, P>;

  /**
   * Says what is right and wrong with the object; people see it beside the object. An error makes the object invalid,
   * a warning does not.
   */
  function validate(findings: readonly Finding[]): Effect<"validate", { valid: boolean; findings: readonly Finding[] }>;

  /** Writes a line to the flow, as an effect of its own. For lines that are no effect, see {@link log}. */
  function log(message: string, level?: log.Level): Effect<"log">;

  /** Tells the people behind a channel that the operator configures. */
  function notify(message: Notify): Effect<"notify", Notify>;

  /** Sends an e-mail. */
  function email(message: Email): Effect<"email", Email>;

  /** Sends a signed POST (Standard Webhooks) of a JSON body, with the effect's id as its idempotency key. */
  function webhook(url: string, body: unknown): Effect<"webhook">;

  /**
   * Appends an activity to the owner's outbox: one without `id`, `actor` and `proof`, which the host gives it. It
   * federates if it is addressed, and may start other flows.
   */
  function activity(activity: { type: string; [property: string]: unknown }): Effect<"activity">;

  /** Changes a field of the object. Setting what it already is changes nothing. */
  function set(field: string, value: unknown): Effect<"set">;
}

/** One thing found about an object. */
export interface Finding {
  /** The field it is about, such as `title`. */
  readonly field: string;
  /** The rule's stable name, such as `required`. */
  readonly rule: string;
  /** What people read. */
  readonly message: string;
  /** How bad it is. */
  readonly severity: "error" | "warning";
}

/** Makes findings for {@link effects.validate}. */
export declare namespace finding {
  /** Something that must be mended. */
  function error(field: string, rule: string, message: string): Finding;
  /** Something worth a look. */
  function warning(field: string, rule: string, message: string): Finding;
}

/** A message to the people behind a channel. */
export interface Notify {
  /** The channel's name; absent means `log`. */
  readonly channel?: string;
  /** One line that says what it is about. */
  readonly subject: string;
  /** The message. */
  readonly text: string;
  /** Where to read more. */
  readonly url?: string;
  /** The time, RFC 3339, of the batch it belongs to: one message is sent for all of a batch. */
  readonly batch?: string;
}

/** An e-mail. */
export interface Email {
  /** The recipients' addresses. */
  readonly to: readonly string[];
  /** The subject line. */
  readonly subject: string;
  /** The body as plain text. */
  readonly text: string;
  /** The body as HTML. */
  readonly html?: string;
}

// Failures and lines.

/** Why a call gave no Outcome. None of its effects exist then. Throw it. */
export class Failure extends Error {
  constructor(kind: "retry" | "fatal", message: string);
  readonly kind: "retry" | "fatal";
}

/** A failure that another attempt may mend, after the node's delays: `throw retry("…")`. The message is for people. */
export function retry(message: string): Failure;

/** A failure that no attempt will mend: `throw fatal("…")`. The message is for people. */
export function fatal(message: string): Failure;

/**
 * Lines for the people who read a flow. They change nothing about it, and the host keeps the first 64 KiB of a call.
 * `console` writes there, too.
 */
export declare namespace log {
  /** How much a line matters. */
  type Level = "debug" | "info" | "warn" | "error";
  /** Writes a line for the author of the behavior. */
  function debug(message: string): void;
  /** Writes a line about the normal course. */
  function info(message: string): void;
  /** Writes a line that an editor or operator may want to look at. */
  function warn(message: string): void;
  /** Writes a line about something that went wrong. */
  function error(message: string): void;
}

declare global {
  /** Writes to the flow's log: `log` and `info` at the level info, the others at their own. */
  interface Console {
    debug(...values: unknown[]): void;
    log(...values: unknown[]): void;
    info(...values: unknown[]): void;
    warn(...values: unknown[]): void;
    error(...values: unknown[]): void;
  }
  var console: Console;
}
