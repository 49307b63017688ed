"""Rules of transforms as people write them: `[PHASE:]NAME[@GLOB,…][={"CONFIG": …}]`.

The phase is said where a transform has two, the globs where it is not for all models.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import click

from monoize.cli.api import Json

Command = TypeVar("Command", bound=Callable[..., None])

NOTATION: Final = "[PHASE:]NAME[@GLOB,…][=CONFIG]"
_RULE: Final = re.compile(
    r"(?:(?P<phase>request|response):)?(?P<name>[A-Za-z][A-Za-z0-9_-]*)(?:@(?P<models>[^={]+))?(?:=(?P<config>.*))?",
    re.DOTALL,
)

transforms_option = click.option(
    "--transform",
    "transforms",
    metavar="RULE",
    multiple=True,
    help="What is done to requests and answers, such as strip_reasoning; repeatable, in order.",
)


def read(texts: Sequence[str]) -> list[Json]:
    return [_rule(text) for text in texts]


def shown(rules: Sequence[Json]) -> list[str]:
    return [_text(rule) for rule in rules]


def _rule(text: str) -> Json:
    found = _RULE.fullmatch(text)
    if found is None:
        raise click.UsageError(f"{text!r} is no rule; write {NOTATION}")
    rule: Json = {"transform": found["name"]}
    if found["phase"]:
        rule["phase"] = found["phase"]
    if found["models"]:
        rule["models"] = found["models"].split(",")
    if found["config"] is not None:
        rule["config"] = _config(found["name"], found["config"])
    return rule


def _config(name: str, text: str) -> Json:
    try:
        config = json.loads(text)
    except ValueError as problem:
        raise click.UsageError(f"the config of {name} is not JSON: {problem}") from None
    if not isinstance(config, dict):
        raise click.UsageError(f'the config of {name} is a JSON object, such as \'{{"tag": "think"}}\'')
    return config


def _text(rule: Json) -> str:
    models = f"@{','.join(rule['models'])}" if rule["models"] else ""
    config = f"={json.dumps(rule['config'], ensure_ascii=False)}" if rule["config"] else ""
    return f"{rule['phase']}:{rule['transform']}{models}{config}{'' if rule['enabled'] else ' (off)'}"
