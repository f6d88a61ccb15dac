"""Modules that only some requests need, loaded at the first of these requests."""

import asyncio
from importlib import import_module

REPORT = "sidecar.core.reporting.availability"
REVIEW = "sidecar.core.reporting.incident_review"
HISTORY_VIEWS = "sidecar.web.views.history"
STATUSPAGE_VIEWS = "sidecar.web.views.statuspage"
DRILL_ANSWERS = "sidecar.web.drill_answers"
DRILL_HISTORY = "sidecar.web.views.drill_history"
POSTMORTEM = "sidecar.core.reporting.postmortem.document"


async def load(*modules: str) -> None:
    """Load modules in a thread: an ``import`` after it does not delay the loop."""
    await asyncio.to_thread(_load_all, modules)


def _load_all(modules: tuple[str, ...]) -> None:
    for module in modules:
        import_module(module)
