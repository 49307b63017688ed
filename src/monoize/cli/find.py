"""From what people call a thing to the thing itself: its id, or a name looked up in the API's list.

Not found, or found twice, is a Failure that says how to name it better.
"""

import re
from typing import Final

from monoize.cli.api import Api, Json
from monoize.cli.failure import Failure

SEARCHED_MOST: Final = 100_000
SEVERAL_MOST: Final = 20
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def user(api: Api, wanted: str) -> Json:
    return _by_id(api, "user", wanted) if _is_id(wanted) else _by_name(api, "user", wanted, "username")


def user_id(api: Api, wanted: str | None) -> str | None:
    """The id alone costs no request when it is what was given."""
    return wanted if wanted is None or _is_id(wanted) else user(api, wanted)["id"]


def tenant_id(api: Api, wanted: str | None) -> str | None:
    return wanted if wanted is None or _is_id(wanted) else _by_name(api, "tenant", wanted)["id"]


def key(api: Api, wanted: str, *, owner_id: str | None) -> Json:
    """One of the owner's keys, or of one's own, by id, prefix or name; several keys may have one name."""
    if _is_id(wanted):
        return _by_id(api, "key", wanted)
    owned = api.items("/api/keys", {"user_id": owner_id}, limit=SEARCHED_MOST)
    found = [item for item in owned if wanted in (item["name"], item["key_prefix"])]
    match found:
        case []:
            raise _absent("key", wanted)
        case [one]:
            return one
        case several:
            raise Failure(
                f"there are {len(several)} keys called {wanted}",
                hint="Name one by its id.",
                lines=[f"{item['id']}  {item['key_prefix']}" for item in several],
            )


def provider(api: Api, wanted: str) -> Json:
    return _by_id(api, "provider", wanted) if _is_id(wanted) else _by_name(api, "provider", wanted)


def channel(owner: Json, wanted: str) -> Json:
    """One of this provider's channels, by id or name."""
    for item in owner["channels"]:
        if wanted in (item["id"], item["name"]):
            return dict(item)
    hint = f"`monoize providers show {owner['name']}` shows them."
    raise Failure(f"{owner['name']} has no channel {wanted}", hint=hint)


def agent_record(api: Api, wanted: str) -> Json:
    """By id or name; several tenants may have one of a name."""
    if _is_id(wanted):
        found: Json = api.get(f"/api/agent-records/{wanted}")
        return found
    match list(api.items("/api/agent-records", {"name": wanted}, limit=SEVERAL_MOST)):
        case []:
            raise Failure(f"there is no agent record {wanted}", hint="`monoize agent-records list` shows them.")
        case [one]:
            return one
        case several:
            raise Failure(
                f"there are {len(several)} agent records called {wanted}",
                hint="Name one by its id.",
                lines=[f"{item['id']}  of the tenant {item['tenant_id']}" for item in several],
            )


def mcp_service(api: Api, wanted: str) -> Json:
    return _named(api, "/api/mcp-services", wanted, "MCP service", "monoize mcp list")


def bucket(api: Api, wanted: str) -> Json:
    """By id or name; several tenants may have one of a name."""
    return _named(api, "/api/buckets", wanted, "bucket", "monoize buckets list")


def _named(api: Api, path: str, wanted: str, what: str, shown_by: str) -> Json:
    if _is_id(wanted):
        found: Json = api.get(f"{path}/{wanted}")
        return found
    match list(api.items(path, {"name": wanted}, limit=SEVERAL_MOST)):
        case []:
            raise Failure(f"there is no {what} {wanted}", hint=f"`{shown_by}` shows them.")
        case [one]:
            return one
        case several:
            raise Failure(
                f"there are {len(several)} of the name {wanted}",
                hint="Name one by its id.",
                lines=[f"{item['id']}  of the tenant {item['tenant_id']}" for item in several],
            )


def agent(api: Api, wanted: str, *, owner_id: str | None = None) -> Json:
    """One's own, or the owner's, by id or name; several may have one name."""
    if _is_id(wanted):
        return _by_id(api, "agent", wanted)
    match list(api.items("/api/agents", {"name": wanted, "user_id": owner_id}, limit=SEVERAL_MOST)):
        case []:
            raise _absent("agent", wanted)
        case [one]:
            return one
        case several:
            raise Failure(
                f"there are {len(several)} agents called {wanted}",
                hint="Name one by its id.",
                lines=[item["id"] for item in several],
            )


def project_id(api: Api, wanted: str) -> int:
    return int(wanted) if wanted.isdecimal() else int(_by_name(api, "project", wanted)["id"])


def environment_id(api: Api, wanted: str) -> int:
    return int(wanted) if wanted.isdecimal() else int(_by_name(api, "environment", wanted)["id"])


def service_id(api: Api, wanted: str) -> int:
    """By id, as PROJECT/NAME, or by its name alone where no other project has one of that name."""
    if wanted.isdecimal():
        return int(wanted)
    project, slash, name = wanted.rpartition("/")
    path = f"/api/projects/{project_id(api, project)}/services" if slash else "/api/services"
    match list(api.items(path, {"name": name}, limit=SEVERAL_MOST)):
        case []:
            raise _absent("service", wanted)
        case [one]:
            return int(one["id"])
        case several:
            raise Failure(
                f"there are {len(several)} services called {wanted}",
                hint="Name one as PROJECT/NAME.",
                lines=[f"{item['project_name']}/{item['name']}" for item in several],
            )


def _is_id(wanted: str) -> bool:
    return _UUID.fullmatch(wanted) is not None


def _by_id(api: Api, what: str, wanted: str) -> Json:
    found: Json = api.get(f"/api/{what}s/{wanted}")
    return found


def _by_name(api: Api, what: str, wanted: str, field: str = "name") -> Json:
    """The one thing of this name, among things whose names are unique."""
    for item in api.items(f"/api/{what}s", {field: wanted}, limit=1):
        return item
    raise _absent(what, wanted)


def _absent(what: str, wanted: str) -> Failure:
    return Failure(f"there is no {what} {wanted}", hint=f"`monoize {what}s list` shows them.")
