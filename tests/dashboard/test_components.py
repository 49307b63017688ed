"""What pages are made of: each macro is shown on /patterns, each icon that is asked for is drawn."""

import re
from pathlib import Path

from dashboard.surfer import Page

from monoize import dashboard
from monoize.dashboard.navigation import NAVIGATION
from monoize.dashboard.static_files import icons

FOLDER = Path(dashboard.__file__).parent
# Only in a layout, or only inside what stands on the page.
ELSEWHERE = {
    *("password", "area", "post", "copy_button", "icon", "live"),
    *("confirm_name", "date", "event", "fact", "stat", "sparkline"),
}


def test_every_macro_has_a_pattern():
    macros = {
        name
        for file in (FOLDER / "templates/components").glob("*.html")
        for name in re.findall(r"{% macro ([a-z]\w*)\(", file.read_text())
    }
    shown = set(re.findall(r"ui\.(\w+)\(", (FOLDER / "templates/patterns/patterns.html").read_text()))

    assert macros - ELSEWHERE <= shown
    assert shown <= macros


async def test_every_icon_that_is_asked_for_is_drawn(boss):
    shown = {use["href"].partition("#")[2] for use in Page(await boss.get("/patterns")).all("use")}

    assert set(icons()) == shown
    assert {entry.icon for group in NAVIGATION for entry in group.entries} <= shown
