"""Settings of ``log`` probes, of the file and of labels."""

from pathlib import Path

import pytest
import yaml

from sidecar.config.labels.targets import targets_in_force
from sidecar.config.problem import ConfigProblem
from sidecar.core.model.probe_settings import FieldPattern, LogProbe, OnMatch
from tests.support.config_files import faults_of, load_text
from tests.support.labelled_containers import container, labels

WHOLE = """
targets:
  shop:
    probe:
      type: log
      patterns:
        - '(?i)unhandled exception'
        - {field: level, matches: '^(error|fatal)$'}
      set: [disk_full, out_of_memory]
      count: 5
      window: 10m
      cooldown: 1h
      on_match: planned_restart
"""


def faults_of_probe(folder: Path, **keys: object) -> dict[str, ConfigProblem]:
    probe = {"type": "log", **keys}
    text = yaml.dump({"targets": {"shop": {"probe": probe}}})
    return {
        path.removeprefix("targets.shop.probe."): fault
        for path, fault in faults_of(text, folder).items()
    }


def test_every_key_of_the_probe_is_taken(tmp_path: Path) -> None:
    (probe,) = load_text(WHOLE, tmp_path).targets[0].probes
    assert probe == LogProbe(
        patterns=(
            "(?i)unhandled exception",
            FieldPattern("level", "^(error|fatal)$"),
        ),
        sets=("disk_full", "out_of_memory"),
        count=5,
        window_s=600.0,
        cooldown_s=3600.0,
        on_match=OnMatch.PLANNED_RESTART,
    )


def test_one_set_needs_no_list_and_warns_by_default(tmp_path: Path) -> None:
    text = "targets: {shop: {probe: {type: log, set: disk_full}}}"
    (probe,) = load_text(text, tmp_path).targets[0].probes
    assert probe == LogProbe(sets=("disk_full",), on_match=OnMatch.WARN)


@pytest.mark.parametrize(
    ("keys", "path", "words"),
    [
        ({}, "patterns", "patterns, a set, or both"),
        ({"patterns": []}, "patterns", "list"),
        ({"patterns": ["x", "(a"]}, "patterns[1]", "expression of RE2"),
        ({"patterns": ["a(?=b)"]}, "patterns[0]", "no look-around"),
        ({"patterns": [r"(a)\1"]}, "patterns[0]", "no back references"),
        ({"patterns": ["x*"]}, "patterns[0]", "not every line matches"),
        ({"patterns": ["x" * 1001]}, "patterns[0]", "1 to 1000"),
        (
            {"patterns": [{"field": "level", "matches": "["}]},
            "patterns[0].matches",
            "expression of RE2",
        ),
        ({"set": "disc_full"}, "set", "disk_full"),
        ({"set": "disk_full", "count": 0}, "count", "1"),
        ({"set": "disk_full", "window": "0s"}, "window", "above zero"),
        ({"set": "disk_full", "on_match": "restart"}, "on_match", "planned_restart"),
        ({"set": "disk_full", "pattern": "x"}, "pattern", "patterns"),
    ],
)
def test_fault_names_the_key_and_what_is_allowed(
    keys: dict[str, object], path: str, words: str, tmp_path: Path
) -> None:
    faults = faults_of_probe(tmp_path, **keys)
    assert path in faults, faults
    assert words in faults[path].line


def test_fault_of_an_expression_says_why(tmp_path: Path) -> None:
    fault = faults_of_probe(tmp_path, patterns=["(unclosed"])["patterns[0]"]
    assert "missing )" in fault.line


def test_label_can_choose_a_set(tmp_path: Path) -> None:
    label_values = labels(
        probe__type="log", probe__set="disk_full, out_of_memory", probe__count="3"
    )
    targets, faults = targets_in_force(
        load_text("{}", tmp_path), (container("shop", label_values),)
    )
    assert faults == ()
    assert targets[0].probes == (
        LogProbe(sets=("disk_full", "out_of_memory"), count=3),
    )


@pytest.mark.parametrize(
    ("label_values", "word"),
    [
        ({"probe__patterns": "error"}, "probe.patterns"),
        ({"probe__set": "disk_full", "probe__on_match": "fail"}, "probe.on_match"),
        (
            {"probe__set": "disk_full", "probe__on_match": "planned_restart"},
            "probe.on_match",
        ),
        ({"probe__set": "disk_full", "probe__count": "0"}, "probe.count"),
        ({"probe__set": "disk_full", "probe__window": "48h"}, "probe.window"),
    ],
)
def test_label_cannot_restart_by_a_log_or_bring_an_expression(
    label_values: dict[str, str], word: str, tmp_path: Path
) -> None:
    labelled = container("shop", labels(probe__type="log", **label_values))
    targets, faults = targets_in_force(load_text("{}", tmp_path), (labelled,))
    assert targets == ()
    assert any(word in fault.line for fault in faults), faults
