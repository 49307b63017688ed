"""The firewall rules that installations have set before their containers, taken away again when these are gone."""

import subprocess

from monoize.control.compute.drivers.docker.host_wall import HostWall


def take_down(installation: str) -> None:
    chain = f"MONOIZE-{installation}"
    prefix = HostWall(installation, ()).bridge("")
    for command in ("iptables", "ip6tables"):
        while _done(command, "-D", "INPUT", "-i", f"{prefix}+", "-j", chain):
            pass
        _done(command, "-F", chain)
        _done(command, "-X", chain)


def _done(command: str, *arguments: str) -> bool:
    return subprocess.run([command, "--wait", "5", *arguments], capture_output=True, check=False).returncode == 0
