"""Opening a sealed value, with a refusal that names the variable when it does not open."""

from monoize.control.projects.errors import SecretUnreadable
from monoize.infra.sealed import Seal, SealBroken


def opened(seal: Seal, sealed: str, place: tuple[str, ...], key: str) -> str:
    try:
        return seal.open(sealed, *place)
    except SealBroken as problem:
        raise SecretUnreadable(key=key) from problem
