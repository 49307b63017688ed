"""Whom a form names."""

from monoize.control.identity.actions import users
from monoize.control.identity.errors import NoSuchUser
from monoize.control.identity.model import User
from monoize.dashboard.forms import Form, invalid
from monoize.infra.db import Tx


async def named_user(tx: Tx, form: Form, field: str) -> User:
    """A refusal at its field where nobody is named, or nobody whom we know."""
    username = form.text(field)
    if username is None:
        raise invalid(**{field: "Fill this in."})
    try:
        # No name has characters that nobody sees, and not every database takes them.
        if username.isprintable():
            return await users.named(tx, username)
    except NoSuchUser:
        pass
    raise invalid(**{field: "There is no account of this name."})
