"""Where the master key lies, and what is there; for every process, also those without a database."""

from pathlib import Path

from monoize.base.errors import StartupProblem
from monoize.infra import sealed
from monoize.infra.settings import Settings


def key_file(settings: Settings) -> Path:
    return settings.master_key_file or settings.data_dir / "master.key"


def key_at_hand(settings: Settings) -> bytes | None:
    """The master key that the settings lead to, whether or not it is the right one."""
    if settings.master_key:
        return sealed.decode_key(settings.master_key, "MONOIZE_MASTER_KEY")
    return sealed.read_key(key_file(settings))


def key_of_control_plane(settings: Settings) -> bytes:
    """For a data plane, which makes none of its own."""
    key = key_at_hand(settings)
    if key is None:
        file = key_file(settings)
        raise StartupProblem(f"this needs the master key of its control plane, and {file} is not there")
    return key
