"""A request in which the system instructs."""

from monoize.contract.transforms.prompts import DeveloperToSystemRole
from monoize.gateway.protocol.urp import Request
from monoize.gateway.transforms.about import About
from monoize.gateway.transforms.roles import renamed


def request(request: Request, config: DeveloperToSystemRole, about: About) -> Request:
    return renamed(request, "developer", "system")
