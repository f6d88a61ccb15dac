"""The SDK's client, made to keep deadlines."""

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
        self, address: Address, agreed: ApiAgreement, mask: Mask = str
    ) -> None:
        super().__init__(
            address.url,
            version=agreed.api_version,
            tls=address.tls or False,
            max_pool_size=CALLS_AT_ONCE + 1,  # and the stream of events
        )
        # Else HTTP_PROXY would come between us and the engine, REQUESTS_CA_BUNDLE
        # would replace its own CA, and every request would read ~/.netrc.
        self.trust_env = False
        self._thread = threading.local()
        self.other_engine = agreed.other
        self.mask = mask
        """For what containers say and is cut in the thread of the call."""

    def keep(self, until: float) -> None:
        """Give this thread's next requests until then (monotonic seconds)."""
        self._thread.until = until

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Give this thread's requests in the block ``seconds``, if so much is left."""
        until: float = self._thread.until
        self.keep(min(until, time.monotonic() + seconds))
        try:
            yield
        finally:
            self.keep(until)

    def left(self) -> float:
        """Seconds that this thread's requests still have."""
        until: float = self._thread.until
        return until - time.monotonic()

    def send(  # type: ignore[explicit-override]  # typing.override is of Python 3.12
        self,
        request: requests.PreparedRequest,
        **kwargs: Any,  # noqa: ANN401 - requests' own
    ) -> requests.Response:
        """Send one request, unless the deadline has passed."""
        left = self.left()
        if left <= 0.0:
            raise requests.ConnectTimeout("the deadline passed before it was sent")
        kwargs["timeout"] = (min(CONNECT_S, left), max(left, _SHORTEST_S))
        return super().send(request, **kwargs)

    def _raise_for_status(self, response: requests.Response) -> None:
        """The SDK's hook; its own stumbles over what is not the engine's JSON."""
        raise_for_status(response, self.mask)

    def url_of(self, path: str) -> str:
        """The URL of an API path, in the version agreed on."""
        return f"{self.base_url}/v{self.api_version}{path}"


def open_client(address: Address, until: float, mask: Mask = str) -> Client:
    """A client that speaks the engine's API, as agreed. EngineRefused: too old."""
    asking = Client(address, ApiAgreement(OLDEST_API, ""))
    asking.keep(until)
    try:
        agreed = agree_on_version(asking.version(api_version=False))
    finally:
        asking.close()
    client = Client(address, agreed, mask)
    client.keep(until)
    return client
