"""Small pages without scripts: the sign-in, a confirmation, a refusal."""

from collections.abc import Iterable
from html import escape

from sidecar.core.text.printable import on_one_line

_PAGE = """\
<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" type="image/svg+xml" href="/static/icon-idle.svg">
<link rel="stylesheet" href="/static/page.css">
<main class="narrow">
<h1>{title}</h1>
{body}
</main>
</html>
"""


def plain_page(language: str, title: str, parts: Iterable[str]) -> str:
    """A page; ``title`` is text, ``parts`` are HTML."""
    body = "\n".join(parts)
    return _PAGE.format(language=language, title=escape_text(title), body=body)


def escape_text(text: str) -> str:
    """Text of others as HTML: printable, on one line."""
    return escape(on_one_line(text))


def paragraph(text: str) -> str:
    """A paragraph of text."""
    return f"<p>{escape_text(text)}</p>"


def bullet_list(texts: Iterable[str]) -> str:
    """A list of texts."""
    items = "".join(f"<li>{escape_text(text)}</li>" for text in texts)
    return f'<ul class="lines">{items}</ul>'


def link(address: str, text: str) -> str:
    """A link."""
    return f'<p><a href="{escape(address)}">{escape_text(text)}</a></p>'


def form(action: str, fields: dict[str, str], inputs: str, button: str) -> str:
    """A form with hidden ``fields``; ``inputs`` are HTML."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return (
        f'<form method="post" action="{escape(action)}" class="stacked">'
        f"{hidden}{inputs}"
        f'<button class="main">{escape_text(button)}</button></form>'
    )


def password_input(name: str, label: str) -> str:
    """A field for a secret, with its label."""
    return (
        f'<label for="{escape(name)}">{escape_text(label)}</label>'
        f'<input type="password" name="{escape(name)}" id="{escape(name)}" required '
        'autofocus autocomplete="current-password">'
    )
