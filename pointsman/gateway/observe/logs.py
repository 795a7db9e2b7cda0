"""The process's own log: JSON lines on stderr, from structlog and the standard library, without secrets."""

from __future__ import annotations

import json
import logging
import os
import select
from collections.abc import Iterable

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from pointsman.gateway.observe.redact import Redactor

_PIECE = select.PIPE_BUF if hasattr(select, "PIPE_BUF") else 512
"""A pipe that can be written to has room for this much."""

_redactor = Redactor()


def hide(secrets: Iterable[str]) -> None:
    """From now on these never appear in the log; call it with each configuration's secrets."""
    _redactor.hide(secrets)


def configure(level: str, fd: int = 2) -> None:
    """Send everything that is logged in this process to `fd`. `level` as in `log.level`."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        _redact,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = PipeHandler(fd)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _render],
        )
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # a second call takes effect for loggers in use
    )
    _route(handler, level)


def _route(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    set_level(level)


def set_level(level: str) -> None:
    logging.getLogger().setLevel(level.upper())
    # one line per request is for debugging; the decision log is the record
    logging.getLogger("uvicorn.access").setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    for name in ("httpx", "httpx2", "openai"):  # a remote encoder's client: lines for each text, even with the text
        logging.getLogger(name).setLevel(logging.WARNING)


def _redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    inner = {key: event.pop(key) for key in ("_record", "_from_structlog") if key in event}
    return {**_redactor.clean_mapping(event), **inner}


def _render(logger: WrappedLogger, method: str, event: EventDict) -> str:
    first = {key: event.pop(key, None) for key in ("timestamp", "level", "logger", "event")}
    return json.dumps({**first, **event}, ensure_ascii=False)


class PipeHandler(logging.Handler):
    """Writes lines to a file descriptor, and drops them rather than wait for a reader that does not read."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd
        self._torn = False
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except (TypeError, ValueError, KeyError):  # arguments that do not fit the message
            event = _redactor.clean_text(f"unreadable: {record.msg!r}")
            line = json.dumps({"level": "error", "logger": record.name, "event": event})
        if self._dropped and self._write(f'{{"event": "log lines were lost", "lines": {self._dropped}}}'):
            self._dropped = 0
        if not self._write(line):
            self._dropped += 1

    def _write(self, line: str) -> bool:
        """Whether the whole line was written. A lone surrogate becomes the escape that JSON has for it."""
        data = b"\n" * self._torn + line.encode("utf-8", "backslashreplace") + b"\n"
        for start in range(0, len(data), _PIECE):
            if not self._write_piece(data[start : start + _PIECE]):
                self._torn = self._torn or start > 0
                return False
        self._torn = False
        return True

    def _write_piece(self, piece: bytes) -> bool:
        try:
            return _can_write(self._fd) and os.write(self._fd, piece) == len(piece)
        except OSError:  # nobody reads any more: where should we complain?
            return False


def _can_write(fd: int) -> bool:
    if not hasattr(select, "poll"):
        return True
    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    return bool(poller.poll(0))
