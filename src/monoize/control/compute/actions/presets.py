"""What administrators do with machine presets, and which of them a plan includes. Named by name or id."""

from collections.abc import Mapping
from typing import Any

from monoize.base.ids import new_id
from monoize.base.principal import Principal
from monoize.control.compute.actions.standings import plan_of
from monoize.control.compute.errors import NoSuchPreset, PresetInUse
from monoize.control.compute.model.plans import Preset
from monoize.control.compute.store import machines, plans, presets
from monoize.control.edge.wire import Page, Window
from monoize.infra.audit_log import Change
from monoize.infra.db import Tx


async def list_presets(tx: Tx, caller: Principal, window: Window, *, plan: str | None = None) -> Page[Preset]:
    """Of a plan; or all of them, which to somebody without the permission are those of their own plan."""
    if caller.may("compute.read"):
        plan_id = (await plans.find(tx, plan)).id if plan is not None else None
        return window.page(await presets.page(tx, window, plan_id=plan_id), lambda preset: preset.id)
    own = await plan_of(tx, caller.user_id) if caller.user_id else None
    if own is None or plan not in (None, own.id, own.name):
        return Page([], None)
    return window.page(await presets.page(tx, window, plan_id=own.id), lambda preset: preset.id)


async def get_preset(tx: Tx, caller: Principal, named: str) -> Preset:
    """One that the caller's plan does not include is not there, unless they may see all."""
    preset = await presets.find(tx, named)
    if not caller.may("compute.read"):
        own = await plan_of(tx, caller.user_id) if caller.user_id else None
        if own is None or not await plans.includes(tx, own.id, preset.id):
            raise NoSuchPreset
    return preset


async def made_from(tx: Tx, preset_id: str) -> Preset:
    """For those who may see the machine: their plan need not include the preset any more."""
    return await presets.get(tx, preset_id)


async def of_user(tx: Tx, user_id: str, window: Window) -> Page[Preset]:
    """What somebody's machines may be made from: those of their plan."""
    plan = await plan_of(tx, user_id)
    if plan is None:
        return Page([], None)
    return window.page(await presets.page(tx, window, plan_id=plan.id), lambda preset: preset.id)


async def create_preset(change: Change, values: Mapping[str, Any]) -> Preset:
    preset = await presets.add(change.tx, id=new_id(), values=values)
    change.record("preset.create", "preset", preset.id, name=preset.name, provider=preset.provider)
    return preset


async def update_preset(change: Change, named: str, values: Mapping[str, Any]) -> Preset:
    """Machines that are there already stay as they were made, until they are made again."""
    preset = await presets.find(change.tx, named, lock=True)
    changed = await presets.change(change.tx, preset.id, values) if values else preset
    change.record("preset.update", "preset", preset.id, name=changed.name, changed=sorted(values))
    return changed


async def delete_preset(change: Change, named: str) -> None:
    preset = await presets.find(change.tx, named, lock=True)
    if made := await machines.count_from(change.tx, preset.id):
        raise PresetInUse(machines=made)
    await presets.remove(change.tx, preset.id)
    change.record("preset.delete", "preset", preset.id, name=preset.name)


async def link(change: Change, plan: str, preset: str) -> None:
    """The plan includes the preset from now on."""
    of, which = await plans.find(change.tx, plan, lock=True), await presets.find(change.tx, preset)
    await plans.link(change.tx, of.id, which.id)
    change.record("plan.link", "plan", of.id, name=of.name, preset=which.name)


async def unlink(change: Change, plan: str, preset: str) -> None:
    """Machines that were made from it stay."""
    of, which = await plans.find(change.tx, plan, lock=True), await presets.find(change.tx, preset)
    await plans.unlink(change.tx, of.id, which.id)
    change.record("plan.unlink", "plan", of.id, name=of.name, preset=which.name)
