"""The real clock. Everything else is told the time."""

import asyncio
import time

from sidecar.core.model.moment import Moment


class SystemClock:
    """Both of the host's clocks; the monotonic one is the event loop's."""

    def now(self) -> Moment:
        """The present moment."""
        return Moment(asyncio.get_running_loop().time(), time.time())
