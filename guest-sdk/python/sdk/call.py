"""What a step is given."""

from dataclasses import dataclass
from typing import Any, TypedDict

from .failure import Fatal


class Current(TypedDict):
    """The object's standing when the step became ready."""

    revision: int
    status: str | None


class EffectStatus(TypedDict):
    """How far an effect of an earlier step is."""

    id: str
    kind: str
    status: str
    """`recorded`, `attempting`, `dispatched`, `retrying`, `dead`, `denied`, `cancelled` or `unhandled`."""
    receipt: Any
    """How its dispatch ended; `None` while it has not."""


class Input(TypedDict):
    """What a node before this one came to."""

    output: Any
    branch: str | None
    effects: list[EffectStatus]


class WaitOutput(TypedDict):
    """What a wait outputs."""

    at: str
    """The time that was waited for, RFC 3339."""
    by: str
    """`timer`, `signal` or `timeout`."""
    payload: Any
    """What came with the signal."""


@dataclass(frozen=True)
class Call:
    """What a step is given: everything it may depend on."""

    flow: str
    """The id of the flow."""
    behavior: str
    """The name that the behavior is installed under."""
    node: str
    """The step to run."""
    attempt: int
    """Which call of the step this is, from 1."""
    activity: dict[str, Any]
    """The activity that started the flow; its `object` is the object's id."""
    object: Any
    """The object as the activity left it, as JSON values; `Article.of(call)` reads an article."""
    input: dict[str, Input]
    """What the nodes before this one came to, by node id."""
    config: dict[str, Any]
    """The operator's config, with the defaults of the config's schema."""
    now: str
    """The time at which the step became ready, RFC 3339 in UTC with milliseconds. There is no other clock."""
    current: Current | None
    """The object's standing at that time; `None` where it is gone."""
    item: Any = None
    """The item that this call is for, in a step over a list."""
    item_index: int | None = None
    """The item's place in its list, from 0."""

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Call":
        """Reads a Call document. Members that it does not know are ignored, one of another version is refused."""
        if document.get("v") != 1:
            raise Fatal(f"the call is of version {document.get('v')}, this behavior reads version 1")
        return cls(
            flow=document["flow"],
            behavior=document["behavior"],
            node=document["node"],
            attempt=document["attempt"],
            activity=document["activity"],
            object=document["object"],
            input=document["input"],
            config=document["config"],
            now=document["now"],
            current=document["current"],
            item=document.get("item"),
            item_index=document.get("item_index"),
        )

    def output(self, node: str) -> Any:
        """What a node before this one returned; `None` where it was not run or returned nothing."""
        before = self.input.get(node)
        return None if before is None else before["output"]

    def branch(self, node: str) -> str | None:
        """The branch that a node before this one took."""
        before = self.input.get(node)
        return None if before is None else before["branch"]
