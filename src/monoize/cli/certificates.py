"""`monoize certificates`: those that were brought along, and those that an authority issues."""

import time
from pathlib import Path
from typing import Any, Final

import click

from monoize.cli import ask, show
from monoize.cli.failure import Failure
from monoize.cli.invocation import Invocation
from monoize.cli.values import limit_option, yes_option
from monoize.cli.verb import RemoteNoun

COLUMNS: Final = ("id", "domain", "type", "status", "not_after", "issuer", "error")
PEM_BYTES_MOST: Final = 65_536
WAIT_S: Final = 180
_PAUSE_S: Final = 1.0
_PATH: Final = "/api/certificates"

certificate_argument = click.argument("certificate", metavar="CERTIFICATE")
wait_option = click.option("--wait/--no-wait", default=True, help="Wait until it is issued, or was not.")


@click.group(cls=RemoteNoun)
def certificates() -> None:
    """What routes with TLS show. A CERTIFICATE is its domain or an id."""


@certificates.command("list")
@limit_option
@click.pass_obj
def list_certificates(invocation: Invocation, limit: int) -> None:
    """Show the newest certificates."""
    show.listing(invocation.api.listing(_PATH, {}, limit=limit), COLUMNS, as_text=invocation.as_text)


@certificates.command("show")
@certificate_argument
@click.pass_obj
def show_certificate(invocation: Invocation, certificate: str) -> None:
    """Show one certificate; its key is shown to nobody."""
    show.thing(_certificate(invocation, certificate), as_text=invocation.as_text)


@certificates.command("order")
@click.argument("domain")
@click.option("--renew/--once", "auto_renew", default=True, help="Whether it is renewed before it ends.")
@wait_option
@click.pass_obj
def order_certificate(invocation: Invocation, domain: str, auto_renew: bool, wait: bool) -> None:
    """Have a certificate issued. A domain such as *.example.com needs its DNS at Cloudflare."""
    body = {"type": "acme", "domain": domain, "auto_renew": auto_renew}
    _followed(invocation, invocation.api.create(_PATH, body), wait=wait)


@certificates.command("renew")
@certificate_argument
@wait_option
@click.pass_obj
def renew_certificate(invocation: Invocation, certificate: str, wait: bool) -> None:
    """Have an issued certificate issued anew now."""
    found = _certificate(invocation, certificate)
    _followed(invocation, invocation.api.post(f"{_PATH}/{found['id']}/renew"), wait=wait)


@certificates.command("upload")
@click.argument("domain")
@click.argument("cert_file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("key_file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="In place of the one that the domain has.")
@click.pass_obj
def upload_certificate(invocation: Invocation, domain: str, cert_file: Path, key_file: Path, replace: bool) -> None:
    """Bring a certificate along: two PEM files, of its chain with the certificate itself first, and of its key."""
    pair = {"cert_pem": _pem(cert_file), "key_pem": _pem(key_file)}
    if replace:
        found = _certificate(invocation, domain)
        kept = invocation.api.put(f"{_PATH}/{found['id']}", pair)
    else:
        kept = invocation.api.create(_PATH, {"type": "uploaded", "domain": domain, **pair})
    show.thing(kept, as_text=invocation.as_text)
    show.said(f"Kept the certificate of {kept['domain']}, which is good until {show.time(kept['not_after'])}.")


@certificates.command("delete")
@certificate_argument
@yes_option
@click.pass_obj
def delete_certificate(invocation: Invocation, certificate: str, yes: bool) -> None:
    """Delete a certificate that no route shows."""
    found = _certificate(invocation, certificate)
    ask.confirmed_by_name("certificate", found["domain"], yes=yes)
    invocation.api.delete(f"{_PATH}/{found['id']}")
    show.said(f"Deleted the certificate of {found['domain']}.")


def _certificate(invocation: Invocation, wanted: str) -> dict[str, Any]:
    if wanted.isdecimal():
        found: dict[str, Any] = invocation.api.get(f"{_PATH}/{wanted}")
        return found
    for one in invocation.api.items(_PATH, {"domain": wanted}, limit=1):
        return one
    raise Failure(f"there is no certificate for {wanted}", hint="`monoize certificates list` shows them.")


def _followed(invocation: Invocation, ordered: dict[str, Any], *, wait: bool) -> None:
    """Until the authority has issued it or has refused to."""
    found, until = ordered, time.monotonic() + WAIT_S
    if wait:
        show.said(f"Waiting for the certificate of {ordered['domain']} …")
    while wait and not _is_settled(found, ordered) and time.monotonic() < until:
        time.sleep(_PAUSE_S)
        found = invocation.api.get(f"{_PATH}/{ordered['id']}")
    show.thing(found, as_text=invocation.as_text)
    if found["error"]:
        raise Failure(f"it was not issued: {found['error']}", hint=f"Tried again at {found['retry_at']}.")
    if found["status"] == "active" and found["fingerprint"] != ordered["fingerprint"]:
        show.said("It is issued.")


def _is_settled(found: dict[str, Any], ordered: dict[str, Any]) -> bool:
    return bool(found["fingerprint"] != ordered["fingerprint"] or found["failures"] > ordered["failures"])


def _pem(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(PEM_BYTES_MOST + 1)
        text = data.decode("ascii")
    except OSError as problem:
        raise click.UsageError(f"cannot read {file}: {problem.strerror}") from problem
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is not PEM") from None
    if len(data) > PEM_BYTES_MOST:
        raise click.UsageError(f"{file} is larger than {PEM_BYTES_MOST} bytes")
    return text
