"""What a step returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .effect import Effect


@dataclass(frozen=True)
class Outcome:
    """What a step returns: an output for the steps after it, the branch it takes, and the effects it asks for."""

    output: Any = None
    """JSON values that later steps find with `call.output(node)`."""
    branch: str | None = None
    """One of the step's declared branches."""
    effects: Sequence[Effect] = ()
    """What the host is to do, in order. The manifest must declare their kinds."""

    def document(self) -> dict[str, Any]:
        """The Outcome as the host reads it."""
        document: dict[str, Any] = {"v": 1}
        if self.output is not None:
            document["output"] = self.output
        if self.branch is not None:
            document["branch"] = self.branch
        document["effects"] = [{"kind": effect.kind, "payload": effect.payload} for effect in self.effects]
        return document
