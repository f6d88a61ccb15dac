"""``docs/architecture.md``: its files exist, and its recipes leave no file out."""

import re

import pytest

from tests.support.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "architecture.md").read_text()
PATH = re.compile(r"`((?:sidecar|docs|tests|scripts)/[\w./-]*)`")
SEARCHED = [
    path
    for folder, pattern in (
        ("sidecar", "*.py"),
        ("sidecar", "*.po"),
        ("docs", "*.md"),
        ("docs", "*.json"),
    )
    for path in sorted((REPOSITORY / folder).rglob(pattern))
    if path.name != "architecture.md"
]

EXAMPLES = {
    "Add a probe kind": r"(Tcp|Http)(Probe|Section)|`tcp`",
    "Add a guard": r"[`\"]recently_restarted[`\"]|`rate_limit`|"
    r"RECENTLY_RESTARTED|RATE_LIMIT\b",
    "Add a setting of a target": r"self_restart_grace",
    "Add a cause": r"Cause\.COMMAND_FAILED|command_failed",
    "Add a reason": r"COMMAND_FAILED_SILENTLY|command_failed_silently",
    "Add a message": r"MessageKind\.STORE_LOST|title\.store_lost",
    "Add a kind of channel": r"NtfySettings|\"ntfy\"|kind: ntfy",
    "Add a metric": r"WALLET_ADDRESSES|sidecar_wallet_addresses",
    "Add an alert": r"SidecarLoopLate",
    "Add a stored field": r"refused_starts: ",
    "Add a hazard": r"anonymous_volume",
    "Add an engine call": r"\bDOCTOR\b|_client\.info\(\)|`GET /info`",
    "Add a command": r"ReleaseRequested|def release\(api|(?<!scripts)[}/]release`?",
    "Add a kind of task": r"TaskKind\.COMMAND|CommandTaskSection|TargetCommand",
    "Add a fault of a drill": r"NETCUT|\bnetcut\b",
    "Add a part of the status page": r"build_plans|page\.plans\.none",
    "Add a field to an answer of the HTTP API": r"\bpaused_until\b",
    "Add a path to the HTTP API": r"/api/v1/remedies|\bRemedyList\b",
}
"""By recipe: how an existing thing of its kind is named wherever it stands."""

BESIDE_IT = {
    "Add a probe kind": ("sidecar/config/check/healthcheck.py",),
    "Add a guard": ("sidecar/storage/schema.py",),
    "Add a setting of a target": ("docs/behaviour.md", "docs/causes.md"),
    "Add a cause": (
        "sidecar/core/policy/",
        "sidecar/core/reason/",
        "sidecar/locale/ko/LC_MESSAGES/reasons.po",
    ),
    "Add a reason": ("sidecar/probes/",),
    "Add a field to an answer of the HTTP API": (
        "sidecar/core/policy/next_failure.py",
        "sidecar/web/page/target_view.py",
        "sidecar/locale/",
    ),
    "Add a path to the HTTP API": ("sidecar/cli/history.py", "docs/reports.md"),
}
"""Where the example stands for another reason: as a reason, or as a use of it."""


def recipe(title: str) -> str:
    return PAGE.split(f"### {title}\n", 1)[1].split("\n### ", 1)[0]


def listed_paths(title: str) -> set[str]:
    paths = set(PATH.findall(recipe(title)))
    for other in re.findall(r'as under "([^"]+)"', recipe(title)):
        paths |= listed_paths(other)
    return paths


def test_every_recipe_has_an_example() -> None:
    assert set(re.findall(r"^### (.+)$", PAGE, re.MULTILINE)) == EXAMPLES.keys()


@pytest.mark.parametrize("path", sorted(set(PATH.findall(PAGE))))
def test_a_path_of_the_page_exists(path: str) -> None:
    assert (REPOSITORY / path).exists()


@pytest.mark.parametrize("title", EXAMPLES)
def test_a_recipe_lists_every_file_that_names_its_example(title: str) -> None:
    example = re.compile(EXAMPLES[title], re.MULTILINE)
    named = {
        str(path.relative_to(REPOSITORY))
        for path in SEARCHED
        if example.search(path.read_text())
    }
    covered = (*listed_paths(title), *BESIDE_IT.get(title, ()))
    assert named
    assert {path for path in named if not path.startswith(covered)} == set()


def test_every_core_room_is_on_the_page() -> None:
    rooms = [p.name for p in (REPOSITORY / "sidecar/core").iterdir() if p.is_dir()]
    order = PAGE.split("## The order inside `core`", 1)[1].split("##", 1)[0]
    for room in set(rooms) - {"__pycache__"}:
        assert re.search(rf"\b{room}\b", order), room
