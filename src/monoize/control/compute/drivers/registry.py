"""The drivers of this installation, by the name of their provider. Opened once; whoever opens it closes it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from monoize.control.compute.drivers.docker.container import NAME as DOCKER
from monoize.control.compute.drivers.docker.driver import DockerDriver
from monoize.control.compute.drivers.docker.host_wall import HostWall
from monoize.control.compute.drivers.fly.driver import FlyDriver
from monoize.control.compute.drivers.fly.machine import NAME as FLY
from monoize.control.compute.drivers.hetzner.driver import HetznerDriver
from monoize.control.compute.drivers.hetzner.server import NAME as HETZNER
from monoize.control.compute.drivers.process.driver import NAME as PROCESS
from monoize.control.compute.drivers.process.driver import ProcessDriver, is_possible
from monoize.control.compute.errors import ProviderNotConfigured, ProviderUnknown
from monoize.control.compute.model.machines import ALL_METRICS, Driver, Metric, Ways
from monoize.infra.settings import Settings

_CURES: Final[Mapping[str, str]] = {
    PROCESS: "It needs Linux.",
    DOCKER: "There is no engine at docker_url.",
    FLY: "Set fly_api_token and fly_app_name.",
    HETZNER: "Set hetzner_api_token.",
}


class Drivers:
    def __init__(self, drivers: Sequence[Driver], *, engine: Path | None = None) -> None:
        self._drivers = {driver.name: driver for driver in drivers}
        self._engine = engine

    def of(self, provider: str) -> Driver:
        if provider not in self._drivers and provider not in _CURES:
            raise ProviderUnknown(provider=provider, known=sorted({*_CURES, *self._drivers}))
        if not self._is_here(provider):
            raise ProviderNotConfigured(
                f"The provider {provider} is not set up.", hint=_CURES.get(provider), provider=provider
            )
        return self._drivers[provider]

    @property
    def all(self) -> Sequence[Driver]:
        return [driver for name, driver in self._drivers.items() if self._is_here(name)]

    def metered(self, provider: str) -> frozenset[Metric]:
        """Of one that is not known everything counts: rather too much than too little."""
        driver = self._drivers.get(provider)
        return ALL_METRICS if driver is None else driver.metered

    async def close(self) -> None:
        for driver in self._drivers.values():
            await driver.close()

    def _is_here(self, provider: str) -> bool:
        """An engine may come and go while we run."""
        if provider == DOCKER and self._engine is not None and not self._engine.exists():
            return False
        return provider in self._drivers


def open_drivers(settings: Settings, installation: str, here: Ways) -> Drivers:
    """`here`: what containers may reach on this computer."""
    drivers: list[Driver] = [_docker(settings, installation, here)]
    if is_possible():
        drivers.append(ProcessDriver(settings.data_dir / "machines"))
    if settings.fly_api_token and settings.fly_app_name:
        drivers.append(_fly(settings))
    if settings.hetzner_api_token:
        drivers.append(_hetzner(settings))
    socket = settings.docker_url.removeprefix("unix://")
    return Drivers(drivers, engine=Path(socket) if socket != settings.docker_url else None)


def _docker(settings: Settings, installation: str, here: Ways) -> Driver:
    ports = {port for url in (f"//{here.proxy}", here.control_url) if (port := urlsplit(url).port)}
    wall = None if settings.docker_host_open else HostWall(installation, ports)
    return DockerDriver(settings.docker_url, installation, wall)


def _fly(settings: Settings) -> Driver:
    return FlyDriver(
        token=settings.fly_api_token,
        app=settings.fly_app_name,
        region=settings.fly_region,
        organization=settings.fly_org,
        api_url=settings.fly_api_url,
        metrics_url=settings.fly_metrics_url,
    )


def _hetzner(settings: Settings) -> Driver:
    return HetznerDriver(
        token=settings.hetzner_api_token,
        location=settings.hetzner_location,
        types=settings.hetzner_server_types,
        network_id=settings.hetzner_network_id or None,
        firewall_id=settings.hetzner_firewall_id or None,
        ssh_keys=settings.hetzner_ssh_key_names,
        api_url=settings.hetzner_api_url,
    )
