"""What a behavior says of itself, apart from its steps: see `Behavior`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Transition:
    """The change of a field between two revisions. A side that is left out matches any value."""

    field: str
    to: Any = None
    before: Any = None

    def document(self) -> dict[str, Any]:
        return present({"field": self.field, "from": self.before, "to": self.to})


@dataclass(frozen=True)
class Trigger:
    """A pattern over activities, such as `Trigger("Create", "Article")`."""

    on: str
    """The type of the activity."""
    object: str
    """The type of its object."""
    transition: Transition | None = None
    """The change of a field that the activity must carry."""
    filter: str | None = None
    """A CEL expression over `activity`, `object` and `transitions` that must hold. It has no clock."""
    box: Literal["outbox", "inbox", "any"] | None = None
    """Where the activity arrives; the outbox, where it is left out."""

    def document(self) -> dict[str, Any]:
        transition = None if self.transition is None else self.transition.document()
        return present(
            {"box": self.box, "on": self.on, "object": self.object, "transition": transition, "filter": self.filter}
        )


@dataclass(frozen=True)
class RetryPolicy:
    """How often and when a step that raises `Retry` is tried again."""

    max: int
    """Attempts after the first; 0 means never again."""
    backoff: Sequence[str] = ()
    """ISO 8601 durations, one before each further attempt; the last one serves for the rest."""

    def document(self) -> dict[str, Any]:
        return {"max": self.max, "backoff": list(self.backoff)}


def present(members: dict[str, Any]) -> dict[str, Any]:
    """The members that are not left out."""
    return {name: value for name, value in members.items() if value is not None}
