"""The status page over a real socket, as HTML."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser

import aiohttp
import pytest

from sidecar.core.model.cause import Cause
from sidecar.core.model.instance_table import build_table
from sidecar.core.model.journal_entry import (
    EntryKind,
    JournalEntry,
    MonitoredInterval,
)
from sidecar.core.ports.storage import StoreUnavailable
from sidecar.core.reason.code import ReasonCode
from sidecar.core.reason.reason import Reason
from tests.support.api_services import ApiServiceFakes
from tests.support.memory_journal import MemoryJournal
from tests.support.page_host import BROWSER, OPERATOR, PageHost, make_loader
from tests.support.page_world import SERVICE, WALLET, make_page_world

WEIGHT_BYTES = 150_000
VOID = {
    "area",
    "br",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "path",
    "use",
    "rect",
    "circle",
}


class Outline(HTMLParser):
    """The elements of a page, its ids, and elements that are not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fields: list[dict[str, str | None]] = []
        self.inline: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(  # type: ignore[explicit-override]
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        named = dict(attrs)
        if "id" in named:
            self.ids.append(str(named["id"]))
        if tag == "input":
            self.fields.append(named)
        self.inline += [n for n in named if n == "style" or n.startswith("on")]
        if tag == "script" and "src" not in named:
            self.inline.append("script")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(  # type: ignore[explicit-override]
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:  # type: ignore[explicit-override]
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:  # type: ignore[explicit-override]
        self.text.append(data)


class BrokenJournal(MemoryJournal):
    """A journal whose disk is gone."""

    async def monitored_intervals(  # type: ignore[explicit-override]
        self, since_wall: float, until_wall: float
    ) -> tuple[MonitoredInterval, ...]:
        raise StoreUnavailable("the disk is gone")


@pytest.fixture
def fakes() -> ApiServiceFakes:
    return make_page_world()


@pytest.fixture
async def host(fakes: ApiServiceFakes) -> AsyncIterator[PageHost]:
    host = PageHost(fakes)
    async with host.serve():
        yield host


async def test_page_has_every_target_and_is_closed_html(host: PageHost) -> None:
    status, html = await host.get()
    outline = Outline(html)
    assert status == 200
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {f"c-{name}" for name in host.fakes.world.state.targets} <= set(outline.ids)


async def test_page_forbids_everything_but_its_own_files(host: PageHost) -> None:
    async with (
        aiohttp.ClientSession(headers=BROWSER) as http,
        http.get(host.url) as response,
    ):
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Vary"] == "Accept"
        html = await response.text()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert Outline(html).inline == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//', html) == []


async def test_client_without_a_browser_gets_the_list_of_paths(host: PageHost) -> None:
    status, text = await host.get(Accept="*/*")
    assert status == 200
    assert text.startswith("sidecar 0.1.0")
    assert "/api/v1/status" in text


@pytest.mark.parametrize(
    ("path", "header", "language"),
    [
        ("/?lang=ko", "en", "ko"),
        ("/", "ko-KR,ko;q=0.9", "ko"),
        ("/", "fr", "en"),
    ],
)
async def test_page_is_in_the_language_of_the_request(
    host: PageHost, path: str, header: str, language: str
) -> None:
    _, html = await host.get(path, **{"Accept-Language": header})
    assert f'<html lang="{language}">' in html
    assert ("감시 대상" in html) == (language == "ko")


async def test_outage_shows_cause_work_and_payments(host: PageHost) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    _, html = await host.get()
    text = " ".join(Outline(html).text)
    assert "It accepts no connections." in text
    assert "Sidecar is restarting it." in text
    assert f"Payments: affected. Not working: {WALLET}" in text
    assert "docker logs --tail 100 demo-electron-cash-1" in text


async def test_visitor_gets_no_quoted_text_no_container_and_no_control(
    host: PageHost,
) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    host.is_operator = False
    _, html = await host.get()
    assert "It accepts no connections." in html
    assert "restart now" in html
    for private in ("demo-", "it is refused", "<form", "csrf", "docker "):
        assert private not in html


async def test_forms_of_an_operator_carry_the_token(host: PageHost) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    _, html = await host.get()
    tokens = [f["value"] for f in Outline(html).fields if f.get("name") == "csrf"]
    assert len(tokens) > len(host.fakes.world.state.targets)
    assert set(tokens) == {host.viewer.csrf_token}


async def test_snapshot_is_shared_and_carries_no_token(host: PageHost) -> None:
    _, body = await host.get("/page/state.json?lang=en")
    assert host.viewer.csrf_token not in body
    assert "x-electron-cash" in body


async def test_text_of_a_daemon_is_escaped(host: PageHost) -> None:
    world = host.fakes.world
    markup = "<script>alert(1)</script>\x1b[31m\u202e"
    instance = world.instance(WALLET)
    world.fails(WALLET, Cause.REFUSED, 2)
    current = world.instance(WALLET)
    reason = Reason.of(ReasonCode.TEXT, said=markup)
    world.state = replace(
        world.state,
        instances=build_table(
            {
                **world.state.instances,
                instance.id: replace(current, reason=reason),
            }
        ),
    )
    _, html = await host.get()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


async def test_strip_has_the_outages_of_the_journal(host: PageHost) -> None:
    _, html = await host.get()
    card = html[html.index('id="c-electron-cash"') :]
    codes = re.search(r'data-codes="(\w+)"', card)
    assert codes is not None
    assert len(codes[1]) == 90
    assert codes[1].count("b") + codes[1].count("f") == 2
    assert "Days with outages: 2" in card


async def test_page_without_a_journal_shows_the_present(
    fakes: ApiServiceFakes,
) -> None:
    fakes.desk = fakes.without(journal=BrokenJournal())
    host = PageHost(fakes)
    async with host.serve():
        status, html = await host.get()
    assert status == 200
    assert "Everything works." in html
    assert html.rstrip().endswith("</html>")


async def test_page_of_20_targets_weighs_less_than_150_kb() -> None:
    host = PageHost(make_page_world(20))
    async with host.serve():
        _, html = await host.get()
        files = re.findall(r'(?:src|href)="(/static/[^"]+)"', html)
        sizes = [len((await host.get(file))[1].encode()) for file in files]
    assert len(files) >= 4
    assert len(html.encode()) + sum(sizes) < WEIGHT_BYTES


async def test_static_file_is_kept_by_its_version_alone(host: PageHost) -> None:
    _, html = await host.get()
    versioned = re.search(r'href="(/static/page\.css\?v=\w+)"', html)
    assert versioned is not None
    caching = {}
    async with aiohttp.ClientSession() as http:
        for path in (versioned[1], "/static/page.css", "/static/page.css?v=other"):
            async with http.get(host.url.rstrip("/") + path) as response:
                caching[path] = response.headers["Cache-Control"]
                assert response.content_type == "text/css"
    assert caching.pop(versioned[1]).endswith("immutable")
    assert set(caching.values()) == {"no-cache"}


@pytest.mark.parametrize("name", ["gone.js", "..%2fcontent.py", "%00", "page.js%2f"])
async def test_other_files_are_not_served(host: PageHost, name: str) -> None:
    status, _ = await host.get(f"/static/{name}")
    assert status == 404


# --- incidents


async def incident_html(host: PageHost, language: str = "en") -> str:
    incident = next(iter(host.fakes.world.state.incidents))
    status, html = await host.get(f"/incidents/{incident}?lang={language}")
    assert status == 200
    assert Outline(html).open == []
    return html


async def test_incident_page_has_timeline_evidence_and_postmortem(
    host: PageHost,
) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    incident = next(iter(host.fakes.world.state.incidents))
    host.fakes.journal.bundles[incident] = [
        {"at": "2026-01-02T03:04:05Z", "target": WALLET, "log": "<b>gone</b>"}
    ]
    html = await incident_html(host)
    text = " ".join(Outline(html).text)
    assert "incident opened" in text
    assert "<b>gone" not in html
    assert "# Post-mortem: electron-cash" in text
    assert "I take care of it" in text


async def test_incident_page_of_a_visitor_has_neither_evidence_nor_reasons(
    host: PageHost,
) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    incident = next(iter(host.fakes.world.state.incidents))
    host.fakes.journal.bundles[incident] = [{"log": "a-secret-line"}]
    host.is_operator = False
    html = await incident_html(host)
    for private in ("a-secret-line", "it is refused", "Post-mortem:", "<form"):
        assert private not in html
    assert "incident opened" in html


async def test_incident_page_in_korean_has_korean_reasons(host: PageHost) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    html = await incident_html(host, "ko")
    assert "진행 과정" in html
    reasons = re.findall(r'<span class="said">(.+?)</span>', html)
    assert reasons
    assert all(re.search("[가-힣]", reason) for reason in reasons)


async def test_incident_page_in_korean_marks_a_text_of_another_program(
    host: PageHost,
) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    incident = next(iter(host.fakes.world.state.incidents))
    data = {
        "from": "healthy",
        "to": "failing",
        "cause": None,
        "reason": "it is refused",
        "reason_code": "text",
    }
    at_wall = host.fakes.world.now.wall
    host.fakes.journal.stored_entries.append(
        JournalEntry(at_wall, EntryKind.STATE, WALLET, incident, data)
    )
    html = await incident_html(host, "ko")
    assert '<span class="said" lang="en">“it is refused”.</span>' in html


async def test_resolved_incident_is_shown_as_over(host: PageHost) -> None:
    host.fakes.world.fails(WALLET, Cause.REFUSED)
    host.fakes.world.complete_remedy(WALLET)
    host.fakes.world.works(WALLET, times=4)
    assert "Resolved" in await incident_html(host)


@pytest.mark.parametrize(
    ("incident", "status"), [("0" * 26, 404), ("nothing", 400), ("%3Cb%3E", 400)]
)
async def test_unknown_incident_is_refused(
    host: PageHost, incident: str, status: int
) -> None:
    answered, html = await host.get(f"/incidents/{incident}")
    assert answered == status
    assert "This was not done" in html


# --- settings


async def test_changed_settings_take_effect_at_the_next_visit(host: PageHost) -> None:
    await host.get()
    host.language = "ko"
    host.loader.sources.apply(host.loader.sources.read_texts)
    _, html = await host.get("/", **{"Accept-Language": "fr"})
    assert '<html lang="ko">' in html


async def test_layout_changes_with_the_targets_alone(fakes: ApiServiceFakes) -> None:
    loader = make_loader(fakes)
    before = await loader.snapshot(fakes.state(), OPERATOR, "en")
    fakes.world.fails(SERVICE, Cause.HTTP_5XX)
    failed = await loader.snapshot(fakes.state(), OPERATOR, "en")
    fakes.world.targets = fakes.world.targets[:-1]
    fakes.world.relist()
    fewer = await loader.snapshot(fakes.state(), OPERATOR, "en")
    assert before["layout"] == failed["layout"] != fewer["layout"]


async def test_snapshot_renders_only_what_has_changed(fakes: ApiServiceFakes) -> None:
    loader = make_loader(fakes)
    before = html_of(await loader.snapshot(fakes.state(), OPERATOR, "en"))
    fakes.world.fails(SERVICE, Cause.HTTP_5XX)
    after = html_of(await loader.snapshot(fakes.state(), OPERATOR, "en"))
    assert before["t-postgres"] is after["t-postgres"]
    assert before[f"t-{SERVICE}"] != after[f"t-{SERVICE}"]


def html_of(snapshot: Mapping[str, object]) -> dict[str, str]:
    html = snapshot["html"]
    assert isinstance(html, dict)
    return html


async def test_search_shows_matching_targets_on_a_page_that_reloads_itself(
    host: PageHost,
) -> None:
    _, page = await host.get("/?name=SHOP")
    cards = [name for name in Outline(page).ids if name.startswith("c-")]
    assert cards == ["c-shop"]
    assert "5 other targets are not shown." in page
    assert '<meta http-equiv="refresh" content="30">' in page.split("<noscript>")[0]
    assert "data-live" not in page
    assert "page.js" not in page, "the stream has all targets"


async def test_searched_text_is_escaped_and_bounded(host: PageHost) -> None:
    _, page = await host.get('/?name="><script>x</script>' + 500 * "y")
    assert "<script>x" not in page
    assert Outline(page).open == []
    assert 100 * "y" not in page


async def test_page_of_few_targets_has_no_field_to_search(host: PageHost) -> None:
    _, page = await host.get("/")
    assert 'name="name"' not in page
    assert "not shown" not in page
