"""bin/seed-demo: fills the house that the settings name, which has to be without accounts."""

import asyncio
import sys
from typing import Final

from monoize.base.clock import utc_now
from monoize.base.errors import StartupProblem
from monoize.control.identity.store import users
from monoize.infra.settings import load
from monoize.main.init import make_first_account
from support.demo import LARGE, SMALL, Size, fill
from support.house import PASSWORD, open_house

EMAIL: Final = "root@example.com"


async def main(size: Size) -> None:
    settings = load().settings
    await make_first_account(settings, email=EMAIL, username="root", password=PASSWORD)
    async with open_house(settings) as house:
        async with house.house.database.read() as tx:
            root = await users.with_email(tx, EMAIL)
        assert root is not None
        await fill(house, await house.enter(root), size, utc_now())


if __name__ == "__main__":
    try:
        asyncio.run(main(LARGE if "--large" in sys.argv[1:] else SMALL))
    except StartupProblem as problem:
        sys.exit(f"seed-demo: {problem} Only a house without accounts is filled.")
    print(f"seed-demo: sign in as root with the password {PASSWORD!r}")
