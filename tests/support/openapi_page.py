"""docs/openapi.json, as the repository keeps it."""

import json
import sys

from sidecar import __version__
from sidecar.web.openapi.document import build_document


def page() -> str:
    """The document, indented for readers."""
    return json.dumps(build_document(__version__), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
