"""YAML as people write configuration in it, strictly: what it says, and in which line each member stands.

Numbers with a point stay the text that they are written as, so that 1.10 is not 1.1; only below a member called
`config` they mean what they mean in JSON. Only `true` and `false` are booleans. A name that stands twice, a tag, or
more than a file of configuration can hold is a Failure with its line.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from monoize.cli.api import Json
from monoize.cli.failure import Exit, Failure

TEXT_MOST_BYTES: Final = 4 * 2**20
NODES_MOST: Final = 200_000
DEPTH_MOST: Final = 32
_OTHER_BREAKS: Final = frozenset("\x85\u2028\u2029")
_AS_IN_JSON: Final = "config"
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_CONSTANTS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_OURS: Final = "tag:yaml.org,2002:"


class Parsed(NamedTuple):
    """`lines` are the lines of all members, by JSON pointer; the first line is 1."""

    content: Json
    lines: Mapping[str, int]


def parsed(text: bytes, name: str) -> Parsed:
    """`name` is what the file is called in what is said about it."""
    import yaml

    if len(text) > TEXT_MOST_BYTES:
        raise _wrong(f"{name} is larger than {TEXT_MOST_BYTES} bytes")
    try:
        # Not libyaml's, which does not survive deep nesting.
        loader = yaml.SafeLoader(text.decode())
        reader = _Reader(loader, name)
        node = loader.get_single_node()
        content = reader.read(node, "", 0) if node else {}
    except (UnicodeDecodeError, yaml.reader.ReaderError):
        raise _wrong(f"{name} is not text in UTF-8") from None
    except RecursionError:
        raise _wrong(f"{name} is nested too deeply") from None
    except yaml.MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise _wrong(f"{name}{where}: {problem.problem or problem.context}") from None
    if not isinstance(content, dict):
        raise _wrong(f"{name} does not hold names with values")
    return Parsed(content, reader.lines)


def written(content: Json) -> str:
    import yaml

    text = str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100))
    if _OTHER_BREAKS.isdisjoint(text):
        return text
    # Written as they are they would be read as spaces.
    return str(yaml.safe_dump(content, sort_keys=False, width=100))


class _Reader:
    def __init__(self, loader: Any, name: str) -> None:
        self.lines: dict[str, int] = {}
        self._loader = loader
        self._name = name
        # Aliases repeat what they stand for, and a few of them could repeat it without end.
        self._left = NODES_MOST

    def read(self, node: Any, pointer: str, depth: int) -> Any:
        import yaml

        self._left -= 1
        self.lines[pointer] = node.start_mark.line + 1
        if self._left < 0 or depth > DEPTH_MOST:
            raise self._refused(node, "there is more in here than a configuration can hold")
        match node:
            case yaml.MappingNode(tag="tag:yaml.org,2002:map"):
                return self._mapping(node, pointer, depth)
            case yaml.SequenceNode(tag="tag:yaml.org,2002:seq"):
                return [self.read(each, f"{pointer}/{place}", depth + 1) for place, each in enumerate(node.value)]
            case yaml.ScalarNode() if node.tag.startswith(_OURS):
                return node.value if node.style else _plain(node.value, as_in_json=f"/{_AS_IN_JSON}/" in pointer)
            case _:
                raise self._refused(node, f"{node.tag} is not understood")

    def _mapping(self, node: Any, pointer: str, depth: int) -> Json:
        seen: set[str] = set()
        for name, _ in node.value:
            if not isinstance(name.value, str):
                raise self._refused(name, "a name is a text")
            if name.value in seen:
                raise self._refused(name, f"{name.value} stands here twice")
            seen.add(name.value)
        # From here on what is merged in stands first, and what is written out wins over it.
        self._loader.flatten_mapping(node)
        found = {name.value: value for name, value in node.value}
        return {name: self.read(each, f"{pointer}/{_escaped(name)}", depth + 1) for name, each in found.items()}

    def _refused(self, node: Any, reason: str) -> Failure:
        return _wrong(f"{self._name}, line {node.start_mark.line + 1}: {reason}")


def _plain(value: str, *, as_in_json: bool) -> Any:
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    return float(value) if as_in_json and _NUMBER.fullmatch(value) else value


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _wrong(message: str) -> Failure:
    return Failure(message, exit=Exit.USAGE)
