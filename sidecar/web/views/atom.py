"""Entries of a feed as XML (Atom, RFC 4287)."""

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from sidecar.core.text.formatting import rfc3339
from sidecar.core.text.printable import on_one_line
from sidecar.web.views.feed_entry import FeedEntry, FeedHead

_NAMESPACE = "http://www.w3.org/2005/Atom"
_NOT_IN_XML = str.maketrans("", "", "\ufffe\uffff")


def write_atom(head: FeedHead, entries: Iterable[FeedEntry]) -> bytes:
    """The feed in UTF-8. Links have the configured public address, or are left out:
    the address of a request could be anybody's, and the feed is kept for others.
    """
    feed = ET.Element("feed", {"xmlns": _NAMESPACE, "xml:lang": head.language})
    _add(feed, "title", head.title)
    _add(feed, "id", head.feed_id)
    _add(feed, "updated", rfc3339(head.updated_wall))
    _add(ET.SubElement(feed, "author"), "name", "Sidecar")
    if head.public_url:
        address = f"{head.public_url}/feed.atom"
        ET.SubElement(feed, "link", {"rel": "self", "href": address})
        ET.SubElement(feed, "link", {"href": f"{head.public_url}/"})
    for entry in entries:
        _add_entry(feed, entry)
    text = ET.tostring(feed, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'.encode()


def _add_entry(feed: ET.Element, entry: FeedEntry) -> None:
    element = ET.SubElement(feed, "entry")
    _add(element, "id", entry.entry_id)
    _add(element, "title", entry.title)
    _add(element, "published", rfc3339(entry.published_wall))
    _add(element, "updated", rfc3339(entry.updated_wall))
    content = ET.SubElement(element, "content", {"type": "text"})
    content.text = "\n".join(map(_clean, entry.content.split("\n")))


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = _clean(text)


def _clean(text: str) -> str:
    return on_one_line(text).translate(_NOT_IN_XML)
