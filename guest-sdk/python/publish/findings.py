"""What is right and wrong with an article."""

import re
from collections.abc import Iterator
from enum import Enum, auto

import body
from body import Code, Image, Link, Piece, Text
from rosehip import Article, Finding
from text import WHITE_SPACE, trim

# A title longer than this is cut by most that show it.
TITLE_CHARS = 200

# Expressions are compiled while the module is built, not in every call.
_SLUG = re.compile("[a-z0-9]+(-[a-z0-9]+)*")
_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*):")
_END_OF_AUTHORITY = re.compile("[/?#]")
# White space, control characters, and what RFC 3986 has nowhere.
_FORBIDDEN = re.compile(f'[{WHITE_SPACE}\x00-\x1f\x7f-\x9f<>"{{}}|\\\\^`]')


def of(article: Article) -> list[Finding]:
    """Every finding about an article: title, slug, body, then its links and images in their order."""
    return list(_all(article))


def _all(article: Article) -> Iterator[Finding]:
    pieces = body.pieces(article.content)
    yield from _title(article.name)
    yield from _slug(article.slug)
    if not any(map(_says_something, pieces)):
        yield Finding("error", "body", "required", "The article has no body.")
    for piece in pieces:
        yield from _piece(piece)


def _title(title: str) -> Iterator[Finding]:
    if not trim(title):
        yield Finding("error", "title", "required", "The article has no title.")
    elif len(title) > TITLE_CHARS:
        yield Finding("warning", "title", "length", f"The title is longer than {TITLE_CHARS} characters.")


def _slug(slug: str) -> Iterator[Finding]:
    if not slug:
        yield Finding("error", "slug", "required", "The article has no slug.")
    elif not _SLUG.fullmatch(slug):
        message = f'The slug "{slug}" is not made of lower-case letters, digits and single hyphens.'
        yield Finding("error", "slug", "format", message)


def _says_something(piece: Piece) -> bool:
    match piece:
        case Text(text) | Code(text):
            return bool(trim(text))
        case Image():
            return True
        case _:
            return False


def _piece(piece: Piece) -> Iterator[Finding]:
    match piece:
        case Link(target):
            yield from _link(target)
        case Image(source, alt):
            yield from _image(source, alt)
        case Text(text):
            yield from _unfinished(text)


def _link(target: str) -> Iterator[Finding]:
    match _check(target):
        case Flaw.EMPTY:
            yield Finding("error", "body", "link-empty", "A link goes nowhere.")
        case Flaw.MALFORMED:
            yield Finding("error", "body", "link-malformed", f"The link {target} is not a working address.")
        case Flaw.RELATIVE:
            message = f"The link {target} only works on this site; use its full address."
            yield Finding("warning", "body", "link-relative", message)


def _image(source: str, alt: str | None) -> Iterator[Finding]:
    if _check(source) in (Flaw.EMPTY, Flaw.MALFORMED):
        yield Finding("error", "body", "image-source", f'The image "{source}" has no working address.')
    elif alt is None or not trim(alt):
        message = f"The image {source} has no text for those who do not see it."
        yield Finding("warning", "body", "image-alt", message)


def _unfinished(text: str) -> Iterator[Finding]:
    """Markdown leaves the signs of a link that it could not read in the text."""
    at = text.find("](")
    if at < 0:
        return
    opened = text.rfind("[", 0, at)
    start = at if opened < 0 else opened
    yield Finding("error", "body", "link-syntax", f"A link is not finished: {trim(text[start : start + 60])}")


class Flaw(Enum):
    """What is wrong with where a link goes."""

    EMPTY = auto()
    MALFORMED = auto()
    RELATIVE = auto()


def _check(target: str) -> Flaw | None:
    """Looks at an address as RFC 3986 §3 splits it, as far as that tells a slip from a choice."""
    target = trim(target)
    if target in ("", "#"):
        return Flaw.EMPTY
    if target.startswith("#"):
        return None
    if _FORBIDDEN.search(target):
        return Flaw.MALFORMED
    scheme = _SCHEME.match(target)
    if scheme is None:
        return Flaw.RELATIVE
    return None if _is_well_formed(scheme[1].lower(), target[scheme.end() :]) else Flaw.MALFORMED


def _is_well_formed(scheme: str, rest: str) -> bool:
    match scheme:
        case "http" | "https":
            return rest.startswith("//") and _has_host(rest[2:])
        case "mailto":
            name, _, host = rest.partition("@")
            return bool(name) and bool(host)
        case _:
            return bool(rest)


def _has_host(rest: str) -> bool:
    """Whether what follows `//` begins with a host: not empty, and no empty label in it."""
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return "]" in host
    name = host.partition(":")[0]
    return all(name.rstrip(".").split("."))
