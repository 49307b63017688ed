"""A request for the model whose name says how much it thinks."""

import fnmatch

import msgspec

from monoize.contract.transforms.reasoning import ReasoningEffortToModelSuffix
from monoize.gateway.protocol.urp import Request
from monoize.gateway.transforms.about import About


def request(request: Request, config: ReasoningEffortToModelSuffix, about: About) -> Request:
    effort = request.reasoning.effort if request.reasoning else None
    if effort is None:
        return request
    for rule in config.rules:
        if fnmatch.fnmatchcase(request.model, rule.pattern):
            suffix = rule.suffix.replace("{effort}", effort)
            return msgspec.structs.replace(request, model=request.model + suffix)
    return request
