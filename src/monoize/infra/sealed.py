"""Secrets at rest: one master key, one derived key for each purpose, AES-256-GCM.

What is sealed is bound to its place (table, row, column): a ciphertext copied to another row does not open.
Opening fails closed, with `SealBroken`, on a wrong key, a wrong place or a changed byte.

The master key can be exchanged (`main/master_key`): what is sealed is then sealed anew. Digests that stand in the
database for good (`mac`) cannot be: they stay with the key that the database was founded with.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from monoize.base.errors import StartupProblem

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_VERSION: Final = "v1"


class SealBroken(Exception):
    """A stored secret does not open: it was sealed with another key, for another place, or changed."""


class Seal:
    def __init__(self, master_key: bytes, founding_key: bytes | None = None) -> None:
        """`founding_key` is the first master key of the database, once there has been another one."""
        if len(master_key) != KEY_BYTES:
            raise ValueError("a master key has 32 bytes")
        self._master_key = master_key
        self._founding_key = founding_key or master_key
        self._cipher = AESGCM(_derived(master_key, "seal"))
        self.key_id = self.sign("key id", b"")[:8]

    def seal(self, secret: str, *place: str) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), _bound_to(place))
        return self.prefix + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, sealed: str, *place: str) -> str:
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        if version != _VERSION or key_id != self.key_id:
            raise SealBroken("sealed with another key or by another version")
        try:
            raw = base64.urlsafe_b64decode(body)
            if base64.urlsafe_b64encode(raw).decode() != body:
                raise SealBroken("changed where the decoder does not look")
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(place)).decode()
        except (InvalidTag, ValueError) as problem:
            raise SealBroken("changed, or moved from its place") from problem

    def mac(self, purpose: str, data: bytes) -> str:
        """A keyed digest (hex) that nobody without our keys can make, and that stays the same for good."""
        return _digest(self._founding_key, purpose, data)

    def sign(self, purpose: str, data: bytes) -> str:
        """A keyed digest (hex) of the present master key, for what is checked soon and not kept."""
        return _digest(self._master_key, purpose, data)

    @property
    def prefix(self) -> str:
        """How everything begins that was sealed with this key."""
        return f"{_VERSION}.{self.key_id}."

    def with_key(self, master_key: bytes) -> "Seal":
        """The seal with another master key; its lasting digests stay the same."""
        return Seal(master_key, self._founding_key)

    def founding_key(self, *place: str) -> str:
        """The key of lasting digests, sealed."""
        return self.seal(base64.b64encode(self._founding_key).decode(), *place)


def _digest(key: bytes, purpose: str, data: bytes) -> str:
    return hmac.new(_derived(key, purpose), data, hashlib.sha256).hexdigest()


def _derived(key: bytes, purpose: str) -> bytes:
    info = f"monoize/{purpose}".encode()
    return HKDFExpand(algorithm=SHA256(), length=KEY_BYTES, info=info).derive(key)


def _bound_to(place: tuple[str, ...]) -> bytes:
    return json.dumps(place).encode()


def decode_key(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartupProblem(f"{where} must hold the base64 of exactly 32 bytes")
    return key


def read_key(file: Path) -> bytes | None:
    """The key in `file`, or None when there is no such file."""
    try:
        return decode_key(file.read_text("ascii"), f"the master key file {file}")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise StartupProblem(f"cannot read the master key file {file}: {problem}") from problem


def make_key(file: Path) -> tuple[bytes, bool]:
    """Create the key file, mode 0600; when another process was faster, read its key. (key, made by us)"""
    return lay_down(file, secrets.token_bytes(KEY_BYTES))


def lay_down(file: Path, key: bytes) -> tuple[bytes, bool]:
    """Create the key file with this key, mode 0600, unless there is one. (the key that is there, whether by us)"""
    text = base64.b64encode(key).decode() + "\n"
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.write(handle, text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            # A link appears whole or not at all and never replaces a key that is already there.
            os.link(draft, file)
            made = True
        except FileExistsError:
            made = False
    except OSError as problem:
        raise StartupProblem(
            f"cannot create the master key file {file}: {problem.strerror}; "
            "choose a folder that may be written with MONOIZE_DATA_DIR, or set MONOIZE_MASTER_KEY"
        ) from problem
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    there = read_key(file)
    assert there is not None
    return there, made
