"""The master key, for a process that has no database: what its control plane has made."""

from monoize.base.errors import StartupProblem
from monoize.infra import sealed
from monoize.infra.settings import Settings


def master_key(settings: Settings) -> bytes:
    if settings.master_key:
        return sealed.decode_key(settings.master_key, "MONOIZE_MASTER_KEY")
    file = settings.master_key_file or settings.data_dir / "master.key"
    key = sealed.read_key(file)
    if key is None:
        raise StartupProblem(f"this needs the master key of its control plane, and {file} is not there")
    return key
