"""How a command ends when it does not succeed: the exit codes, and the one exception that carries them.

Every file of the command line raises `Failure`; `app.main` shows it on stderr and exits with its code.
"""

import enum
from collections.abc import Sequence


class Exit(enum.IntEnum):
    """What scripts may rely on; docs/cli.md lists the same."""

    OK = 0
    NO = 1
    """The answer is no: refused, not found, or a verification found something."""
    USAGE = 2
    """The command line itself is wrong; nothing was sent."""
    CANNOT = 3
    """Monoize cannot start, cannot be reached, or does not know who is asking."""
    DIFFERS = 4
    """A dry run found that something would change."""
    INTERRUPTED = 130


class Failure(Exception):
    """A command failed; the message is one line, the hint says what to do about it."""

    def __init__(
        self,
        message: str,
        *,
        exit: Exit = Exit.NO,
        hint: str | None = None,
        code: str | None = None,
        request_id: str | None = None,
        lines: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit = exit
        self.hint = hint
        self.code = code
        self.request_id = request_id
        self.lines = lines
