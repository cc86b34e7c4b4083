"""What the host calls: the exports of the module, over the `behavior` of the author's behavior.py.

The bindings that it imports are made when the module is built, so only the build imports this file.
"""

import gc
import linecache
import sys
import traceback
from types import TracebackType

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.guest import Failure_Fatal, Failure_Retry
from wit_world.imports.log import Level, write

# The author's file. It is imported while the module is built, and the module is a picture of the interpreter after that.
import behavior as author

from . import log
from .failure import Fatal, Retry

_LEVELS = {"debug": Level.DEBUG, "info": Level.INFO, "warn": Level.WARN, "error": Level.ERROR}

_PROJECT = author.__file__.removesuffix("behavior.py")
_SDK = __file__.removesuffix("guest.py")

# What a traceback shows at most, counted from where it was raised: a recursion without end has a thousand frames, and
# writing them down would use up the call's fuel.
_FRAMES = 20


class Guest(exports.Guest):
    """The exports of the interface `guest`."""

    def describe(self) -> str:
        return author.behavior.describe()

    def run(self, call: str) -> str:
        try:
            return author.behavior.run(call)
        except Retry as retry:
            raise Err(Failure_Retry(_in_utf8(str(retry)))) from None
        except Fatal as fatal:
            raise Err(Failure_Fatal(_in_utf8(str(fatal)))) from None
        except BaseException as error:
            log.error(_traceback(error))
            raise Err(Failure_Fatal(_in_utf8(_what_and_where(error)))) from None
        finally:
            # A line that was begun and not ended is still in Python's own buffers.
            sys.stdout.flush()
            sys.stderr.flush()


def _what_and_where(error: BaseException) -> str:
    """What was raised, and the author's line that it came from."""
    what = "".join(traceback.format_exception_only(error)).rstrip()
    frames = reversed(traceback.extract_tb(_end_of_traceback(error)))
    where = next((frame for frame in frames if _is_authors(frame.filename)), None)
    if where is None:
        return what
    file = where.filename.removeprefix(_PROJECT)
    return f"{what} ({file}, line {where.lineno}, in {where.name}: {where.line})"


def _traceback(error: BaseException) -> str:
    """The traceback as Python prints it, with files as the author knows them."""
    lines = traceback.format_exception(type(error), error, _end_of_traceback(error))
    return "".join(lines).rstrip().replace(f'File "{_PROJECT}', 'File "')


def _end_of_traceback(error: BaseException) -> TracebackType | None:
    """The last frames of a traceback, without those of this package that it begins with."""
    frames = []
    frame = error.__traceback__
    while frame is not None:
        if frames or not frame.tb_frame.f_code.co_filename.startswith(_SDK):
            frames.append(frame)
        frame = frame.tb_next
    return frames[-_FRAMES:][0] if frames else error.__traceback__


def _is_authors(file: str) -> bool:
    return file.startswith(_PROJECT) and not file.startswith(_SDK)


def _in_utf8(text: str) -> str:
    """The text without lone surrogates, which have no UTF-8: handing them to the host would be a trap."""
    return text.encode(errors="replace").decode()


def _write(level: log.Level, message: str) -> None:
    write(_LEVELS[level], _in_utf8(message))


def _keep_sources() -> None:
    """Keeps the lines of the author's files for tracebacks, because there are no files once the module is built."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    for file in filter(None, files):
        if _is_authors(file):
            lines = linecache.getlines(file)
            # Without a time of change an entry is taken as it is and never looked for on disk again.
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)


log.write_with(_write)
_keep_sources()
# What the build made lives as long as the module: no collection needs to look at it, which would copy its pages.
gc.collect()
gc.freeze()
