"""The objects that behaviors are about, shaped as in Activity Streams 2.0."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .call import Call
from .failure import Fatal

Read = TypeVar("Read")


@dataclass(frozen=True)
class Source:
    """A body as it was written."""

    content: str
    media_type: str
    """Such as `text/markdown`."""


@dataclass(frozen=True)
class Tag:
    """A tag of an object: `kind` is `Hashtag` or `Mention`, `name` the text with its sign, such as `#roses`."""

    kind: str
    name: str


@dataclass(frozen=True)
class Article:
    """An article as the host hands it to a behavior. Texts that it has not are empty, where they are not `None`.

    Members that this type does not name are in `call.object`.
    """

    id: str
    """An absolute URL."""
    name: str
    """The title."""
    content: str
    """The body as HTML."""
    source: Source | None
    """The body as it was written."""
    category: str | None
    """The category, if the editor gave one."""
    tag: list[Tag]
    """The tags, in the editor's order."""
    slug: str
    """The last part of the page's path."""
    status: str
    """`draft` or `published`."""
    url: str
    """The page's address."""
    published: str | None
    """When it was first published, RFC 3339."""
    updated: str | None
    """When it was last changed, RFC 3339."""
    attributed_to: str | None
    """The id of the actor who wrote it."""

    @classmethod
    def of(cls, call: Call) -> "Article":
        """Reads the object of a call. A member of another type than it should have is a fatal failure."""
        members = _members(call.object, "object")
        return cls(
            id=_text(members, "id"),
            name=_text(members, "name"),
            content=_text(members, "content"),
            source=_optional(members, "source", _source),
            category=_optional(members, "category", _is_text),
            tag=[_tag(tag) for tag in _list(members, "tag")],
            slug=_text(members, "slug"),
            status=_text(members, "status"),
            url=_text(members, "url"),
            published=_optional(members, "published", _is_text),
            updated=_optional(members, "updated", _is_text),
            attributed_to=_optional(members, "attributedTo", _is_text),
        )


def _source(value: Any, name: str) -> Source:
    members = _members(value, name)
    return Source(content=_text(members, "content"), media_type=_text(members, "mediaType"))


def _tag(value: Any) -> Tag:
    members = _members(value, "an item of tag")
    return Tag(kind=_text(members, "type"), name=_text(members, "name"))


def _members(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Fatal(f"the object does not read: {name} is not an object")
    return value


def _text(members: dict[str, Any], name: str) -> str:
    return _is_text(members.get(name, ""), name)


def _is_text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise Fatal(f"the object does not read: {name} is not a text")
    return value


def _list(members: dict[str, Any], name: str) -> list[Any]:
    value = members.get(name, [])
    if not isinstance(value, list):
        raise Fatal(f"the object does not read: {name} is not a list")
    return value


def _optional(members: dict[str, Any], name: str, read: Callable[[Any, str], Read]) -> Read | None:
    value = members.get(name)
    return None if value is None else read(value, name)
