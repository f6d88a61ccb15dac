"""Access to the status page."""

from enum import StrEnum


class PageAccess(StrEnum):
    """Setting ``page``; public names.

    PRIVATE: a visitor sees the public view and may sign in with the API token. PUBLIC:
    the same, without a link to the sign-in. OFF: there is no page.
    """

    PRIVATE = "private"
    PUBLIC = "public"
    OFF = "off"
