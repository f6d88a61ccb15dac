"""Licences of Python packages as SPDX expressions, from their metadata."""

import re
from importlib.metadata import Distribution

ALLOWED = frozenset(
    {
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "MIT",
        "MIT-0",
        "MPL-2.0",
        "PSF-2.0",
        "Unlicense",
    }
)
"""What a package in the image may have. All may be used in and shipped with a program
of another licence; MPL-2.0 asks that its own files stay under it."""

OF_PACKAGES = {
    "async-timeout": "Apache-2.0",
    "cronsim": "BSD-3-Clause",
    "google-re2": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "pyrage": "MIT",
}
"""Read in the packages' files: their metadata says nothing, or no exact name."""

OF_CLASSIFIERS = {"License :: OSI Approved :: MIT License": "MIT"}
OF_FREE_TEXT = {"Apache 2.0": "Apache-2.0"}
SPDX_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR) [A-Za-z0-9.+-]+)*")


def find_licence(distribution: Distribution) -> str | None:
    """The SPDX expression of an installed package; None: nothing names it."""
    metadata = distribution.metadata
    text = _field(distribution, "License")
    named = [
        OF_PACKAGES.get(metadata["Name"].lower()),
        _field(distribution, "License-Expression"),
        OF_FREE_TEXT.get(text),
        text if SPDX_EXPRESSION.fullmatch(text) else None,
        *map(OF_CLASSIFIERS.get, metadata.get_all("Classifier") or ()),
    ]
    return next(filter(None, named), None)


def _field(distribution: Distribution, name: str) -> str:
    return " ".join(distribution.metadata.get_all(name) or ())


def is_allowed(expression: str) -> bool:
    """Whether each licence of an expression is one of ``ALLOWED``."""
    return set(re.split(r" AND | OR ", expression)) <= ALLOWED
