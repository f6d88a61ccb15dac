"""The form of a stream of server-sent events."""

HEARTBEAT = b": still here\n\n"
"""A comment: it shows that the stream is alive."""

STREAM_BEGIN = b"retry: 3000\n: connected\n\n"
"""A client whose stream ends connects again after 3,000 ms."""

STREAM_HEADERS = {
    "Content-Type": "text/event-stream",
    # A proxy that compresses or buffers would keep events back.
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}


def encode_event(kind: str, event_id: str, data: bytes) -> bytes:
    """An event whose ``data`` is JSON, which has no line end."""
    head = f"id: {event_id}\nevent: {kind}\ndata: "
    return head.encode() + data + b"\n\n"
