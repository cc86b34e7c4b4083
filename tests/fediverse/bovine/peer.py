"""A server built on bovine, with one actor: `python peer.py PORT FOLDER`.

It follows, is followed, says and takes back what it is told to under /control, and keeps what it has to know in FOLDER, so
that it can be ended at any moment and started again. Requests are signed and verified by bovine, as draft-cavage.
"""

import json
import os
import secrets
import sys
from pathlib import Path

from bovine import BovineActor
from bovine.activitystreams import Actor
from bovine.crypto import build_validate_http_signature, generate_rsa_public_private_key
from bovine.crypto.types import CryptographicIdentifier
from bovine.utils import webfinger_response_json
from quart import Quart, request

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
BASE = f"http://127.0.0.1:{PORT}"
ME = f"{BASE}/actor"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
CONTEXT = "https://www.w3.org/ns/activitystreams"
KEPT = FOLDER / "state.json"


def begin():
    """What it knows when it is started for the first time."""
    public_key, private_key = generate_rsa_public_private_key()
    keys = {"public_key": public_key, "private_key": private_key}
    return {"keys": keys, "followers": {}, "following": {}, "said": {}, "inbox": []}


state = json.loads(KEPT.read_text()) if KEPT.exists() else begin()


def keep():
    beside = KEPT.with_suffix(".new")
    beside.write_text(json.dumps(state))
    os.replace(beside, KEPT)


keep()
app = Quart(__name__)
actor = BovineActor(actor_id=ME, public_key_url=f"{ME}#main-key", secret=state["keys"]["private_key"])


async def ready():
    """bovine opens its session, which reads its own actor, once there is a server to read it from."""
    if actor.client is None:
        await actor.init()


async def key_of(url):
    document = await actor.get(url)
    return CryptographicIdentifier.from_public_key(document["publicKey"])


verify = build_validate_http_signature(key_of)


def activity(kind, target, addressed):
    made = {"@context": CONTEXT, "id": f"{BASE}/activities/{secrets.token_hex(8)}", "type": kind, "actor": ME}
    return made | {"object": target, "to": addressed}


async def inbox_of(url):
    return (await actor.get(url))["inbox"]


async def send(url, made):
    await actor.post(await inbox_of(url), made)


@app.get("/.well-known/webfinger")
async def webfinger():
    return webfinger_response_json(f"acct:bot@127.0.0.1:{PORT}", ME), 200, {"content-type": "application/jrd+json"}


@app.get("/actor")
async def show_actor():
    document = Actor(
        id=ME,
        preferred_username="bot",
        name="A bot on bovine",
        inbox=f"{BASE}/inbox",
        outbox=f"{BASE}/outbox",
        public_key=state["keys"]["public_key"],
        public_key_name="main-key",
    ).build()
    return document, 200, {"content-type": "application/activity+json"}


@app.get("/outbox")
async def outbox():
    """A collection without pages."""
    items = list(reversed(state["said"].values()))
    document = {"@context": CONTEXT, "id": f"{BASE}/outbox", "type": "OrderedCollection"}
    document |= {"totalItems": len(items), "orderedItems": items}
    return document, 200, {"content-type": "application/activity+json"}


@app.post("/inbox")
async def inbox():
    await ready()
    controller = await verify(request)
    arrived = await request.get_json(force=True)
    if not controller or controller != arrived.get("actor"):
        return "the signature does not hold", 401
    form = "rfc9421" if "signature-input" in request.headers else "cavage"
    target = arrived.get("object")
    named = target if isinstance(target, str) else (target or {}).get("id")
    kind = arrived["type"]
    state["inbox"].append({"id": arrived["id"], "type": kind, "object": named, "signature": form})
    keep()
    if kind == "Follow":
        state["followers"][arrived["actor"]] = arrived["id"]
        keep()
        await send(arrived["actor"], activity("Accept", arrived, [arrived["actor"]]))
    elif kind == "Undo":
        state["followers"].pop(arrived["actor"], None)
        keep()
    elif kind == "Accept" and arrived["actor"] in state["following"]:
        state["following"][arrived["actor"]]["accepted"] = True
        keep()
    return "", 202


@app.get("/control/state")
async def told():
    await ready()
    followers = list(state["followers"])
    following = [actor for actor, follow in state["following"].items() if follow["accepted"]]
    return {"followers": followers, "following": following, "inbox": state["inbox"]}


@app.post("/control/follow")
async def follow():
    await ready()
    whom = (await request.get_json())["actor"]
    made = activity("Follow", whom, [whom])
    state["following"][whom] = {"id": made["id"], "accepted": False}
    keep()
    await send(whom, made)
    return {"id": made["id"]}


@app.post("/control/unfollow")
async def unfollow():
    await ready()
    whom = (await request.get_json())["actor"]
    undone = {"type": "Follow", "id": state["following"].pop(whom)["id"], "actor": ME, "object": whom}
    keep()
    await send(whom, activity("Undo", undone, [whom]))
    return {}


@app.post("/control/note")
async def note():
    await ready()
    content = (await request.get_json())["content"]
    written = {"id": f"{BASE}/notes/{secrets.token_hex(8)}", "type": "Note", "attributedTo": ME, "content": content}
    made = activity("Create", written | {"to": [PUBLIC]}, [PUBLIC])
    state["said"][made["id"]] = made
    keep()
    for follower in state["followers"]:
        await send(follower, made)
    return {"id": made["id"], "object": written["id"]}


@app.post("/control/delete")
async def delete():
    await ready()
    gone = (await request.get_json())["object"]
    made = activity("Delete", {"type": "Tombstone", "id": gone}, [PUBLIC])
    for follower in state["followers"]:
        await send(follower, made)
    return {"id": made["id"]}


app.run(host="127.0.0.1", port=PORT, use_reloader=False)
