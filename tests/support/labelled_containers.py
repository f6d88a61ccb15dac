"""Containers with labels, and a configuration file that labels may complete."""

from collections.abc import Mapping

from sidecar.core.model.container import Container, Status

FILE = """
targets:
  wallet:
    service: electron-cash
    probe: {type: http, url: "http://electron-cash:7777/"}
    restart: {budget: 2}
"""


def container(
    service: str, labels: Mapping[str, str], *, name: str = "", at: float = 1.0
) -> Container:
    """A running container with these labels."""
    return Container(
        id=f"{service}-{at}",
        name=name or f"oratio-{service}-1",
        stack="oratio",
        service=service,
        number=1,
        status=Status.RUNNING,
        started_at=at,
        labels=labels,
    )


def labels(**values: str) -> dict[str, str]:
    """Labels of an enabled target; ``probe__type`` is sidecar.probe.type."""
    named = {f"sidecar.{k.replace('__', '.')}": v for k, v in values.items()}
    return {"sidecar.enable": "true", **named}
