"""`monoize buckets`: object stores that speak S3, and what lies in them."""

from collections.abc import Callable
from typing import Any, Final

import click

from monoize.cli import ask, find, show
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("name", "endpoint", "prefix", "enabled", "objects", "bytes", "synced_at", "last_error", "id")
OBJECT_COLUMNS: Final = ("bucket_name", "object_key", "size_bytes", "last_modified", "status", "last_seen")


def bucket_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option("--region", help="`auto` when not given."),
        click.option("--access-key-id", metavar="ID"),
        click.option("--secret-stdin", is_flag=True, help="Read the secret of the key from stdin."),
        click.option("--private-network/--public", default=None, help="Whether it may lie in your own network."),
        click.option("--every", "sync_every_s", metavar="SECONDS", type=click.IntRange(60, 604_800)),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(cls=RemoteNoun)
def buckets() -> None:
    """Buckets whose objects are listed. A BUCKET is a name or an id."""


@buckets.command("list")
@limit_option
@click.pass_obj
def list_buckets(invocation: Invocation, limit: int) -> None:
    """Show them, and when each was last listed."""
    show.listing(invocation.api.listing("/api/buckets", {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@buckets.command("show")
@click.argument("bucket")
@click.pass_obj
def show_bucket(invocation: Invocation, bucket: str) -> None:
    """Show one."""
    show.thing(find.bucket(invocation.api, bucket), as_text=invocation.as_text)


@buckets.command("create")
@click.argument("name")
@click.argument("endpoint")
@click.option("--tenant", metavar="TENANT", help="Whose it is, by name or id.")
@click.option("--prefix", help="Only objects whose keys begin so.")
@bucket_options
@click.pass_obj
def create_bucket(
    invocation: Invocation, /, name: str, endpoint: str, tenant: str | None, prefix: str | None, **given: Any
) -> None:
    """Have a bucket listed. Its key needs to list it, and nothing else."""
    body = {"name": name, "endpoint": endpoint, **_body(**given)}
    if not {"access_key_id", "secret"} <= body.keys():
        raise click.UsageError("give --access-key-id and --secret-stdin")
    owned = {"tenant_id": find.tenant_id(invocation.api, tenant), "prefix": prefix}
    body |= {field: value for field, value in owned.items() if value is not None}
    show.thing(invocation.api.create("/api/buckets", body), as_text=invocation.as_text)
    show.said(f"Made the bucket {name}. It is listed within a minute, or now: monoize buckets sync {name}")


@buckets.command("update")
@click.argument("bucket")
@click.option("--endpoint")
@click.option("--enable/--disable", "enabled", default=None)
@bucket_options
@click.pass_obj
def update_bucket(
    invocation: Invocation, /, bucket: str, endpoint: str | None, enabled: bool | None, **given: Any
) -> None:
    """Change what is given."""
    own = {"endpoint": endpoint, "enabled": enabled}
    body = {field: value for field, value in own.items() if value is not None} | _body(**given)
    path = f"/api/buckets/{find.bucket(invocation.api, bucket)['id']}"
    show.thing(invocation.api.patch(path, body), as_text=invocation.as_text)


@buckets.command("delete")
@click.argument("bucket")
@yes_option
@click.pass_obj
def delete_bucket(invocation: Invocation, bucket: str, yes: bool) -> None:
    """Forget a bucket and what is known of its objects. The store itself is not touched."""
    found = find.bucket(invocation.api, bucket)
    ask.confirmed_by_name("bucket", found["name"], yes=yes)
    invocation.api.delete(f"/api/buckets/{found['id']}")
    show.said(f"Deleted the bucket {found['name']}.")


@buckets.command("sync")
@click.argument("bucket")
@click.pass_obj
def sync_bucket(invocation: Invocation, bucket: str) -> None:
    """List one now, all of it."""
    path = f"/api/buckets/{find.bucket(invocation.api, bucket)['id']}/sync"
    show.thing(invocation.api.post(path), as_text=invocation.as_text)


@buckets.command("find")
@click.argument("prefix", required=False)
@click.option("--bucket", metavar="BUCKET", help="Only in this one, by name.")
@click.option("--contains", metavar="TEXT", help="Only whose key has this in it.")
@click.option("--suffix", metavar="TEXT", help="Only whose key ends so.")
@click.option("--status", type=click.Choice(["active", "stale", "orphaned"]))
@limit_option
@click.pass_obj
def find_objects(invocation: Invocation, /, prefix: str | None, limit: int, **wanted: str | None) -> None:
    """Look objects up, as they were when their bucket was last listed."""
    page = invocation.api.listing("/api/objects", {"prefix": prefix, **wanted}, limit=limit)
    show.listing(page, OBJECT_COLUMNS, as_text=invocation.as_text)


def _body(*, secret_stdin: bool, **given: Any) -> dict[str, Any]:
    body = {name: value for name, value in given.items() if value is not None}
    return body | ({"secret": ask.first_line("secret")} if secret_stdin else {})
