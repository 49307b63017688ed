"""A request in which the developer instructs."""

from monoize.contract.transforms.prompts import SystemToDeveloperRole
from monoize.gateway.protocol.urp import Request
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.roles import renamed


def request(request: Request, config: SystemToDeveloperRole, about: About) -> Request:
    return renamed(request, "system", "developer")
