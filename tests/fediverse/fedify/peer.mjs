// A server built on Fedify, with one actor: `node peer.mjs PORT FOLDER`.
//
// It follows, is followed, says and takes back what it is told to under /control, and keeps what it has to know in FOLDER, so
// that it can be ended at any moment and started again. Signatures, proofs and lookups are Fedify's.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import {
  createFederation,
  exportJwk,
  generateCryptoKeyPair,
  importJwk,
  MemoryKvStore,
} from "@fedify/fedify";
import { Accept, Activity, Create, Delete, Endpoints, Follow, Note, Person, PUBLIC_COLLECTION, Tombstone, Undo } from "@fedify/vocab";

const [port, folder] = [Number(process.argv[2]), process.argv[3]];
const origin = `http://127.0.0.1:${port}`;
const kept = join(folder, "state.json");
const state = existsSync(kept)
  ? JSON.parse(readFileSync(kept, "utf8"))
  : { keys: await newKeys(), followers: {}, following: {}, said: [], inbox: [] };
keep();
const keys = await Promise.all(
  state.keys.map(async (pair) => ({
    privateKey: await importJwk(pair.privateKey, "private"),
    publicKey: await importJwk(pair.publicKey, "public"),
  })),
);

async function newKeys() {
  const pairs = [];
  for (const kind of ["RSASSA-PKCS1-v1_5", "Ed25519"]) {
    const pair = await generateCryptoKeyPair(kind);
    pairs.push({ privateKey: await exportJwk(pair.privateKey), publicKey: await exportJwk(pair.publicKey) });
  }
  return pairs;
}

function keep() {
  writeFileSync(`${kept}.new`, JSON.stringify(state));
  renameSync(`${kept}.new`, kept);
}

const federation = createFederation({
  kv: new MemoryKvStore(),
  origin,
  allowPrivateAddress: true,
  circuitBreaker: false,
});

federation
  .setActorDispatcher("/users/{identifier}", async (ctx, identifier) => {
    if (identifier !== "bot") return null;
    const pairs = await ctx.getActorKeyPairs(identifier);
    return new Person({
      id: ctx.getActorUri(identifier),
      preferredUsername: identifier,
      name: "A bot on Fedify",
      inbox: ctx.getInboxUri(identifier),
      outbox: ctx.getOutboxUri(identifier),
      endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }),
      publicKey: pairs[0].cryptographicKey,
      assertionMethods: pairs.map((pair) => pair.multikey),
    });
  })
  .setKeyPairsDispatcher((_ctx, identifier) => (identifier === "bot" ? keys : []));

federation.setOutboxDispatcher("/users/{identifier}/outbox", async (ctx, identifier) => {
  if (identifier !== "bot") return null;
  const items = state.said.map((said) => Activity.fromJsonLd(said, { contextLoader: ctx.contextLoader }));
  return { items: (await Promise.all(items)).reverse() };
});

let form = "none";
const record = (activity) => {
  state.inbox.push({
    id: activity.id?.href,
    type: activity.constructor.name,
    object: activity.objectId?.href ?? null,
    signature: form,
  });
  keep();
};

const recipient = (follower) => ({ id: new URL(follower.id), inboxId: new URL(follower.inbox) });
const send = (ctx, to, activity) => ctx.sendActivity({ identifier: "bot" }, to, activity);

federation
  .setInboxListeners("/users/{identifier}/inbox", "/inbox")
  .on(Follow, async (ctx, follow) => {
    record(follow);
    const follower = await follow.getActor(ctx);
    state.followers[follower.id.href] = { id: follower.id.href, inbox: follower.inboxId.href };
    keep();
    const id = new URL(`#accepts/${crypto.randomUUID()}`, ctx.getActorUri("bot"));
    await send(ctx, follower, new Accept({ id, actor: follow.objectId, object: follow, to: follower.id }));
  })
  .on(Undo, async (ctx, undo) => {
    record(undo);
    delete state.followers[undo.actorId.href];
    keep();
  })
  .on(Accept, async (ctx, accept) => {
    record(accept);
    const followed = state.following[accept.actorId.href];
    if (followed) followed.accepted = true;
    keep();
  })
  .on(Activity, async (_ctx, activity) => record(activity));

async function say(ctx, activity) {
  const json = await activity.toJsonLd({ contextLoader: ctx.contextLoader });
  await send(ctx, Object.values(state.followers).map(recipient), activity);
  return json;
}

const controls = {
  async follow(ctx, { actor }) {
    const followed = await ctx.lookupObject(actor);
    const id = new URL(`/follows/${crypto.randomUUID()}`, origin);
    const follow = new Follow({ id, actor: ctx.getActorUri("bot"), object: followed.id, to: followed.id });
    state.following[followed.id.href] = { id: id.href, accepted: false };
    keep();
    await send(ctx, followed, follow);
    return { id: id.href };
  },
  async unfollow(ctx, { actor }) {
    const followed = await ctx.lookupObject(actor);
    const [me, undone] = [ctx.getActorUri("bot"), state.following[followed.id.href]];
    delete state.following[followed.id.href];
    keep();
    const follow = new Follow({ id: new URL(undone.id), actor: me, object: followed.id });
    const id = new URL(`/undos/${crypto.randomUUID()}`, origin);
    await send(ctx, followed, new Undo({ id, actor: me, object: follow, to: followed.id }));
    return {};
  },
  async note(ctx, { content }) {
    const [name, me] = [crypto.randomUUID(), ctx.getActorUri("bot")];
    const object = new Note({ id: new URL(`/notes/${name}`, origin), attribution: me, content, to: PUBLIC_COLLECTION });
    const create = new Create({ id: new URL(`/creates/${name}`, origin), actor: me, object, to: PUBLIC_COLLECTION });
    state.said.push(await say(ctx, create));
    keep();
    return { id: create.id.href, object: object.id.href };
  },
  async delete(ctx, { object }) {
    const id = new URL(`/deletes/${crypto.randomUUID()}`, origin);
    const gone = new Tombstone({ id: new URL(object) });
    await say(ctx, new Delete({ id, actor: ctx.getActorUri("bot"), object: gone, to: PUBLIC_COLLECTION }));
    return { id: id.href };
  },
};

function told() {
  const following = Object.entries(state.following).filter(([, follow]) => follow.accepted);
  return { followers: Object.keys(state.followers), following: following.map(([actor]) => actor), inbox: state.inbox };
}

async function answer(request) {
  const { pathname } = new URL(request.url);
  const ctx = federation.createContext(request, undefined);
  if (pathname === "/control/state") return Response.json(told());
  const control = controls[pathname.replace("/control/", "")];
  if (control && request.method === "POST") return Response.json(await control(ctx, await request.json()));
  if (request.method === "POST") {
    form = request.headers.has("signature-input") ? "rfc9421" : request.headers.has("signature") ? "cavage" : "none";
  }
  return await federation.fetch(request, { contextData: undefined });
}

createServer(async (incoming, outgoing) => {
  try {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const headers = Object.entries(incoming.headers).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
    const body = chunks.length > 0 ? Buffer.concat(chunks) : undefined;
    const response = await answer(new Request(new URL(incoming.url, origin), { method: incoming.method, headers, body }));
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  } catch (error) {
    console.error(error);
    outgoing.writeHead(500).end(String(error));
  }
}).listen(port, "127.0.0.1");
