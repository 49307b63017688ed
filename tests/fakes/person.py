"""Somebody who has an account at a provider."""

import dataclasses
from typing import Any


@dataclasses.dataclass
class Person:
    subject: str = "1001"
    email: str | None = "alice@example.com"
    email_verified: bool = True
    username: Any = "alice"
    name: Any = "Alice Liddell"
    image: Any = "https://example.com/alice.png"
