"""Headers of a hook's request: its id, its signature, and the trace of its incident.

The signature follows Standard Webhooks (https://www.standardwebhooks.com/), the trace
W3C Trace Context.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from sidecar.core.model.incident import trace_id
from sidecar.core.model.message import Message

_SPAN_BYTES = 8


def hook_headers(
    message: Message, body: bytes, keys: Sequence[bytes], now_wall: float
) -> dict[str, str]:
    """The headers of one try; the id is the same at each try, the time is not."""
    headers = {
        "Content-Type": "application/json",
        "X-Sidecar-Message-Id": message.id,
    }
    trace = _traceparent(message)
    if trace:
        headers["traceparent"] = trace
    if keys:
        timestamp = str(int(now_wall))
        signatures = (_sign(key, message.id, timestamp, body) for key in keys)
        headers["webhook-id"] = message.id
        headers["webhook-timestamp"] = timestamp
        headers["webhook-signature"] = " ".join(signatures)
    return headers


def _sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    content = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key, content, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _traceparent(message: Message) -> str:
    """All messages of an incident are one trace, and each message is a span of it.

    The flag "sampled" is set: many tracers record a request only if its caller did.
    """
    trace = trace_id(message.incident)
    span = hashlib.blake2b(message.id.encode(), digest_size=_SPAN_BYTES).hexdigest()
    return f"00-{trace}-{span}-01" if trace else ""
