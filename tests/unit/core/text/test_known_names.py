"""Names that exist, for a person who gave another one."""

import pytest

from sidecar.core.text.known_names import SHOWN, list_known

NAMES = ("electron-cash", "bitcoincash-service")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("electron-cahs", "did you mean electron-cash? there are: "),
        ("Bitcoincash-servic", "did you mean bitcoincash-service? there are: "),
        ("nonsense", "there are: "),
        ("electron-cahs" * 100, "there are: "),
    ],
)
def test_near_name_is_suggested_and_all_are_listed(name: str, text: str) -> None:
    assert list_known(name, NAMES) == f"{text}{', '.join(NAMES)}"


def test_without_names_the_list_says_none() -> None:
    assert list_known("a", ()) == "there are: none"


def test_long_list_is_cut_but_the_suggestion_is_not() -> None:
    names = [f"target-{number}" for number in range(SHOWN + 5)]
    text = list_known("taget-14", names)
    assert text.startswith("did you mean target-14? there are: target-0, ")
    assert text.endswith(f"target-{SHOWN - 1}, ...")
