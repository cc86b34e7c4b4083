"""The behavior that an author declares: what it says of itself, and the functions that are its steps."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from .call import Call
from .failure import Fatal
from .manifest import RetryPolicy, Trigger, present
from .outcome import Outcome

Step = Callable[[Call], Outcome | None]
"""A step returns an Outcome, or `None` where it has nothing to say."""


class Behavior:
    """A behavior: what starts it, its nodes in the order in which they are declared, and what comes after what.

    Every call runs in a fresh instance of the module, so nothing that a step changes outlives it.
    """

    def __init__(
        self,
        name: str,
        version: str,
        *,
        description: str | None = None,
        triggers: Sequence[Trigger],
        effects: Sequence[str] = (),
        config_schema: dict[str, Any] | None = None,
    ) -> None:
        """Declares a behavior of this name (`[a-z][a-z0-9-]{0,62}`) and version (semantic).

        `effects` are the kinds that its steps may ask for. `config_schema` is a JSON Schema of the operator's config; the
        host fills in the `default` of a top-level property that the config lacks.
        """
        self.name = name
        self.version = version
        self.description = description
        self.triggers = triggers
        self.effects = effects
        self.config_schema = config_schema
        self._nodes: list[dict[str, Any]] = []
        self._edges: list[dict[str, Any]] = []
        self._steps: dict[str, Step] = {}

    def step(
        self,
        id: str,
        *,
        label: str | None = None,
        branches: Sequence[str] = (),
        retry: RetryPolicy | None = None,
        timeout_ms: int | None = None,
        await_effects: bool = False,
    ) -> Callable[[Step], Step]:
        """Makes a function a step, which is called once.

        `label` is what people read, `branches` are those that it may take. With `await_effects` the flow goes on when
        the effects of the step have come to an end.
        """
        return self._called(id, "step", label, branches, None, retry, timeout_ms, await_effects)

    def each(
        self,
        id: str,
        *,
        over: str,
        label: str | None = None,
        retry: RetryPolicy | None = None,
        timeout_ms: int | None = None,
        await_effects: bool = False,
    ) -> Callable[[Step], Step]:
        """Makes a function a step that is called once for each item of the list at `over`, a JSON Pointer (RFC 6901)
        into the Call. The item is `call.item`; the outputs are joined in order.
        """
        return self._called(id, "each", label, (), over, retry, timeout_ms, await_effects)

    def wait(
        self,
        id: str,
        *,
        duration: str | None = None,
        until: str | None = None,
        signal: str | None = None,
        timeout: str | None = None,
        label: str | None = None,
    ) -> None:
        """Adds a node that waits and outputs a `WaitOutput`. It takes the branch `fired` or `timeout`.

        It waits for one of: `duration`, in ISO 8601; `until`, a JSON Pointer into the Call to a time or to a schedule
        `{at, days?, tz}`; `signal`, a name. `timeout` is a duration, too.
        """
        wait = present({"for": duration, "until": until, "signal": signal, "timeout": timeout})
        self._nodes.append(present({"id": id, "label": label, "kind": "wait", "wait": wait}))

    def edge(self, before: str, after: str, *, when: str | None = None) -> None:
        """Adds an edge between two nodes, taken when `before` takes the branch `when`, or always."""
        self._edges.append(present({"from": before, "to": after, "when": when}))

    def describe(self) -> str:
        """The Manifest, as the JSON document that the host reads."""
        manifest = {
            "v": 1,
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "triggers": [trigger.document() for trigger in self.triggers],
            "nodes": self._nodes,
            "edges": self._edges,
            "effects": list(self.effects),
            "config_schema": self.config_schema,
        }
        return _to_json(present(manifest))

    def run(self, call: str) -> str:
        """Answers a Call, as a JSON document, with an Outcome, as a JSON document."""
        read = Call.read(json.loads(call))
        document = self.call(read).document()
        try:
            return _to_json(document)
        except (TypeError, ValueError) as error:
            raise Fatal(f"what the step {read.node} returned is not JSON: {error}") from None

    def call(self, call: Call) -> Outcome:
        """Runs the step that a Call names."""
        step = self._steps.get(call.node)
        if step is None:
            raise Fatal(f"this behavior has no node {call.node}")
        outcome = step(call)
        if outcome is None:
            return Outcome()
        if not isinstance(outcome, Outcome):
            raise Fatal(f"the step {call.node} returned {type(outcome).__name__}, not an Outcome")
        return outcome

    def _called(
        self,
        id: str,
        kind: str,
        label: str | None,
        branches: Sequence[str],
        over: str | None,
        retry: RetryPolicy | None,
        timeout_ms: int | None,
        await_effects: bool,
    ) -> Callable[[Step], Step]:
        node = {
            "id": id,
            "label": label,
            "kind": kind,
            "branches": list(branches) or None,
            "over": over,
            "retry": None if retry is None else retry.document(),
            "timeout_ms": timeout_ms,
            "await_effects": await_effects or None,
        }

        def declare(step: Step) -> Step:
            self._nodes.append(present(node))
            self._steps[id] = step
            return step

        return declare


def _to_json(document: Any) -> str:
    """The text of a document. What JSON has not raises: infinite numbers, lone surrogates, objects of other types."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode()
    return text
