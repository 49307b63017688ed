"""The profile file: which servers somebody is signed in at, and with which credential.

TOML with one section for each profile. It holds secrets, so it is written whole, atomically and readable by its
owner only, in a folder made with mode 0700. A file that cannot be read is a Failure, never an empty one.
"""

import dataclasses
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from monoize.cli.failure import Exit, Failure

DEFAULT_PROFILE: Final = "default"
PROFILE_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FILE_MOST_BYTES: Final = 1_048_576


@dataclasses.dataclass(frozen=True, slots=True)
class Profile:
    """One sign-in. A session ends with `monoize logout`, a named token only with `monoize tokens delete`."""

    url: str
    token: str
    kind: Literal["session", "token"]
    name: str


def read(file: Path) -> dict[str, Profile]:
    """Every profile by its name; none when there is no file yet."""
    import tomllib

    try:
        with file.open("rb") as opened:
            text = opened.read(_FILE_MOST_BYTES).decode()
        sections = tomllib.loads(text).get("profiles", {})
        return {name: Profile(**section) for name, section in sections.items()}
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise Failure(f"cannot read {file}: {problem.strerror}", exit=Exit.CANNOT) from problem
    except (ValueError, TypeError, AttributeError) as problem:
        raise Failure(
            f"{file} is not a profile file: {problem}",
            exit=Exit.CANNOT,
            hint="Remove it and sign in again with `monoize login`.",
        ) from problem


def write(file: Path, profiles: Mapping[str, Profile]) -> None:
    """Replace the file in one step, so that a crash leaves the old one or the new one."""
    text = "\n".join(_section(name, profile) for name, profile in sorted(profiles.items()))
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # mkstemp makes files that only their owner can read.
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as opened:
                opened.write(text)
                opened.flush()
                os.fsync(opened.fileno())
            Path(temporary).replace(file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise Failure(f"cannot write {file}: {problem.strerror}", exit=Exit.CANNOT) from problem


def _section(name: str, profile: Profile) -> str:
    # A JSON string without control characters is a TOML string.
    fields = "".join(
        f"{field} = {json.dumps(value, ensure_ascii=False)}\n"
        for field, value in dataclasses.asdict(profile).items()
    )
    return f"[profiles.{name}]\n{fields}"
