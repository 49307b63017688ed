"""The providers of a document beside those that there are: which to write, and what that changes. Pure.

Providers are known by name, and channels by their name within a provider: another name is another thing.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from monoize.base.errors import Refusal
from monoize.control.catalog.errors import InvalidConfiguration, TooManyProviders
from monoize.control.catalog.model.configuration import Difference, Outcome, changed_fields
from monoize.control.catalog.model.providers import (
    KEPT,
    PROVIDERS_MOST,
    ChannelDraft,
    ChannelRecord,
    ChannelSettings,
    ModelEntry,
    ProviderDraft,
    ProviderRecord,
    ProviderSettings,
    check,
    check_credential_stays,
    multiplier_text,
)

ORDER: Final = "providers"
KEY_SET: Final = "set"
KEY_REPLACED: Final = "replaced"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A provider as it is and as it is to be. `place` is where the document speaks of it, if it does."""

    before: ProviderRecord | None
    after: ProviderDraft | None
    place: int | None = None

    @property
    def name(self) -> str:
        either = self.after or self.before
        assert either is not None
        return either.name


def steps(standing: Sequence[ProviderRecord], wanted: Sequence[ProviderDraft], *, prune: bool) -> list[Step]:
    """In the order in which they are to be tried."""
    by_name = {record.name: record for record in standing}
    named = [_step(by_name.get(draft.name), draft, place, prune=prune) for place, draft in enumerate(wanted)]
    _check(named)
    mentioned = {draft.name for draft in wanted}
    others = [record for record in standing if record.name not in mentioned]
    known = {
        step.name: step for step in (*named, *(Step(each, None if prune else each.draft()) for each in others))
    }
    if sum(step.after is not None for step in known.values()) > PROVIDERS_MOST:
        raise TooManyProviders
    return [known[name] for name in in_order([record.name for record in standing], [step.name for step in named])]


def in_order(standing: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Those that the document names take the places that they have now, in its order; the others stay in theirs.

    A new one comes right behind the one that the document has before it, or before the one that it has after it. If
    all are new, they come to the end.
    """
    known = [name for name in wanted if name in standing]
    places = iter(known)
    order = [next(places) if name in known else name for name in standing]
    behind = order.index(known[0]) if known else len(order)
    for name in wanted:
        if name in known:
            behind = order.index(name) + 1
        else:
            order.insert(behind, name)
            behind += 1
    return order


def differences(every: Sequence[Step]) -> list[Difference]:
    return [*(each for step in every for each in _of_step(step)), *_of_order(every)]


def is_changed(step: Step) -> bool:
    return any(True for _ in _of_step(step))


def _step(record: ProviderRecord | None, draft: ProviderDraft, place: int, *, prune: bool) -> Step:
    known = {channel.name: channel for channel in record.channels} if record else {}
    channels = [
        dataclasses.replace(channel, id=known[channel.name].id) if channel.name in known else channel
        for channel in draft.channels
    ]
    if not prune:
        named = {channel.name for channel in channels}
        channels += [channel.draft() for name, channel in known.items() if name not in named]
    return Step(record, dataclasses.replace(draft, channels=tuple(channels)), place)


def _check(named: Sequence[Step]) -> None:
    seen: set[str] = set()
    for step in named:
        assert step.after is not None
        if step.after.name in seen:
            raise InvalidConfiguration.at(f"providers/{step.place}/name", "Two providers have the same name.")
        seen.add(step.after.name)
        try:
            check(step.after)
            for before, after in _pairs(step):
                if before and after:
                    check_credential_stays(before, after)
        except Refusal as refusal:
            raise InvalidConfiguration.at(f"providers/{step.place}", refusal.message) from None


def _pairs(step: Step) -> Iterator[tuple[ChannelRecord | None, ChannelDraft | None]]:
    """Each channel as it is and as it is to be."""
    before = {channel.name: channel for channel in step.before.channels} if step.before else {}
    after = {channel.name: channel for channel in step.after.channels} if step.after else {}
    for name in dict.fromkeys((*before, *after)):
        yield before.get(name), after.get(name)


def _of_step(step: Step) -> Iterator[Difference]:
    before, after = step.before, step.after
    if after is None:
        assert before is not None
        yield Difference(outcome="removed", kind="provider", name=before.name)
        return
    changes = changed_fields(_facts(before) if before else _USUAL_PROVIDER, _facts(after))
    if changes or before is None:
        outcome: Outcome = "changed" if before else "added"
        yield Difference(outcome=outcome, kind="provider", name=after.name, changes=changes)
    for old, new in _pairs(step):
        yield from _of_channel(after.name, old, new)


def _of_channel(provider: str, before: ChannelRecord | None, after: ChannelDraft | None) -> Iterator[Difference]:
    if after is None:
        assert before is not None
        yield Difference(outcome="removed", kind="channel", name=f"{provider}/{before.name}")
        return
    has_key = before is not None and bool(before.sealed_credential)
    changes = changed_fields(
        {**(_facts(before) if before else _USUAL_CHANNEL), "api_key": KEY_SET if has_key else None},
        {**_facts(after), "api_key": _key_after(after, has_key=has_key)},
    )
    if changes or before is None:
        outcome: Outcome = "changed" if before else "added"
        yield Difference(outcome=outcome, kind="channel", name=f"{provider}/{after.name}", changes=changes)


def _key_after(channel: ChannelDraft, *, has_key: bool) -> str | None:
    if channel.credential is KEPT:
        return KEY_SET if has_key else None
    if channel.credential is None:
        return None
    return KEY_REPLACED if has_key else KEY_SET


def _of_order(every: Sequence[Step]) -> Iterator[Difference]:
    """Of those that were there and stay; where a new one comes in, is seen in the list itself."""
    stay = [step.before for step in every if step.before and step.after]
    after = [record.name for record in stay]
    before = [record.name for record in sorted(stay, key=lambda record: (record.priority, record.id))]
    if before != after:
        changes = changed_fields({ORDER: before}, {ORDER: after})
        yield Difference(outcome="changed", kind="order", name=ORDER, changes=changes)


def _facts(value: ProviderSettings | ChannelSettings) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(ProviderSettings if isinstance(value, ProviderSettings) else ChannelSettings):
        setting = getattr(value, field.name)
        if field.name == "models":
            found |= {f"models/{entry.name}": _model(entry) for entry in setting}
        elif dataclasses.is_dataclass(setting) and not isinstance(setting, type):
            found |= {f"{field.name}/{name}": inner for name, inner in dataclasses.asdict(setting).items()}
        elif field.name != "name":
            found[field.name] = _plain(setting)
    return found


def _without(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return {each: value for each, value in facts.items() if each != name}


def _model(entry: ModelEntry) -> Mapping[str, Any]:
    return {"redirect": entry.redirect, "multiplier": multiplier_text(entry.multiplier)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value


# What a new one has if nobody says otherwise; what it cannot do without is always told.
_USUAL_PROVIDER: Final = _without(_facts(ProviderSettings(name="", type="echo")), "type")
_USUAL_CHANNEL: Final = _without(_facts(ChannelSettings(name="", base_url="")), "base_url")
