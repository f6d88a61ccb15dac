"""Copies of records with other values: what dataclasses.replace does, ten times faster.

A step of the loop copies a few records of up to 60 fields for each probe. The standard
function passes each field to the constructor by its name, and a frozen constructor
calls a function for each; together that was a tenth of a probe's cost. The core uses
this function, and so does probes/probe_target.py, which makes a copy for each probe.
Elsewhere copies are rare, and the standard one is used: the first copy of a class takes
up to a millisecond here.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # The type checker knows the fields of each class only for this function.
    from dataclasses import replace as replace  # noqa: PLC0414 - exported
else:

    def replace(record, /, **changes):  # noqa: ANN001, ANN003, ANN201 - see above
        """A copy of a dataclass's instance with these fields replaced.

        TypeError or AttributeError: there is no such field.
        """
        kind = type(record)
        copy_fields = _find_copier(kind)
        if copy_fields is None:
            return dataclasses.replace(record, **changes)
        copy = copy_fields(record)
        for name, value in changes.items():
            setattr(copy, name, value)
        copy.__class__ = kind
        return copy


@cache
def _find_copier(kind: type) -> Callable[[Any], Any] | None:
    """A function that copies all fields into a writable object of the same layout.

    None: the class must be built by its constructor.
    """
    fields = dataclasses.fields(kind)
    names = tuple(field.name for field in fields)
    is_plain = kind.__bases__ == (object,) and all(field.init for field in fields)
    has_slots = kind.__dict__.get("__slots__") == names
    if not is_plain or not has_slots or hasattr(kind, "__post_init__"):
        return None
    writable = type(kind.__name__, (), {"__slots__": names})
    lines = [f"    copy.{name} = record.{name}" for name in names]
    text = "\n".join(("def copy_fields(record):", "    copy = new()", *lines))
    scope: dict[str, Any] = {"new": writable}
    exec(f"{text}\n    return copy\n", scope)  # noqa: S102 - as dataclasses does
    copier: Callable[[Any], Any] = scope["copy_fields"]
    return copier
