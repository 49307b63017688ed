"""Following a deployment or a build on stderr to its end; a connection that is lost is taken up where it broke."""

import sys
import time
from typing import Final

import click

from monoize.cli import show
from monoize.cli.api import Api, ConnectionLost, Json

PAUSE_S: Final = 1.0
LOST_MOST: Final = 30
"""Times in a row; a server that restarts is back long before."""


def watched(api: Api, path: str) -> Json:
    """As it ended."""
    seen, lost = 0, 0
    while True:
        try:
            for event, data in api.events(f"{path}/events", {"after": seen or None}):
                lost = 0
                if event == "end":
                    ended: Json = data
                    return ended
                seen = data["id"]
                _told(event, data)
        except ConnectionLost:
            lost += 1
            if lost > LOST_MOST:
                raise
        time.sleep(PAUSE_S)


def _told(event: str, data: Json) -> None:
    line = show.clean(data["line"])
    if event == "state":
        at = show.time(data["created_at"])
        click.echo(click.style(f"{at}  {line}", bold=sys.stderr.isatty()), err=True)
    else:
        click.echo(f"    {line}", err=True)
