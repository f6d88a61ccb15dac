"""The page's parts as HTML, each kept until what it shows changes."""

from collections.abc import Iterator, Mapping

from sidecar.web.page.page_views import PageViews
from sidecar.web.page.target_view import TargetView
from sidecar.web.page.templates import Templates
from sidecar.web.page.texts import PageTexts

Fragments = dict[str, str]


class FragmentWriter:
    """Writes the parts for one language and one kind of viewer.

    They hold no token of a form, so that all viewers of a kind share them.
    """

    def __init__(
        self, templates: Templates, texts: PageTexts, *, is_operator: bool
    ) -> None:
        self._templates = templates
        self.texts = texts
        self._is_operator = is_operator
        self._cards: dict[str, tuple[TargetView, Fragments]] = {}

    def stack_parts(self, views: PageViews) -> Fragments:
        """The parts about the stack as a whole, by their ids."""
        return {
            name: self.render(name, values)
            for name, values in views.stack_parts.items()
        }

    def target_parts(self, view: TargetView) -> Fragments:
        """The parts of one target's card, by their ids."""
        cached = self._cards.get(view.id)
        if cached is not None and cached[0] == view:
            return cached[1]
        fragments = dict(self._write_target(view))
        self._cards[view.id] = (view, fragments)
        return fragments

    def forget_others(self, views: PageViews) -> None:
        """Forget targets that are no longer there."""
        if len(self._cards) > len(views.targets):
            names = {view.id for view in views.targets}
            for name in self._cards.keys() - names:
                del self._cards[name]

    def _write_target(self, view: TargetView) -> Iterator[tuple[str, str]]:
        yield f"t-{view.id}", self.render("target", {"view": view})
        if self._is_operator:
            yield f"x-{view.id}", self.render("controls", {"view": view})

    def render(self, name: str, values: Mapping[str, object], csrf: str = "") -> str:
        """One template, with the texts of the language."""
        common = {
            "t": self.texts,
            "is_operator": self._is_operator,
            "csrf": csrf,
        }
        return self._templates.render(f"{name}.html", common | dict(values))
