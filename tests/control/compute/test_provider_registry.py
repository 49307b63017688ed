"""Which providers there are, by the settings."""

from pathlib import Path

import pytest

from monoize.control.compute.drivers.registry import Drivers, open_drivers
from monoize.control.compute.errors import ProviderNotConfigured, ProviderUnknown
from monoize.control.compute.model.machines import Ways
from monoize.infra.settings import Settings, load

HERE = Ways("127.0.0.1:3128", "http://127.0.0.1:8080")


def opened(tmp_path: Path, **settings: str) -> Drivers:
    made = Settings(data_dir=tmp_path, docker_url=f"unix://{tmp_path}/docker.sock", **settings)
    return open_drivers(made, "0123456789ab", HERE)


async def test_processes_are_there_everywhere_and_an_engine_when_it_is(tmp_path: Path) -> None:
    drivers = opened(tmp_path)

    assert ["process"] == [driver.name for driver in drivers.all]
    with pytest.raises(ProviderNotConfigured, match="docker"):
        drivers.of("docker")
    (tmp_path / "docker.sock").touch()
    assert "docker" == drivers.of("docker").name
    await drivers.close()


@pytest.mark.parametrize("provider", ["fly", "hetzner"])
async def test_a_cloud_without_a_credential_is_named(tmp_path: Path, provider: str) -> None:
    with pytest.raises(ProviderNotConfigured) as refused:
        opened(tmp_path).of(provider)

    assert provider in refused.value.message
    assert f"{provider}_api_token" in (refused.value.cure or "")


async def test_clouds_are_there_by_the_names_that_their_own_tools_read(tmp_path: Path) -> None:
    environ = {
        "MONOIZE_DATA_DIR": str(tmp_path),
        "FLY_API_TOKEN": "f",
        "FLY_APP_NAME": "agents",
        "HETZNER_API_TOKEN": "plain",
        "MONOIZE_HETZNER_API_TOKEN": "prefixed",
        "HETZNER_NETWORK_ID": "7",
        "HETZNER_SSH_KEY_NAMES": "ops, dev",
    }
    effective = load(environ, Path("/dev/null"))
    drivers = open_drivers(effective.settings, "0123456789ab", HERE)

    assert {"fly", "hetzner"} <= {driver.name for driver in drivers.all}
    assert ("prefixed", 7) == (effective.settings.hetzner_api_token, effective.settings.hetzner_network_id)
    assert ("ops", "dev") == effective.settings.hetzner_ssh_key_names
    assert "environment FLY_API_TOKEN" == effective.sources["fly_api_token"]
    await drivers.close()


async def test_an_unknown_provider_is_refused_and_counts_everything(tmp_path: Path) -> None:
    drivers = opened(tmp_path, fly_api_token="t", fly_app_name="a")

    with pytest.raises(ProviderUnknown) as refused:
        drivers.of("abacus")
    assert ["docker", "fly", "hetzner", "process"] == refused.value.details["known"]
    assert {"bandwidth", "cpu", "memory"} == drivers.metered("abacus") == drivers.metered("process")
    assert {"bandwidth"} == drivers.metered("fly")
