"""Asks the owner of an account how much of its allowance is used: `GET <base>/wham/usage` with its token."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from monoize.control.fleet.drivers.answers import NoAnswer, fetch

TIMEOUT_S: Final = 10


class NotTold(Exception):
    """The account's owner did not say; `code` is why, and holds nothing of what was sent."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class AccountUsage:
    def __init__(self, base_url: str) -> None:
        self._url = f"{base_url.rstrip('/')}/wham/usage"

    async def ask(self, access_token: str, account_id: str | None) -> Mapping[str, Any]:
        headers = {"authorization": f"Bearer {access_token}"}
        if account_id:
            headers["chatgpt-account-id"] = account_id
        try:
            status, body = await fetch(self._url, headers, within_s=TIMEOUT_S)
        except NoAnswer as problem:
            raise NotTold("unreachable") from problem
        if status != HTTPStatus.OK:
            raise NotTold(f"http_{status}")
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            raise NotTold("not_json") from None
        if not isinstance(told, Mapping):
            raise NotTold("not_json")
        return told
