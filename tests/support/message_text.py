"""Text of messages: its time zone and links, and the forms that it must not have."""

import re
from zoneinfo import ZoneInfo

from sidecar.notify.render import Links

SEOUL = ZoneInfo("Asia/Seoul")
LINKS = Links("https://watch.example", lambda _, channel: f"{channel}.seal")
# A particle right after a name would be wrong for half of all names.
PARTICLE = re.compile(r"\}['\"]?(은|는|이|가|을|를|과|와|으로|로|이며|며)(?=[ .,])")
MARKUP = re.compile(
    r"@(?:everyone|here)|<[@#!a-z]|\]\(|evil\.example|tg://|ops@|mailto:"
    r"|```|\|\||\*\*|~~|^\s*#|<a\b",
    re.IGNORECASE | re.MULTILINE,
)
"""Forms of markup, none of which may be in a text that a chat shows."""
