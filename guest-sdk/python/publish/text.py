"""Texts as Unicode has them. `str.strip` and `str.split` would also take the separators U+001C to U+001F for spaces."""

import re

# The property White_Space.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)

_WORD = re.compile(f"[^{WHITE_SPACE}]+")
_SPACE = re.compile(f"[{WHITE_SPACE}]")
_UPPER_TO_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def trim(text: str) -> str:
    """The text without the white space around it."""
    return text.strip(WHITE_SPACE)


def trim_start(text: str) -> str:
    """The text without the white space before it."""
    return text.lstrip(WHITE_SPACE)


def words(text: str) -> list[str]:
    """What stands between white space."""
    return _WORD.findall(text)


def split_at_space(text: str) -> tuple[str, str]:
    """What stands before the first white space, and the rest with it."""
    space = _SPACE.search(text)
    at = len(text) if space is None else space.start()
    return text[:at], text[at:]


def ascii_lower(text: str) -> str:
    """The text with the letters A to Z, and no others, in lower case."""
    return text.translate(_UPPER_TO_LOWER)
