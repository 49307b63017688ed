"""Routes are declared where they belong and built when the application takes them in: once, and for where they lie.

FastAPI's own routers build a route where it is declared and again wherever it is included: half of the time that a
start needs until the first page can be shown.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, params


@dataclasses.dataclass(frozen=True, slots=True)
class _Declared:
    path: str
    endpoint: Callable[..., Any]
    dependencies: Sequence[params.Depends]
    # What FastAPI takes beside; None for a WebSocket.
    options: dict[str, Any] | None


class Router(APIRouter):
    """To be declared on like any other; it answers nothing before `take_in`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._declared: list[_Declared] = []

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        options |= {
            "tags": [*self.tags, *(options.get("tags") or ())],
            "include_in_schema": self.include_in_schema and options.get("include_in_schema", True),
            "route_class_override": options.get("route_class_override") or self.route_class,
        }
        self._declare(path, endpoint, options.pop("dependencies", None), options)

    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[params.Depends] | None = None,
    ) -> None:
        self._declare(path, endpoint, dependencies, None)

    def _declare(
        self,
        path: str,
        endpoint: Callable[..., Any],
        dependencies: Sequence[params.Depends] | None,
        options: dict[str, Any] | None,
    ) -> None:
        all_of_them = (*self.dependencies, *(dependencies or ()))
        self._declared.append(_Declared(self.prefix + path, endpoint, all_of_them, options))

    def take_in(
        self,
        app: FastAPI,
        prefix: str = "",
        *,
        dependencies: Sequence[params.Depends] = (),
        include_in_schema: bool = True,
    ) -> None:
        """Everything that is declared, from now on answered by `app` below `prefix`."""
        for one in self._declared:
            path, needs = prefix + one.path, [*dependencies, *one.dependencies]
            if one.options is None:
                app.router.add_api_websocket_route(path, one.endpoint, dependencies=needs)
                continue
            shown = include_in_schema and one.options["include_in_schema"]
            options = {**one.options, "include_in_schema": shown, "dependencies": needs}
            app.router.add_api_route(path, one.endpoint, **options)

    @classmethod
    def joined(cls, *routers: "Router") -> "Router":
        """One of the declarations of all, in their order."""
        every = cls()
        every._declared = [one for router in routers for one in router._declared]
        return every
