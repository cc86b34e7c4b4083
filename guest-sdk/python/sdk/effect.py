"""What a step may ask the host to do.

An effect is data: the host writes it to the flow before anything leaves the machine, checks it against what the manifest
declares, what the operator grants and its kind's schema, and only then carries it out. The functions here make the kinds
that ship; any other kind is an `Effect` of its own. What is `None` is left out of the payload.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .log import Level


@dataclass(frozen=True)
class Effect:
    """What a step asks for: a kind, such as `notify`, and a payload in the shape of that kind, as JSON values."""

    kind: str
    payload: Any


@dataclass(frozen=True)
class Finding:
    """One thing found about an object: an `error` must be mended, a `warning` is worth a look."""

    severity: Literal["error", "warning"]
    field: str
    """The field it is about, such as `title`."""
    rule: str
    """The rule's stable name, such as `required`."""
    message: str
    """What people read."""


def validate(findings: Sequence[Finding]) -> Effect:
    """Says what is right and wrong with the object: an error makes it invalid, a warning does not.

    It is recorded as it is; people see it beside the object.
    """
    valid = all(finding.severity != "error" for finding in findings)
    listed = [
        {"field": finding.field, "rule": finding.rule, "message": finding.message, "severity": finding.severity}
        for finding in findings
    ]
    return Effect("validate", {"valid": valid, "findings": listed})


def log(message: str, *, level: Level | None = None) -> Effect:
    """Writes a line to the flow as an effect of its own. For lines that are no effect, see `rosehip.log`."""
    return _effect("log", level=level, message=message)


def notify(
    subject: str,
    text: str,
    *,
    channel: str | None = None,
    url: str | None = None,
    batch: str | None = None,
) -> Effect:
    """Tells the people behind a channel that the operator configures, or the host's log where `channel` is left out.

    `subject` is one line, `url` says where to read more, and `batch` is a time (RFC 3339): all messages of a batch leave
    as one.
    """
    return _effect("notify", channel=channel, subject=subject, text=text, url=url, batch=batch)


def email(
    to: Sequence[str], subject: str, text: str, *, html: str | None = None, batch: str | None = None
) -> Effect:
    """Sends an e-mail. Those of one `batch` to the same recipients leave as one."""
    return _effect("email", to=list(to), subject=subject, text=text, html=html, batch=batch)


_LEFT_OUT: Any = object()


def webhook(url: str, *, body: Any = _LEFT_OUT, type: str | None = None, data: Any = _LEFT_OUT) -> Effect:
    """Sends a signed POST of JSON with the effect's id as its idempotency key.

    It carries `body`; without one it carries what Standard Webhooks lay down, `{type, timestamp, data}`, where `type` is
    `{behavior}.{node}` unless it is given.
    """
    sent = _effect("webhook", url=url, type=type)
    for name, value in (("body", body), ("data", data)):
        if value is not _LEFT_OUT:
            sent.payload[name] = value
    return sent


def activity(activity: dict[str, Any]) -> Effect:
    """Appends an activity to the owner's outbox, without `id`, `actor` and `proof`, which the host gives it.

    It federates if it is addressed, and may start other flows.
    """
    return Effect("activity", {"activity": activity})


def set(field: str, value: Any) -> Effect:
    """Changes a field of the object. Setting what it already is changes nothing."""
    return Effect("set", {"field": field, "value": value})


def _effect(kind: str, **payload: Any) -> Effect:
    return Effect(kind, {name: value for name, value in payload.items() if value is not None})
