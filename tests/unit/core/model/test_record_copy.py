"""Copies of records: as those of dataclasses.replace, for each kind of class."""

import dataclasses
import importlib
import pkgutil
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

import sidecar.core
from sidecar.core.model.health import Health
from sidecar.core.model.instance import Instance
from sidecar.core.model.record_copy import replace
from sidecar.core.model.target import InstanceId


def core_modules() -> list[ModuleType]:
    packages = pkgutil.walk_packages(sidecar.core.__path__, "sidecar.core.")
    return [importlib.import_module(package.name) for package in packages]


CORE_RECORDS = sorted(
    {
        kind
        for module in core_modules()
        for kind in vars(module).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    },
    key=lambda kind: f"{kind.__module__}.{kind.__qualname__}",
)


@pytest.mark.parametrize("kind", CORE_RECORDS, ids=lambda kind: kind.__qualname__)
def test_copy_of_each_record_of_the_core_has_all_other_fields(kind: type) -> None:
    names = [f.name for f in dataclasses.fields(kind)]
    record: Any = object.__new__(kind)
    for name in names:
        object.__setattr__(record, name, name)
    copy = replace(record, **{names[0]: "new"})
    assert type(copy) is kind
    assert copy is not record
    assert [getattr(copy, name) for name in names] == ["new", *names[1:]]
    assert [getattr(record, name) for name in names] == names


def test_copy_equals_that_of_the_standard_library_and_is_immutable() -> None:
    instance = Instance(InstanceId("wallet", 1), "wallet")
    health = Health(failures=3)
    copy = replace(instance, health=health)
    assert copy == dataclasses.replace(instance, health=health)
    assert hash(copy) == hash(dataclasses.replace(instance, health=health))
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        copy.health = Health()  # type: ignore[misc]  # that is the point
    assert copy.health is health


def test_unknown_field_is_refused() -> None:
    with pytest.raises((AttributeError, TypeError)):
        replace(Health(), nonsense=1)  # type: ignore[call-arg]  # that is the point


@dataclass(frozen=True, slots=True)
class Checked:
    number: int

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ValueError(self.number)


@dataclass(frozen=True, slots=True)
class Counted:
    text: str
    length: int = field(init=False, default=0)


@dataclass(frozen=True, slots=True)
class Base:
    number: int


@dataclass(frozen=True, slots=True)
class Derived(Base):
    text: str


class Plain:
    """A base class whose objects take any attribute."""


@dataclass(frozen=True, slots=True)
class Mixed(Plain):
    number: int
    text: str


@dataclass
class Open:
    number: int
    text: str = ""


def test_class_that_checks_its_fields_is_built_by_its_constructor() -> None:
    assert replace(Checked(1), number=2) == Checked(2)
    with pytest.raises(ValueError, match="-1"):
        replace(Checked(1), number=-1)


def test_class_of_another_layout_is_copied_all_the_same() -> None:
    assert replace(Derived(1, "a"), number=2) == Derived(2, "a")
    assert replace(Mixed(1, "a"), number=2) == Mixed(2, "a")
    assert replace(Open(1, "a"), text="b") == Open(1, "b")
    with pytest.raises((ValueError, TypeError), match="length"):
        replace(Counted("a"), length=1)
