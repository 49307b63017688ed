"""The text format in which Prometheus reads figures, line by line; every name begins with ours. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

MEDIA_TYPE: Final = "text/plain; version=0.0.4"

Kind = Literal["counter", "gauge", "histogram"]
Labels = Sequence[tuple[str, str]]

_UNSAFE: Final = re.compile(r'[\\"\n]')


def single(name: str, kind: Kind, help: str, value: object) -> Iterator[str]:
    """A figure that has no labels."""
    yield head(name, kind, help)
    yield line(name, (), value)


def head(name: str, kind: Kind, help: str) -> str:
    return f"# HELP monoize_{name} {help}\n# TYPE monoize_{name} {kind}\n"


def line(name: str, labels: Labels, value: object) -> str:
    told = ",".join(f'{label}="{_UNSAFE.sub(_escaped, text)}"' for label, text in labels)
    return f"monoize_{name}{{{told}}} {value}\n" if told else f"monoize_{name} {value}\n"


def _escaped(found: re.Match[str]) -> str:
    return r"\n" if found[0] == "\n" else "\\" + found[0]
