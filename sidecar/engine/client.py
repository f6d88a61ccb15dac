"""The SDK's client, with deadlines."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import requests

from sidecar.engine.api_version import OLDEST_API, ApiAgreement, agree_on_version
from sidecar.engine.docker_host import Address
from sidecar.engine.errors import Mask, raise_for_status

CALLS_AT_ONCE = 8
CONNECT_S = 3.0
_SHORTEST_S = 0.05


class Client(docker.APIClient):
    """An APIClient whose requests end by the deadline of the thread they run in."""

    def __init__(
        self, address: Address, agreement: ApiAgreement, mask: Mask = str
    ) -> None:
        super().__init__(
            address.url,
            version=agreement.api_version,
            tls=address.tls or False,
            max_pool_size=CALLS_AT_ONCE + 1,  # and the stream of events
        )
        # Otherwise HTTP_PROXY would apply to the engine, REQUESTS_CA_BUNDLE
        # would replace its own CA, and every request would read ~/.netrc.
        self.trust_env = False
        self._thread = threading.local()
        self.other_engine = agreement.other
        self.mask = mask
        """Masks containers' texts before they are cut, in the thread of the call."""

    def set_deadline(self, until: float) -> None:
        """Set the deadline of this thread's next requests (monotonic seconds)."""
        self._thread.until = until

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Limit this thread's requests in the block to ``seconds``, or to the rest."""
        until: float = self._thread.until
        self.set_deadline(min(until, time.monotonic() + seconds))
        try:
            yield
        finally:
            self.set_deadline(until)

    def remaining_s(self) -> float:
        """Seconds until the deadline of this thread's requests."""
        until: float = self._thread.until
        return until - time.monotonic()

    def send(  # type: ignore[explicit-override]  # typing.override is of Python 3.12
        self,
        request: requests.PreparedRequest,
        **kwargs: Any,  # noqa: ANN401 - requests' own
    ) -> requests.Response:
        """Send one request, unless the deadline has passed."""
        remaining_s = self.remaining_s()
        if remaining_s <= 0.0:
            raise requests.ConnectTimeout("the deadline passed before it was sent")
        kwargs["timeout"] = (min(CONNECT_S, remaining_s), max(remaining_s, _SHORTEST_S))
        return super().send(request, **kwargs)

    def _raise_for_status(self, response: requests.Response) -> None:
        """Override the SDK's method, which fails on answers that are no JSON."""
        raise_for_status(response, self.mask)

    def url_of(self, path: str) -> str:
        """The URL of an API path, in the agreed version."""
        return f"{self.base_url}/v{self.api_version}{path}"


def open_client(address: Address, until: float, mask: Mask = str) -> Client:
    """A client in the agreed API version. EngineRefused: the engine is too old."""
    unversioned = Client(address, ApiAgreement(OLDEST_API, ""))
    unversioned.set_deadline(until)
    try:
        agreement = agree_on_version(unversioned.version(api_version=False))
    finally:
        unversioned.close()
    client = Client(address, agreement, mask)
    client.set_deadline(until)
    return client
