"""The targets that the page shows, where it cannot show all of them."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sidecar.core.model.instance import Instance
from sidecar.core.model.state import State
from sidecar.core.model.target_state import SERVING_STATES
from sidecar.web.page.target_view import LEVEL_ORDER, LEVELS, TargetView
from sidecar.web.page.texts import PageTexts

SHOWN_TARGETS = 500
"""More cards than that nobody reads, and browsers become slow."""


class HiddenTargets(NamedTuple):
    """The targets without a card: their number by state, and in words.

    ``search``: the part of the names that is looked for; empty: none.
    """

    by_state: Counter[str]
    text: str
    search: str = ""


NOTHING_HIDDEN = HiddenTargets(Counter(), "")


def choose_shown(state: State, search: str = "") -> tuple[Instance, ...]:
    """The instances to show, in their order: all, or SHOWN_TARGETS of them.

    Those that need attention come first. ``search``: only names that contain it.
    """
    instances = tuple(state.instances.values())
    if search:
        wanted = search.casefold()
        instances = tuple(i for i in instances if wanted in i.name.casefold())
    if len(instances) <= SHOWN_TARGETS:
        return instances
    urgencies = [_URGENCY[instance.state] for instance in instances]
    by_urgency = sorted(range(len(instances)), key=urgencies.__getitem__)
    return tuple(instances[place] for place in sorted(by_urgency[:SHOWN_TARGETS]))


def find_hidden(
    state: State, views: Sequence[TargetView], search: str, texts: PageTexts
) -> HiddenTargets:
    """The targets that are in no view."""
    hidden: Counter[str] = Counter(i.state for i in state.instances.values())
    hidden.subtract(view.state for view in views)
    count = hidden.total()
    if not count:
        return NOTHING_HIDDEN._replace(search=search)
    ill = count - sum(hidden[state] for state in SERVING_STATES)
    key = "hidden.some" if ill else "hidden.all_work"
    text = texts("hidden.others" if search else key, count=f"{count:,}")
    return HiddenTargets(+hidden, text, search)


_URGENCY = {state: LEVEL_ORDER.index(level) for state, level in LEVELS.items()}
