"""Reads the HTML that the host rendered and sanitized. It is well formed, so this is a scanner of tags, not a parser of
whatever the web may hold; of what it does not understand it makes text, never a failure.
"""

import re
from dataclasses import dataclass

from text import WHITE_SPACE, ascii_lower, split_at_space, trim_start, words


@dataclass(frozen=True)
class Text:
    """Text between tags, entities resolved."""

    text: str


@dataclass(frozen=True)
class Code:
    """Text inside `code` or `pre`."""

    text: str


@dataclass(frozen=True)
class Link:
    """Where an `a` goes."""

    target: str


@dataclass(frozen=True)
class Image:
    """An `img`."""

    source: str
    alt: str | None


@dataclass(frozen=True)
class Break:
    """The start or end of any other element that is not part of a line of text."""


Piece = Text | Code | Link | Image | Break

# Elements that stand within a line of text.
_INLINE = frozenset("a abbr b cite code del em i ins kbd mark s small span strong sub sup u".split())

# What a tag goes on with until its `>`: a `>` in a quoted attribute does not end it.
_IN_TAG = re.compile(r"""(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_ATTRIBUTE_NAME = re.compile(f"[^={WHITE_SPACE}]*")
_ENTITY = re.compile(r"&(?:(amp|lt|gt|quot|nbsp)|#[xX]\+?([0-9A-Fa-f]+)|#\+?([0-9]+));")
_NAMED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "nbsp": "\xa0"}


def pieces(html: str) -> list[Piece]:
    """Splits a body into pieces, in its order."""
    found: list[Piece] = []
    code_depth = 0
    at = 0
    while at < len(html):
        start = html.find("<", at)
        end = -1 if start < 0 else _end_of_tag(html, start + 1)
        if end < 0:
            if 0 <= start:
                _push_text(found, html[at:start], code_depth > 0)
                at = start
            _push_text(found, html[at:], code_depth > 0)
            break
        _push_text(found, html[at:start], code_depth > 0)
        tag = _Tag.of(html[start + 1 : end])
        if tag.name in ("code", "pre"):
            code_depth = max(0, code_depth - 1) if tag.closes else code_depth + 1
        elif tag.name == "a" and not tag.closes:
            target = tag.attribute("href")
            if target is not None:
                found.append(Link(target))
        elif tag.name == "img":
            found.append(Image(tag.attribute("src") or "", tag.attribute("alt")))
        if tag.name not in _INLINE:
            found.append(Break())
        at = end + 1
    return found


def excerpt(html: str, chars: int) -> str:
    """The first `chars` characters of the text of a body, on one line, cut at a word."""
    texts = []
    for piece in pieces(html):
        match piece:
            case Text(text) | Code(text):
                texts.append(text)
            case Break():
                texts.append(" ")
            case Link() | Image():
                pass
    kept: list[str] = []
    taken = 0
    for word in words("".join(texts)):
        taken += len(word) + 1
        if taken > chars:
            return " ".join(kept) + "…"
        kept.append(word)
    return " ".join(kept)


def _push_text(found: list[Piece], text: str, code: bool) -> None:
    """Appends text, to the text before it if there is some, since an inline tag ends no sentence."""
    if not text:
        return
    kind = Code if code else Text
    text = _unescape(text)
    if found and isinstance(found[-1], kind):
        found[-1] = kind(found[-1].text + text)
    else:
        found.append(kind(text))


def _end_of_tag(html: str, at: int) -> int:
    """Where the `>` of a tag stands that began before `at`; -1 where there is none."""
    tag = _IN_TAG.match(html, at)
    return -1 if tag is None else tag.end() - 1


@dataclass(frozen=True)
class _Tag:
    """What stands between `<` and `>`."""

    name: str
    """In lower case."""
    closes: bool
    attributes: str

    @classmethod
    def of(cls, inner: str) -> "_Tag":
        name, attributes = split_at_space(inner.strip("/"))
        return cls(ascii_lower(name), inner.startswith("/"), attributes)

    def attribute(self, wanted: str) -> str | None:
        """An attribute's value, entities resolved."""
        rest = trim_start(self.attributes)
        while rest:
            name = _attribute_name(rest)
            value, after = _value(trim_start(rest[len(name) :]))
            if ascii_lower(name) == wanted:
                return _unescape(value)
            rest = trim_start(after)
        return None


def _attribute_name(text: str) -> str:
    return text[: _ATTRIBUTE_NAME.match(text).end()]


def _value(text: str) -> tuple[str, str]:
    """Splits an attribute's value, if it has one, off the text after its name."""
    if not text.startswith("="):
        return "", text
    text = trim_start(text[1:])
    if text.startswith(('"', "'")):
        value, _, after = text[1:].partition(text[0])
        return value, after
    return split_at_space(text)


def _unescape(text: str) -> str:
    """Resolves the entities that an HTML serializer writes (HTML §13.3) and numeric ones."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    """The character of an entity; the entity as it stands where its number is none of a character."""
    name, hexadecimal, decimal = entity.groups()
    if name is not None:
        return _NAMED[name]
    digits, base = (decimal, 10) if hexadecimal is None else (hexadecimal, 16)
    digits = digits.lstrip("0") or "0"
    # No character has more digits than this, and Python refuses to read a number of thousands of them.
    number = int(digits, base) if len(digits) <= 7 else -1
    is_character = 0 <= number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF
    return chr(number) if is_character else entity.group()
