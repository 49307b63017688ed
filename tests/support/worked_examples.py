"""The worked examples of docs/worked-examples.md: what they say, which tests state them, and whether those pass."""

import ast
import collections
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parents[1]
ROOT: Final = TESTS.parent
DOCUMENT: Final = ROOT / "docs" / "worked-examples.md"


def numbers_of(text: str) -> frozenset[int]:
    """`7` or `41-60`."""
    first, _, last = text.partition("-")
    return frozenset(range(int(first), int(last or first) + 1))


def told() -> Sequence[tuple[int, str]]:
    """(number, what it says), in the order of the document."""
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    return [(int(number), says) for number, says in rows]


def stated() -> Mapping[int, set[Path]]:
    """In which files tests are marked with each number. Read, not imported: the rest of the tests need not load."""
    found: dict[int, set[Path]] = collections.defaultdict(set)
    for file in TESTS.rglob("test_*.py"):
        text = file.read_text("utf-8")
        if "mark.case(" in text:
            for number in _marks(ast.parse(text)):
                found[number].add(file)
    return found


def _marks(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Attribute(attr="mark"), attr="case"), args=numbers):
                yield from (ast.literal_eval(number) for number in numbers)


def show(first: int, last: int) -> bool:
    """Run the tests of these and print a line for each; whether all of them hold."""
    outcomes, output = _outcomes(first, last)
    holds = {number: _holds(outcomes[number]) for number in range(first, last + 1)}
    for number, says in told():
        if number in holds:
            print(f"{number:3} {'holds' if holds[number] else 'DOES NOT HOLD'}: {says.replace('`', '')}")
    if not all(holds.values()):
        print(output)
    return all(holds.values())


def _holds(outcomes: "collections.Counter[str]") -> bool:
    """Somewhere, and nowhere not: what cannot run here, such as on another database, is skipped."""
    return outcomes["passed"] > 0 and not outcomes["failed"]


def _outcomes(first: int, last: int) -> "tuple[Mapping[int, collections.Counter[str]], str]":
    """How often the tests of each number did what, and what pytest said."""
    by_number = stated()
    files = {file for number in range(first, last + 1) for file in by_number.get(number, ())}
    found: dict[int, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = [f"--case={first}-{last}", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *map(str, sorted(files))]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        for test in ET.parse(report).iter("testcase") if report.exists() else ():
            for stated_number in test.iterfind("properties/property[@name='case']"):
                found[int(stated_number.attrib["value"])][_outcome(test)] += 1
    return found, ran.stdout + ran.stderr


def _outcome(test: ET.Element) -> str:
    if test.find("failure") is not None or test.find("error") is not None:
        return "failed"
    return "passed" if test.find("skipped") is None else "skipped"
