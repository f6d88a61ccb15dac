"""Each cause, guard and probe type has all its entries; a missing entry fails here."""

import dataclasses
import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from msgspec import structs

from sidecar.config.file.probe_sections import (
    Probe,
)
from sidecar.config.labels.label_rules import probe_faults
from sidecar.config.secrets import secrets_of
from sidecar.config.settings import Settings
from sidecar.core.model.cause import Cause, CauseSource
from sidecar.core.model.cause_rules import CAUSES
from sidecar.core.model.guard import Guard
from sidecar.core.model.probe_settings import LogProbe, ProbeSettings, ProbeWay
from sidecar.core.policy.guards.table import GUARDS
from sidecar.probes.prober import PROBES
from tests.support.config_files import load_text
from tests.support.repository import REPOSITORY

DOCS = REPOSITORY / "docs"
KINDS = get_args(ProbeSettings)


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def table_keys(text: str) -> list[str]:
    """The names in the first column of the tables of a page."""
    return re.findall(r"^\| `(\w+)`", text, re.MULTILINE)


def test_every_guard_that_is_asked_has_its_function_in_order() -> None:
    asked = [guard for guard in Guard if guard.rule.is_asked]
    assert [guard for guard, _ in GUARDS] == asked


def test_every_guard_is_a_row_of_the_behaviour_page() -> None:
    text = page("behaviour")
    begin = text.index("these are asked in turn")
    rows = table_keys(text[begin : text.index("Three other reasons")])
    by_itself = {guard for guard in Guard if not guard.rule.is_asked}
    assert set(rows) == set(Guard) - by_itself
    for guard in by_itself - {Guard.NONE}:
        assert f"`{guard}`" in text


def test_every_cause_has_its_row() -> None:
    assert CAUSES.keys() == set(Cause)


@pytest.mark.parametrize("cause", Cause)
def test_cause_rule_has_its_required_texts(cause: Cause) -> None:
    rule = CAUSES[cause]
    assert rule.advice
    assert rule.was
    assert rule.next_steps
    needs_reason = rule.remedy is None or cause is Cause.WALLET_NOT_LOADED
    assert bool(rule.why_not) is needs_reason or cause is Cause.NOT_RUNNING


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_is_explained_on_the_page_of_causes(cause: Cause) -> None:
    assert re.search(rf"^## .*\b{cause}\b", page("causes"), re.MULTILINE), cause
    assert re.search(
        rf"^\| \[`.*`{cause}`|^\| \[`{cause}`", page("causes"), re.MULTILINE
    )


def test_causes_of_unknown_results_are_never_treated() -> None:
    for cause, rule in CAUSES.items():
        if rule.source is CauseSource.UNKNOWN_PROBE:
            assert rule.remedy is None, cause


def test_every_probe_kind_has_a_section_of_the_same_type() -> None:
    tags = {str(section.__struct_config__.tag) for section in get_args(Probe)}
    assert tags == {kind.TYPE for kind in KINDS}


def test_every_probe_kind_has_its_probe() -> None:
    assert PROBES.keys() == set(KINDS)


SAMPLES: dict[str, object] = {
    "url": "http://elsewhere:1/",
    "host": "elsewhere",
    "port": 1,
    "method": "ping",
    "command": ["true"],
    "username": "operator",
    "set": "disk_full",
}
"""A value for each key that a kind of probe needs, and for the user of a password."""

SECTIONS = {str(s.__struct_config__.tag): s for s in get_args(Probe)}


def probe_of(kind: type[ProbeSettings], folder: Path, **more: object) -> Settings:
    needed = [f.name for f in structs.fields(SECTIONS[kind.TYPE]) if f.required]
    needed += ["set"] if kind is LogProbe else []
    probe = {"type": kind.TYPE, **{name: SAMPLES[name] for name in needed}, **more}
    return load_text(yaml.dump({"targets": {"one": {"probe": probe}}}), folder)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.TYPE)
def test_secret_files_of_a_probe_kind_are_read_and_masked(
    kind: type[ProbeSettings], tmp_path: Path
) -> None:
    names = [f.name for f in structs.fields(SECTIONS[kind.TYPE])]
    for name in (n for n in names if n.endswith("password_file")):
        (tmp_path / name).write_text(f"secret of {name}")
        more: dict[str, object] = {name: str(tmp_path / name)}
        if name == "password_file" and "username" in names:
            more["username"] = SAMPLES["username"]
        settings = probe_of(kind, tmp_path, **more)
        assert f"secret of {name}" in settings.secrets
        assert f"secret of {name}" in secrets_of(settings.targets)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.TYPE)
def test_label_of_a_probe_kind_names_no_other_host(
    kind: type[ProbeSettings], tmp_path: Path
) -> None:
    (probe,) = probe_of(kind, tmp_path).targets[0].probes
    named = {"url", "host"} & {f.name for f in dataclasses.fields(probe)}
    faults = [fault.path for fault in probe_faults(probe, ("wallet",))]
    assert [path for path in faults if path.endswith(tuple(named or ["none"]))] == [
        f"sidecar.probe.{name}" for name in named
    ]
    assert bool(named) is (kind.WAY is not ProbeWay.ENGINE)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.TYPE)
def test_every_probe_kind_is_on_the_configuration_page(
    kind: type[ProbeSettings],
) -> None:
    begin = page("configuration").partition("### Probes\n")[2]
    assert f"`{kind.TYPE}`" in begin.partition("### `restart`")[0]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.TYPE)
def test_every_probe_kind_is_explained_on_the_page_of_probes(
    kind: type[ProbeSettings],
) -> None:
    assert f"`{kind.TYPE}`" in page("probes")
