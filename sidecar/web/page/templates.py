"""The page's templates, compiled once, at the first visit."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent
_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}


class StaticFile(NamedTuple):
    """A file for the browser."""

    body: bytes
    content_type: str


class Templates:
    """The templates and the static files. Making it reads files, so it blocks."""

    def __init__(self) -> None:
        self.files = {
            path.name: StaticFile(path.read_bytes(), _TYPES[path.suffix])
            for path in sorted((_FOLDER / "static").iterdir())
            if path.suffix in _TYPES
        }
        digest = hashlib.sha256()
        for file in self.files.values():
            digest.update(file.body)
        self.version = digest.hexdigest()[:12]
        """It is part of the files' addresses: a browser keeps them until it changes."""
        self._environment = _make_environment()
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def render(self, name: str, values: Mapping[str, object]) -> str:
        """The text of a template; what is not marked as safe is escaped."""
        return self._environment.get_template(name).render(values)


def _make_environment() -> "Environment":
    import jinja2  # noqa: PLC0415 - a sidecar that nobody visits does without it

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


@cache
def load_templates() -> Templates:
    """The templates, made once."""
    return Templates()
