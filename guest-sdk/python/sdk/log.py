"""Lines for the people who read a flow. They change nothing about it, and the host keeps the first 64 KiB of a call.

`print` reaches the flow as well, at the level `info`; what is written to `sys.stderr` is at `warn`. In a test outside of
the host the lines go to `sys.stderr`.
"""

import sys
from collections.abc import Callable
from typing import Literal

Level = Literal["debug", "info", "warn", "error"]


def debug(message: str) -> None:
    """Writes a line for the author of the behavior."""
    _write("debug", message)


def info(message: str) -> None:
    """Writes a line about the normal course."""
    _write("info", message)


def warn(message: str) -> None:
    """Writes a line that an editor or operator may want to look at."""
    _write("warn", message)


def error(message: str) -> None:
    """Writes a line about something that went wrong."""
    _write("error", message)


def write_with(write: Callable[[Level, str], None]) -> None:
    """Has lines written by `write` from now on: by the host within it, by a test that reads them."""
    global _write
    _write = write


def _to_stderr(level: Level, message: str) -> None:
    print(f"{level}: {message}", file=sys.stderr)


_write: Callable[[Level, str], None] = _to_stderr
