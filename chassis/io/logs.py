"""JSON lines on standard output: a constant sentence and fields; what is bound to the block comes along."""

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TextIO

__all__ = ["Logger", "bind", "bound_fields", "configure", "get_logger"]

_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})
_bound: ContextVar[Mapping[str, Any]] = ContextVar("heimdex_log_fields", default=_NO_FIELDS)


@contextmanager
def bind(**fields: Any) -> Iterator[None]:
    """Add fields to every line logged inside the block, and restore what was before."""
    token = _bound.set({**_bound.get(), **fields})
    try:
        yield
    finally:
        # A stream that its client abandoned is closed in another context, where there is nothing to restore.
        with suppress(ValueError):
            _bound.reset(token)


def bound_fields() -> Mapping[str, Any]:
    """Return the fields bound to the current block."""
    return _bound.get()


class _JsonFormatter(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.getMessage(),
            **_bound.get(),
            **getattr(record, "heimdex_fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = repr(record.exc_info[1])
            line["traceback"] = "".join(traceback.format_exception(record.exc_info[1]))
        return json.dumps(line, default=str, ensure_ascii=False)


class Logger:
    """Logs constant sentences with fields."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """Log what only a developer wants to see."""
        self._logger.debug(event, extra={"heimdex_fields": fields})

    def info(self, event: str, **fields: Any) -> None:
        """Log what happened."""
        self._logger.info(event, extra={"heimdex_fields": fields})

    def warning(self, event: str, **fields: Any) -> None:
        """Log what was surprising and is recovered."""
        self._logger.warning(event, extra={"heimdex_fields": fields})

    def error(self, event: str, *, exc_info: BaseException | None = None, **fields: Any) -> None:
        """Log what a person must act on."""
        self._logger.error(event, exc_info=exc_info, extra={"heimdex_fields": fields})


def get_logger(name: str) -> Logger:
    """Return the logger of a module."""
    return Logger(name)


def configure(service: str, *, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log line of the process to `stream` (standard output) as JSON."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
