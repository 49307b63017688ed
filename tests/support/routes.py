"""Services to which routes may lead, put into the database as if somebody had deployed them."""

from sqlalchemy import insert

from monoize.control.projects.actions.proxy import Proxy
from monoize.control.projects.model.routes import Member
from monoize.control.projects.tables import projects, services
from support.house import RunningHouse


async def add_service(house: RunningHouse, name: str = "web", *ports: int) -> int:
    """Its id; a project of its own comes with it."""
    async with house.house.database.write() as tx:
        project = await tx.execute(insert(projects).values(name=f"project-of-{name}"))
        values = {
            "project_id": project.inserted_primary_key[0],
            "name": name,
            "image": "app:1",
            "ports": [{"container": port} for port in ports or (80,)],
            "desired_state": "stopped",
        }
        service = await tx.execute(insert(services).values(**values))
    return int(service.inserted_primary_key[0])


def proxy_of(house: RunningHouse) -> Proxy:
    proxy: Proxy = house.app.state.projects.proxy
    return proxy


def members(*ports: int, container_port: int = 80) -> list[Member]:
    return [Member(container_port, "127.0.0.1", port) for port in ports]
