"""The parts of a feed: its head and its entries."""

from typing import NamedTuple


class FeedHead(NamedTuple):
    """Title, id and times of the feed itself."""

    feed_id: str
    title: str
    updated_wall: float
    public_url: str
    language: str


class FeedEntry(NamedTuple):
    """One entry; times in wall clock seconds."""

    entry_id: str
    title: str
    published_wall: float
    updated_wall: float
    content: str
