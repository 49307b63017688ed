"""`monoize presets`: the sizes of machine that plans include."""

from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, show
from monoize.cli.invocation import Invocation
from monoize.cli.plans import PLAN, PRESET
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("name", "provider", "image", "cpu_millicores", "memory_mb", "disk_gb", "id")
_PATH: Final = "/api/vps-configs"
_TERMS: Final = (
    click.option("--image", help="What the provider starts: a command line, an image, or a system."),
    click.option("--cpu", "cpu_millicores", type=click.IntRange(1, 10**6), help="In thousandths of a CPU."),
    click.option("--memory", "memory_mb", type=click.IntRange(1, 4 * 2**20), help="In MB."),
    click.option("--disk", "disk_gb", type=click.IntRange(0, 10**6), help="In GB."),
)


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_TERMS):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def presets() -> None:
    """Sizes of machine. A PRESET is a name or an id."""


@presets.command("list")
@click.option("--plan", type=PLAN, help="Those that this plan includes.")
@limit_option
@click.pass_obj
def list_presets(invocation: Invocation, plan: str | None, limit: int) -> None:
    """Show the newest presets; to whoever does not administer them, those of their plan."""
    path = f"/api/plans/{plan}/vps-configs" if plan else _PATH
    show.listing(invocation.api.listing(path, {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@presets.command("show")
@click.argument("preset", type=PRESET)
@click.pass_obj
def show_preset(invocation: Invocation, preset: str) -> None:
    """Show one preset."""
    show.thing(invocation.api.get(f"{_PATH}/{preset}"), as_text=invocation.as_text)


@presets.command("create")
@click.argument("name", type=PRESET)
@click.option("--provider", required=True, help="process, docker, fly or hetzner.")
@terms_options
@click.pass_obj
def create_preset(invocation: Invocation, /, name: str, provider: str, **terms: Any) -> None:
    """Make a preset; without --cpu and --memory it has one CPU and 1024 MB."""
    if terms["image"] is None:
        raise click.UsageError("say with --image what the provider shall start")
    body = {"name": name, "provider": provider, "cpu_millicores": 1000, "memory_mb": 1024, **_given(terms)}
    show.thing(invocation.api.create(_PATH, body), as_text=invocation.as_text)
    show.said(f"Created the preset {name}.")
    show.said(f"Let it be used with `monoize plans link PLAN {name}`.")


@presets.command("update")
@click.argument("preset", type=PRESET)
@click.option("--name", type=PRESET, help="Its new name.")
@terms_options
@click.pass_obj
def update_preset(invocation: Invocation, /, preset: str, **terms: Any) -> None:
    """Change what is given. Machines that are there stay as they are until they are made again."""
    body = _given(terms)
    if not body:
        raise click.UsageError("nothing to change was given")
    changed = invocation.api.patch(f"{_PATH}/{preset}", body)
    show.thing(changed, as_text=invocation.as_text)
    show.said(f"Updated the preset {changed['name']}.")


@presets.command("delete")
@click.argument("preset", type=PRESET)
@yes_option
@click.pass_obj
def delete_preset(invocation: Invocation, preset: str, yes: bool) -> None:
    """Delete a preset from which no machine was made."""
    found = invocation.api.get(f"{_PATH}/{preset}")
    ask.confirmed_by_name("preset", found["name"], yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Deleted the preset {found['name']}.")


def _given(terms: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in terms.items() if value is not None}
