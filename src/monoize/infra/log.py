"""Logging: one canonical line for each request, bound context, no secrets.

Values under a name that sounds secret are replaced, so that a careless `log.info(token=…)` cannot leak.
"""

import logging
import re
import sys
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, Processor

_SECRET_NAME: Final = re.compile(r"(?i)(password|passwd|secret|token|authorization|cookie|api_?key)$")


def _redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    for name in event:
        if _SECRET_NAME.search(name):
            event[name] = "(secret)"
    return event


def configure(level: str, style: Literal["console", "json"]) -> None:
    shape: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact,
    ]
    if style == "json":
        shape += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # Plain tracebacks: the fancy ones print local variables, and those hold secrets.
        plain = structlog.dev.plain_traceback
        shape += [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=shape,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries log through the standard module: only what is worth an operator's look passes.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    # It passes on what MySQL notes, such as that something did not exist which was to be dropped if it did.
    logging.getLogger("asyncmy").setLevel(logging.ERROR)
