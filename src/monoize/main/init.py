"""`monoize init`: the first account, made without a browser."""

from pydantic import ValidationError

from monoize.base.errors import Refusal, StartupProblem
from monoize.control.identity.actions import first_account
from monoize.control.identity.api.entrance import Registration, new_user
from monoize.infra import log
from monoize.infra.settings import Settings
from monoize.main.house import open_house


async def make_first_account(settings: Settings, *, email: str, username: str, password: str) -> str:
    """Make the first account by the rules of every account; returns its username."""
    log.configure("warning", settings.log_format)
    try:
        wanted = Registration(email=email, username=username, password=password)
        async with open_house(settings) as (house, identity):
            new = await new_user(identity, wanted)
            async with house.audit_log.change(first_account.system_call()) as change:
                user = await first_account.create_first_account(change, new, link=None)
            return user.username
    except ValidationError as problem:
        wrong = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        raise StartupProblem(f"{wrong['loc'][0]}: {wrong['msg']}") from None
    except Refusal as refusal:
        raise StartupProblem(f"{refusal.message} {refusal.cure or ''}".strip()) from refusal
