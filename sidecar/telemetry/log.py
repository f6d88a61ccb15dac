"""Configuration of the log."""

import contextlib
import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from loguru import logger

from sidecar.core.text.formatting import rfc3339
from sidecar.telemetry.secret_mask import Mask

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

    from loguru import Message, Record

LONGEST_TEXT = 16_384
"""Characters of a message, a value or an exception in one line."""

MOST_FRAMES = 50

_QUIET = ("aiohttp", "asyncio", "docker", "urllib3")
_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""As in syslog(3); journald reads them at the begin of each line."""
_COLOURS = {"WARNING": "33", "ERROR": "31", "CRITICAL": "1;31", "DEBUG": "2"}


class LogFormat(StrEnum):
    """JSON: one object per line. TEXT: for people."""

    JSON = "json"
    TEXT = "text"


def configure(
    level: str, log_format: LogFormat, mask: Mask, stream: TextIO = sys.stderr
) -> None:
    """Send everything, the standard library's log included, to ``stream``.

    ``level`` is one of debug, info, warning, error. What is bound to a message
    (``logger.bind(target=...)``) becomes a key of its JSON object. The journal of
    systemd gets each line's priority, and keeps time and level itself.
    """
    colour = stream.isatty() and not os.environ.get("NO_COLOR")
    journal = is_journal(stream)
    sink = _Sink(log_format, mask, stream, colour=colour, journal=journal)
    # diagnose would print the values of variables, passwords among them.
    logger.configure(
        handlers=[
            {
                "sink": sink,
                "level": level.upper(),
                "format": "{message}",
                "backtrace": False,
                "diagnose": False,
                "catch": True,
            }
        ]
    )
    logging.basicConfig(handlers=[_Bridge()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread
    sys.unraisablehook = _log_unraisable


def is_journal(stream: TextIO) -> bool:
    """Whether the stream leads to the journal of systemd."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


class _Sink:
    """Writes a record as one line, masked and printable.

    It raises nothing: the logging library would then print the record as it is.
    """

    def __init__(
        self,
        log_format: LogFormat,
        mask: Mask,
        stream: TextIO,
        *,
        colour: bool,
        journal: bool,
    ) -> None:
        text_line = _journal_text_line if journal else _text_line
        self._line = _json_line if log_format is LogFormat.JSON else text_line
        self._journal = journal
        self._mask = mask
        self._stream = stream
        self._colour = colour

    def __call__(self, message: "Message") -> None:
        try:
            fields = self._fields(message.record)
            line = self._render(fields)
        except Exception as error:  # noqa: BLE001 - see above
            fields = _unwritable_record(type(error).__name__)
            line = self._render(fields)
        # A closed or full stream: nothing can be reported.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(_escape_for_stream(line, self._stream) + "\n")
            self._stream.flush()

    def _render(self, fields: Mapping[str, object]) -> str:
        line, level = self._line(fields), str(fields["level"])
        if self._journal:
            return _with_priority(line, level)
        return _with_colours(line, level) if self._colour else line

    def _fields(self, record: "Record") -> dict[str, object]:
        fields: dict[str, object] = {
            "time": rfc3339(record["time"].astimezone(UTC).timestamp()),
            "level": record["level"].name.lower(),
            "message": self._mask_text(record["message"]),
        }
        for key, value in record["extra"].items():
            if value is not None:
                fields.setdefault(key, self._plain(value))
        exception = record["exception"]
        if exception is not None and exception.value is not None:
            lines = traceback.format_exception(exception.value, limit=-MOST_FRAMES)
            text = "".join(lines).rstrip()
            fields["exception"] = self._mask_text(text)
        return fields

    def _plain(self, value: object) -> object:
        if isinstance(value, bool | int | float):
            return value
        return " ".join(self._mask_text(str(value)).split())

    def _mask_text(self, text: str) -> str:
        if len(text) <= LONGEST_TEXT:
            return self._mask(text)
        return self._mask.cut(text, LONGEST_TEXT)


def _unwritable_record(reason: str) -> dict[str, object]:
    return {
        "time": rfc3339(datetime.now(UTC).timestamp()),
        "level": "error",
        "message": f"a log line could not be written ({reason}); it is left out",
    }


def _escape_for_stream(line: str, stream: TextIO) -> str:
    """Escape the characters that the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _json_line(fields: Mapping[str, object]) -> str:
    return json.dumps(fields, ensure_ascii=False)


def _text_line(fields: Mapping[str, object]) -> str:
    head = f"{fields['time']} {str(fields['level']).upper():<7} "
    return head + _journal_text_line(fields)


def _journal_text_line(fields: Mapping[str, object]) -> str:
    main_keys = ("time", "level", "target", "message", "exception")
    target = f"{fields['target']}: " if "target" in fields else ""
    rest = " ".join(f"{k}={v}" for k, v in fields.items() if k not in main_keys)
    line = target + str(fields["message"]).replace("\n", "\n  ")
    line += f"  [{rest}]" if rest else ""
    if "exception" in fields:
        line += "\n  " + str(fields["exception"]).replace("\n", "\n  ")
    return line


def _with_priority(line: str, level: str) -> str:
    prefix = f"<{_PRIORITIES.get(level, 6)}>"
    return prefix + line.replace("\n", f"\n{prefix}")


def _with_colours(line: str, level: str) -> str:
    code = _COLOURS.get(level.upper())
    return f"\x1b[{code}m{line}\x1b[0m" if code else line


class _Bridge(logging.Handler):
    """Passes the standard library's log to loguru."""

    def emit(self, record: logging.LogRecord) -> None:  # type: ignore[explicit-override]
        level = record.levelname
        is_known = level in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
        bound = logger.bind(logger=record.name).opt(exception=record.exc_info)
        bound.log(level if is_known else "WARNING", "{}", _exception_text(record))


def _exception_text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - a library's mistake must not stop us
        return f"{record.msg} (its values do not fit: {type(error).__name__})"


def _log_uncaught(
    kind: type[BaseException], fault: BaseException, trace: TracebackType | None
) -> None:
    logger.opt(exception=(kind, fault, trace)).critical(
        "stopped by an error of its own"
    )


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        logger.opt(
            exception=(args.exc_type, args.exc_value, args.exc_traceback)
        ).critical("a thread was stopped by an error of its own")


def _log_unraisable(args: "UnraisableHookArgs") -> None:
    logger.opt(exception=(args.exc_type, args.exc_value, args.exc_traceback)).error(
        "an error in the clean-up of an object was passed over"
    )
