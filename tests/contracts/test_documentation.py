"""What is documented is what there is: settings, error codes, proofs and benchmarks."""

import dataclasses
import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import monoize
from monoize.base.errors import Refusal, every_refusal
from monoize.infra.settings import Effective, OAuthProvider, Settings

# A refusal is known once its module is loaded, and some are loaded only where they are needed.
for module in pkgutil.walk_packages(monoize.__path__, "monoize."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

ROOT = Path(__file__).parents[2]


def documented(name: str) -> list[str]:
    """The rows of all tables of a document that begin with a name in code quotes."""
    return re.findall(r"^\| `.*\|$", (ROOT / "docs" / name).read_text("utf-8"), re.MULTILINE)


def row(*cells: object) -> str:
    return "|" + "|".join(f" {cell} " for cell in cells) + "|"


def meaning(field: "dataclasses.Field[Any]") -> str:
    least, most = field.metadata["least"], field.metadata["most"]
    return field.metadata["doc"] + (f" ({least} to {most})" if least is not None else "")


def setting_rows() -> list[str]:
    defaults = {name: value for name, value, _ in Effective(Settings(), {}).rows()}
    rows = [
        row(
            f"`{field.name}`",
            f"`MONOIZE_{field.name.upper()}`",
            f"`{defaults[field.name]}`" if defaults[field.name] else "",
            meaning(field),
        )
        for field in dataclasses.fields(Settings)
        if field.name != "oauth"
    ]
    return rows + [row(f"`{field.name}`", meaning(field)) for field in dataclasses.fields(OAuthProvider)]


def refusal_row(kind: type[Refusal]) -> str:
    return row(f"`{kind.code}`", kind.status, (kind.__doc__ or "").strip(), kind.hint or "")


def test_every_setting_is_documented_as_it_is():
    assert setting_rows() == documented("settings.md")


def test_every_error_code_is_documented_as_it_is():
    assert sorted(map(refusal_row, every_refusal())) == sorted(documented("errors.md"))


def test_every_refusal_has_a_message():
    silent = [refusal.__name__ for refusal in every_refusal() if not (refusal.__doc__ or "").strip()]

    assert [] == silent


def test_proofs_and_benchmarks_say_in_one_line_what_they_show():
    for folder in ("proofs", "benchmarks"):
        for file in (ROOT / folder).glob("*.py"):
            assert re.match(r'"""\S.*\.("""$|$)', file.read_text("utf-8").splitlines()[0]), file
