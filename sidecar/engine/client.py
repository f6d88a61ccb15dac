"""The SDK's client, with deadlines, and limited to the calls on the list."""

import threading
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any

import docker
import requests
from docker.transport.unixconn import UnixHTTPAdapter
from loguru import logger

from sidecar.core.ports.engine import EngineRefused
from sidecar.engine.api_version import OLDEST_API, ApiAgreement, agree_on_version
from sidecar.engine.calls import find_call
from sidecar.engine.docker_host import Address
from sidecar.engine.errors import (
    CallNotListed,
    Mask,
    SentTooLate,
    one_line,
    raise_for_status,
)
from sidecar.engine.features import Feature
from sidecar.engine.podman import UNTOLD_STOPS
from sidecar.engine.socket_pool import SharedPool

CALLS_AT_ONCE = 8
CONNECT_S = 3.0
_SHORTEST_S = 0.05
_SOCKET_SCHEME = "http+docker://"
"""The SDK's URLs of an engine behind a socket."""

FeaturesInUse = Callable[[], AbstractSet[Feature]]
"""The gated features whose calls may be sent now; called in any thread."""


def use_none() -> AbstractSet[Feature]:
    """No gated feature."""
    return frozenset()


class Client(docker.APIClient):
    """An APIClient that sends only calls on the list, before the thread's deadline.

    Every request of Sidecar to the engine passes ``send``: the SDK's methods and the
    streams of events and logs alike.
    """

    def __init__(
        self,
        address: Address,
        agreement: ApiAgreement,
        mask: Mask = str,
        features_in_use: FeaturesInUse = use_none,
    ) -> None:
        super().__init__(
            address.url,
            version=agreement.api_version,
            tls=address.tls or False,
            max_pool_size=CALLS_AT_ONCE + 1,  # and the stream of events
        )
        own = self.adapters.get(_SOCKET_SCHEME)
        if isinstance(own, UnixHTTPAdapter):
            shared = SharedPool(
                own.socket_path, own.timeout, max_pool_size=own.max_pool_size
            )
            self.mount(_SOCKET_SCHEME, shared)
        # Otherwise HTTP_PROXY would apply to the engine, REQUESTS_CA_BUNDLE
        # would replace its own CA, and every request would read ~/.netrc.
        self.trust_env = False
        self._thread = threading.local()
        self.other_engine = agreement.other
        self.podman = agreement.podman
        self._said: set[str] = set()
        self._features_in_use = features_in_use
        # Normalized as the URLs of requests are.
        base = requests.Request("GET", self.base_url).prepare().url or ""
        self._prepared_base_url = base.rstrip("/")
        self.mask = mask
        """Masks containers' texts before they are cut, in the thread of the call."""

    def say_once(self, text: str) -> None:
        """Log a warning, unless this client has logged it before."""
        if text not in self._said:
            self._said.add(text)
            logger.warning("{}; see docs/engine-access.md", text)

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
        """Send one request. CallNotListed; SentTooLate."""
        self._check(request)
        remaining_s = self.remaining_s()
        if remaining_s <= 0.0:
            raise SentTooLate("not sent: its deadline has passed")
        kwargs["timeout"] = (min(CONNECT_S, remaining_s), max(remaining_s, _SHORTEST_S))
        # A redirect would be a second request, chosen by whoever answered.
        kwargs["allow_redirects"] = False
        answer = super().send(request, **kwargs)
        if answer.is_redirect:
            answer.close()
            raise EngineRefused(
                f"the engine answered {answer.status_code}: a redirect, and Sidecar "
                "follows none; DOCKER_HOST must name the engine itself"
            )
        return answer

    def _check(self, request: requests.PreparedRequest) -> None:
        """CallNotListed: the request is not on the list, or its feature is not used."""
        method = request.method or ""
        # Another server's URL keeps its scheme, and is on no list.
        target = (request.url or "").removeprefix(self._prepared_base_url)
        call = find_call(method, target, self.api_version)
        if call is None:
            raise CallNotListed(
                f"not sent: {method} {one_line(target, self.mask)} is not on Sidecar's "
                "list of engine calls (docs/engine-access.md)"
            )
        feature = call.feature
        if feature.rule.is_gated and feature not in self._features_in_use():
            raise CallNotListed(
                f"not sent: {call.name} is only for the feature "
                f"{feature.value!r}, which the settings do not use "
                "(docs/engine-access.md)"
            )

    def _raise_for_status(self, response: requests.Response) -> None:
        """Override the SDK's method, which fails on answers that are no JSON."""
        raise_for_status(response, self.mask)

    def url_of(self, path: str) -> str:
        """The URL of an API path, in the agreed version."""
        return f"{self.base_url}/v{self.api_version}{path}"


def open_client(
    address: Address,
    until: float,
    mask: Mask = str,
    features_in_use: FeaturesInUse = use_none,
) -> Client:
    """A client in the agreed API version. EngineRefused: the engine is too old."""
    unversioned = Client(address, ApiAgreement(OLDEST_API, ""))
    unversioned.set_deadline(until)
    try:
        agreement = agree_on_version(unversioned.version(api_version=False))
    finally:
        unversioned.close()
    if agreement.podman is not None and not agreement.podman.tells_stops:
        logger.warning(UNTOLD_STOPS)
    client = Client(address, agreement, mask, features_in_use)
    client.set_deadline(until)
    return client
