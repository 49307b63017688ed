"""The second factor of decisions: the password once more, so that a session left open decides nothing by itself."""

from monoize.base.principal import Call
from monoize.control.edge.house import House
from monoize.control.identity.actions import sign_in, users
from monoize.control.identity.errors import WrongPassword
from monoize.control.identity.services import Identity


class PasswordAgain:
    """Within the limits on guessing. An account without a password cannot prove itself in this way."""

    def __init__(self, house: House, identity: Identity) -> None:
        self._house = house
        self._identity = identity

    async def confirms(self, call: Call, sent: str) -> bool:
        if call.principal.user_id is None:
            return False
        async with self._house.database.read() as tx:
            user = await users.get_user(tx, call.principal.user_id)
        limiter = self._identity.limiter
        await limiter.check(call.ip, user.username)
        try:
            await sign_in.check_password(self._house.database, self._identity.passwords, user.username, sent)
        except WrongPassword:
            await limiter.failed(call.ip, user.username)
            return False
        return True
