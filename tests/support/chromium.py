"""Chromium without a window, driven by the DevTools protocol.

Each browser has its own empty profile. A tab records what the browser complains about:
errors of scripts, blocked content, failed requests.
"""

import asyncio
import base64
import itertools
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

DEADLINE_S = 60.0
POLL_S = 0.02
NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parent / "axe" / "axe.min.js"
_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-port=0",
)


_GONE = (
    "Inspected target navigated or closed",
    "Execution context was destroyed.",
    "Cannot find default execution context",
)


class NavigatedAway(AssertionError):
    """The tab went to another page before it answered."""


class Tab:
    """One page of the browser, with the addresses that it has asked for, by request.

    A request that the network of another test has ended does not count: the page or the
    tab asks again.
    """

    def __init__(self, browser: "Browser", session: str, target: str) -> None:
        self._browser = browser
        self._session = session
        self.target = target
        self.complaints: list[str] = []
        self.requests: dict[str, str] = {}
        self.loaded = asyncio.Event()
        self._is_cut_off = False

    async def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method of the DevTools protocol in this tab."""
        return await self._browser.call(method, self._session, **parameters)

    def on_event(self, method: str, parameters: Mapping[str, Any]) -> None:
        """Note an event of the tab."""
        if method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requests[parameters["requestId"]] = parameters["request"]["url"]
        elif _is_cut_off(method, parameters):
            self.requests.pop(parameters["requestId"], None)
            self._is_cut_off |= parameters["type"] in PARTS_OF_A_PAGE
        elif _is_complaint(method, parameters):
            self.complaints.append(json.dumps(parameters)[:900])

    async def open(self, url: str) -> None:
        """Open a page and wait until it is loaded, with its scripts and styles."""
        await self._load(self.call("Page.navigate", url=url))

    async def follow(self, act: str) -> None:
        """Do what leads to another page, and wait until that page is loaded."""
        await self._load(self._leave(act))

    async def _leave(self, act: str) -> None:
        with suppress(NavigatedAway):
            await self.evaluate(act)

    async def _load(self, navigation: Awaitable[object]) -> None:
        """Load a page, again if the network of another test has ended a part of it."""
        before = dict(self.requests)
        async with asyncio.timeout(DEADLINE_S):
            while True:
                self.loaded.clear()
                self._is_cut_off = False
                await navigation
                await self.loaded.wait()
                if not self._is_cut_off:
                    return
                self.requests = dict(before)
                navigation = self.call("Page.reload")

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever it is
        """The value of an expression of JavaScript; a promise is awaited."""
        answer = await self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        if "exceptionDetails" in answer:
            raise AssertionError(json.dumps(answer["exceptionDetails"])[:900])
        return answer["result"].get("value")

    async def wait_for(self, condition: str, deadline_s: float = DEADLINE_S) -> Any:  # noqa: ANN401
        """Wait until the expression is true; its value."""
        try:
            async with asyncio.timeout(deadline_s):
                while True:
                    if self._is_cut_off:
                        await self._load(self.call("Page.reload"))
                    with suppress(NavigatedAway):
                        value = await self.evaluate(condition)
                        if value:
                            return value
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            page_text = await self.evaluate("document.body.innerText")
            raise AssertionError(
                f"never true: {condition}\n{page_text[:3000]}"
            ) from None

    async def text(self, selector: str) -> str:
        """The text of an element, as it is shown."""
        result = await self.evaluate(
            f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"
        )
        return str(result)

    async def set_cookie(self, url: str, name: str, value: str) -> None:
        """Set a cookie as the server does at the sign-in."""
        await self.call(
            "Network.setCookie",
            url=url,
            name=name,
            value=value,
            httpOnly=True,
            sameSite="Strict",
        )

    async def type(self, text: str) -> None:
        """Type into the field with the focus."""
        await self.call("Input.insertText", text=text)

    async def press(self, key: str, code: int) -> None:
        """Press and release a key; ``code`` is its virtual key code."""
        for kind in ("rawKeyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
            )

    async def emulate(
        self, *, width: int = 1280, height: int = 900, scheme: str = "light"
    ) -> None:
        """Set the size of the page, and whether the viewer prefers a dark one."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Write a picture of the page."""
        answer = await self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole
        )
        await asyncio.to_thread(file.write_bytes, base64.b64decode(answer["data"]))

    async def find_barriers(self) -> list[str]:
        """The findings of axe about the page as it is shown: none is expected."""
        source = await asyncio.to_thread(AXE.read_text)
        await self.evaluate(f"{source}\n;undefined")
        result = await self.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{violation['id']}: {violation['help']}: {node['html'][:300]}: "
            f"{node.get('failureSummary', '')[:400]}"
            for violation in result["violations"]
            for node in violation["nodes"]
        ]


NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
"""Each network that another test creates or removes ends the requests under way."""


PARTS_OF_A_PAGE = frozenset({"Document", "Script", "Stylesheet"})
"""What a page is not loaded without; the page itself opens a lost stream again."""


def _is_cut_off(method: str, parameters: Mapping[str, Any]) -> bool:
    """Has a network of another test ended the request?"""
    is_failed = method == "Network.loadingFailed"
    return is_failed and parameters["errorText"] == NETWORK_CHANGED


def _is_complaint(method: str, parameters: Mapping[str, Any]) -> bool:
    """Does the browser report an error, or content that the page's policy forbids?"""
    match method:
        case "Runtime.exceptionThrown":
            return True
        case "Runtime.consoleAPICalled":
            return bool(parameters["type"] == "error")
        case "Log.entryAdded":
            entry = parameters["entry"]
            return entry["level"] == "error" and NETWORK_CHANGED not in entry["text"]
        case "Audits.issueAdded":
            return bool(parameters["issue"]["code"] == "ContentSecurityPolicyIssue")
        case _:
            return False


class Browser:
    """A running Chromium, and the connection to it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    async def listen(self) -> None:
        """Receive answers and events until the browser ends."""
        async for received in self._socket:
            message = json.loads(received.data)
            if "id" in message:
                waiting = self._waiting.pop(message["id"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)
            elif message.get("sessionId") in self._tabs:
                tab = self._tabs[message["sessionId"]]
                tab.on_event(message["method"], message["params"])

    async def call(
        self, method: str, session: str = "", **parameters: object
    ) -> dict[str, Any]:
        """Call a method of the protocol; AssertionError where it fails."""
        number = next(self._numbers)
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        request = {"id": number, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        await self._socket.send_json(request)
        async with asyncio.timeout(DEADLINE_S):
            answer: dict[str, Any] = await waiting
        if "error" in answer:
            is_gone = answer["error"]["message"] in _GONE
            fault = NavigatedAway if is_gone else AssertionError
            raise fault(f"{method}: {answer['error']}")
        return dict(answer["result"])

    async def new_tab(self) -> Tab:
        """An empty tab, in a window of its own so that it is visible."""
        target = await self.call(
            "Target.createTarget", url="about:blank", newWindow=True
        )
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        tab = Tab(self, attached["sessionId"], target["targetId"])
        self._tabs[attached["sessionId"]] = tab
        for domain in ("Page", "Runtime", "Log", "Audits", "Network"):
            await tab.call(f"{domain}.enable")
        await tab.call("Emulation.setFocusEmulationEnabled", enabled=True)
        return tab


def find_chromium() -> str:
    """The path of the browser; ``scripts/browser`` installs one."""
    paths = filter(None, map(shutil.which, NAMES))
    path = next(paths, None)
    if path is None:
        raise AssertionError("there is no chromium in PATH: run scripts/browser")
    return path


@asynccontextmanager
async def run_chromium() -> AsyncIterator[Browser]:
    """A browser with an empty profile, ended afterwards."""
    async with AsyncExitStack() as parts:
        folder = parts.enter_context(
            tempfile.TemporaryDirectory(
                prefix="sidecar-chromium-", ignore_cleanup_errors=True
            )
        )
        process = await asyncio.create_subprocess_exec(
            find_chromium(),
            *_ARGUMENTS,
            f"--user-data-dir={folder}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        parts.push_async_callback(_end, process)
        address = await _address(Path(folder) / "DevToolsActivePort")
        client = await parts.enter_async_context(aiohttp.ClientSession())
        socket = await parts.enter_async_context(
            client.ws_connect(address, max_msg_size=0)
        )
        browser = Browser(socket)
        listening = asyncio.create_task(browser.listen())
        parts.callback(listening.cancel)
        yield browser


async def _address(file: Path) -> str:
    """The address of the DevTools, once the browser has written it."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with suppress(FileNotFoundError, ValueError):
                port, path = (await asyncio.to_thread(file.read_text)).split()
                return f"ws://127.0.0.1:{port}{path}"
            await asyncio.sleep(POLL_S)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
