"""Immutable table of the instances: to replace one of them costs the same in any stack.

The instances stand in blocks, in the order in which the table was built. A replacement
copies one block and the list of blocks; all other blocks are shared with the table
before. Each block knows which of its instances a rule looks for, so such a search
skips the others. A library's persistent map was no choice: it is ordered by hashes,
which differ from process to process, and the order of decisions must not.
"""

from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
    ValuesView,
)
from functools import reduce
from itertools import chain
from operator import or_
from typing import NamedTuple

from sidecar.core.model.instance import Instance
from sidecar.core.model.target import InstanceId

BLOCK = 64
"""Instances of a block: a replacement copies one, and one entry for each block."""

_UNSETTLED, _IN_REMEDY, _UNREACHED, _IN_INCIDENT, _FORESEEN = 1, 2, 4, 8, 16


class _Block(NamedTuple):
    """``flags``: a byte for each instance; ``any_flags``: those of any of them.

    ``reached_mono``: the latest of its instances' ``reached_mono``.
    """

    instances: tuple[Instance, ...]
    flags: bytes
    any_flags: int
    reached_mono: float


def _build_block(instances: tuple[Instance, ...]) -> _Block:
    flags = bytes(map(_flags_of, instances))
    reached_mono = max(i.health.reached_mono for i in instances)
    return _Block(instances, flags, reduce(or_, flags), reached_mono)


def _flags_of(instance: Instance) -> int:
    health, memory = instance.health, instance.memory
    flags = 0
    # UNKNOWN results count once they have lasted, also without another probe.
    if not instance.is_unaffected_by_time or health.blind is not None:
        flags = _UNSETTLED
    if instance.remedy is not None or instance.loading is not None:
        flags |= _IN_REMEDY
    if health.is_unreached:
        flags |= _UNREACHED
    if instance.incident is not None:
        flags |= _IN_INCIDENT
    forecast = None if memory is None else memory.forecast
    if forecast is not None and forecast.silence is None:
        flags |= _FORESEEN
    return flags


def _replace_in_block(block: _Block, place: int, instance: Instance) -> _Block:
    instances, flags, any_flags, reached_mono = block
    old, new_flags = instances[place], _flags_of(instance)
    replaced = (*instances[:place], instance, *instances[place + 1 :])
    if flags[place] != new_flags:
        flags = b"%b%c%b" % (flags[:place], new_flags, flags[place + 1 :])
        any_flags = reduce(or_, flags)
    if instance.health.reached_mono >= reached_mono:
        reached_mono = instance.health.reached_mono
    elif old.health.reached_mono == reached_mono:
        reached_mono = max(i.health.reached_mono for i in replaced)
    return _Block(replaced, flags, any_flags, reached_mono)


class InstanceTable(Mapping[InstanceId, Instance]):
    """The instances by their ids. Made by ``build_table`` and ``with_instances``."""

    __slots__ = ("any_flags", "blocks", "places")

    def __init__(
        self,
        places: Mapping[InstanceId, int],
        blocks: tuple[_Block, ...],
        any_flags: int,
    ) -> None:
        self.places = places
        self.blocks = blocks
        self.any_flags = any_flags

    def __getitem__(self, instance_id: InstanceId) -> Instance:  # type: ignore[explicit-override]
        block, place = divmod(self.places[instance_id], BLOCK)
        return self.blocks[block].instances[place]

    def __contains__(self, instance_id: object) -> bool:  # type: ignore[explicit-override]
        return instance_id in self.places

    def __iter__(self) -> Iterator[InstanceId]:  # type: ignore[explicit-override]
        return iter(self.places)

    def __len__(self) -> int:  # type: ignore[explicit-override]
        return len(self.places)

    def __repr__(self) -> str:  # type: ignore[explicit-override]
        return f"build_table({dict(self)!r})"

    def values(self) -> ValuesView[Instance]:  # type: ignore[explicit-override]
        """The instances, in order."""
        return _Values(self)

    def items(self) -> ItemsView[InstanceId, Instance]:  # type: ignore[explicit-override]
        """The ids and their instances, in order."""
        return _Items(self)

    def with_instances(self, instances: Sequence[Instance]) -> "InstanceTable":
        """The table with these instances replaced; one that is new comes last."""
        if any(instance.id not in self.places for instance in instances):
            return build_table({**self, **{i.id: i for i in instances}})
        blocks = list(self.blocks)
        has_other_flags = False
        for instance in instances:
            number, place = divmod(self.places[instance.id], BLOCK)
            before = blocks[number]
            blocks[number] = _replace_in_block(before, place, instance)
            has_other_flags |= blocks[number].any_flags != before.any_flags
        any_flags = _join_flags(blocks) if has_other_flags else self.any_flags
        return InstanceTable(self.places, tuple(blocks), any_flags)

    def has_same_ids(self, other: "InstanceTable") -> bool:
        """Is the other table of the same list of instances?"""
        return self.places is other.places

    def changed_since(self, before: "InstanceTable") -> Iterator[InstanceId]:
        """Ids of the instances that differ from those before, or are new."""
        if not self.has_same_ids(before):
            yield from (i for i, own in self.items() if before.get(i) is not own)
            return
        for block, old in zip(self.blocks, before.blocks, strict=True):
            if block is not old:
                pairs = zip(block.instances, old.instances, strict=True)
                yield from (own.id for own, other in pairs if own is not other)

    def unsettled(self) -> Iterator[Instance]:
        """Those that time alone could change, or that wait for an answer."""
        return self._flagged(_UNSETTLED)

    def in_remedy(self) -> Iterator[Instance]:
        """Those with a current remedy, or load of a wallet."""
        return self._flagged(_IN_REMEDY)

    def unreached(self) -> Iterator[Instance]:
        """Those that the last probe did not reach: maybe we have no network."""
        return self._flagged(_UNREACHED)

    def in_incident(self) -> Iterator[Instance]:
        """Those that belong to an incident."""
        return self._flagged(_IN_INCIDENT)

    def foreseen(self) -> Iterator[Instance]:
        """Those whose memory will reach its limit, by the forecast."""
        return self._flagged(_FORESEEN)

    def reached_since(self, mono: float) -> Iterator[Instance]:
        """Those whose last probe reached them, and began at ``mono`` or later."""
        for block in self.blocks:
            if block.reached_mono >= mono:
                for instance in block.instances:
                    if instance.health.reached_mono >= mono:
                        yield instance

    def _flagged(self, flag: int) -> Iterator[Instance]:
        if not self.any_flags & flag:
            return
        for block in self.blocks:
            if block.any_flags & flag:
                for instance, flags in zip(block.instances, block.flags, strict=True):
                    if flags & flag:
                        yield instance


def build_table(instances: Mapping[InstanceId, Instance]) -> InstanceTable:
    """The table of these instances, in their order."""
    all_ = tuple(instances.values())
    places = {instance_id: place for place, instance_id in enumerate(instances)}
    blocks = [
        _build_block(all_[first : first + BLOCK])
        for first in range(0, len(all_), BLOCK)
    ]
    return InstanceTable(places, tuple(blocks), _join_flags(blocks))


def rebuild_table(
    before: InstanceTable, instances: Mapping[InstanceId, Instance]
) -> InstanceTable:
    """The table of these instances: where few have changed, most of the one before."""
    if tuple(before) != tuple(instances):
        return build_table(instances)
    pairs = zip(instances.values(), before.values(), strict=True)
    changed = [instance for instance, old in pairs if instance is not old]
    if len(changed) > len(instances) / 8:  # Each costs as much as eight built anew.
        return build_table(instances)
    return before.with_instances(changed)


def _join_flags(blocks: Iterable[_Block]) -> int:
    return reduce(or_, (block.any_flags for block in blocks), 0)


class _Values(ValuesView[Instance]):
    """The instances; a Mapping's own view looks each of them up by its id."""

    _mapping: InstanceTable

    def __iter__(self) -> Iterator[Instance]:  # type: ignore[explicit-override]
        return chain.from_iterable(b.instances for b in self._mapping.blocks)


class _Items(ItemsView[InstanceId, Instance]):
    _mapping: InstanceTable

    def __iter__(self) -> Iterator[tuple[InstanceId, Instance]]:  # type: ignore[explicit-override]
        return zip(self._mapping, self._mapping.values(), strict=True)
