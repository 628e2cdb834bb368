"""The page in a real browser: both languages, wide and narrow, by keyboard, with hostile texts."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, ViewportSize, expect

from gptsovits.pipeline.measure import Measurements, as_card
from services.gateway.tests.conftest import PASSWORD
from services.stubs.voicehub.catalog.v1 import catalog_pb2
from services.stubs.voicehub.trainer.v1 import trainer_pb2
from tests.browser.conftest import Site

pytestmark = pytest.mark.browser
PATIENCE_MS = 60_000
WIDE, NARROW = ViewportSize(width=1280, height=900), ViewportSize(width=360, height=740)
BOX = re.compile("What should it sound like|想要什么样的声音")
HOSTILE = '<img src=x onerror="window.broken=1">好听'
Answering = Callable[[Route], None]
UNLABELLED = """() => [...document.querySelectorAll('input, select, textarea, button, audio, progress, meter')]
  .filter((e) => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim()))
  .map((e) => e.outerHTML)"""


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    options = {"locale": "en-GB", "viewport": WIDE, **getattr(request, "param", {})}
    context = browser.new_context(**options, permissions=["microphone"])
    context.set_default_timeout(PATIENCE_MS)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
    yield opened
    context.close()
    assert not faults


def _look(page: Page, name: str) -> None:
    """Leaves a picture where VOICEHUB_SCREENSHOTS names a folder, and checks what holds for every view."""
    folder = os.environ.get("VOICEHUB_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    assert page.evaluate(UNLABELLED) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"


def _lose_the_first_answer(page: Page, address: str) -> list[str]:
    """The hub does the first POST there, and nobody hears that; the keys of all of them, as they are sent."""
    keys: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            keys.append(route.request.headers["idempotency-key"])
        if route.request.method == "POST" and len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route(address, answer)
    return keys


def _until(page: Page, condition: Callable[[], bool]) -> None:
    """Waits for something that the page does, and fails when it does not."""
    for _ in range(PATIENCE_MS // 20):
        if condition():
            return
        page.wait_for_timeout(20)
    pytest.fail("the page did not do it")


def _sign_up(page: Page, site: Site, name: str) -> None:
    page.goto(f"{site.url}/#/signup")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=name)).to_be_visible(timeout=PATIENCE_MS)


def _log_in_as(page: Page, site: Site, name: str) -> None:
    """By the API, whatever language the page has."""
    page.goto(site.url)
    page.evaluate(
        """async ([name, password]) => {
          const send = (path, body) => fetch(`/v1/${path}`, {
            method: 'POST', body: JSON.stringify(body), headers: {'Content-Type': 'application/json'}});
          await send('accounts', {name, password});
          const made = await (await send('sessions', {name, password})).json();
          localStorage.setItem('voicehub.session', JSON.stringify({token: made.token, account: name}));
        }""",
        [name, PASSWORD],
    )
    page.reload()


def _seem_logged_in(page: Page) -> None:
    """For views that ask the hub nothing, or whose answers the test makes itself."""
    page.add_init_script("localStorage.setItem('voicehub.session', JSON.stringify({token: 'none', account: 'finn'}))")


@pytest.mark.parametrize(
    ("page", "language", "shape"),
    [
        ({"locale": "en-GB", "viewport": WIDE}, "en", "wide"),
        ({"locale": "en-GB", "viewport": NARROW}, "en", "narrow"),
        ({"locale": "zh-CN", "viewport": WIDE}, "zh", "wide"),
        ({"locale": "zh-CN", "viewport": NARROW}, "zh", "narrow"),
    ],
    indirect=["page"],
)
def test_every_view_in_both_languages_and_widths(page: Page, site: Site, language: str, shape: str) -> None:
    page.goto(site.url)
    expect(page.locator("html")).to_have_attribute("lang", {"en": "en", "zh": "zh-CN"}[language])
    words = {"en": "Middle-aged man", "zh": "中年男性"}[language]
    expect(page.locator(".hit").first).to_contain_text(words)
    expect(page.locator(".hit").first).to_contain_text(
        {"en": "small demonstration base", "zh": "小型演示底模"}[language]
    )
    _look(page, f"search-{language}-{shape}")
    page.goto(f"{site.url}/#/voices/anna/narrator")
    expect(page.get_by_text("voicehub pull anna/narrator")).to_be_visible()
    _look(page, f"voice-{language}-{shape}")
    page.goto(f"{site.url}/#/signup")
    expect(page.locator("input[type=password]")).to_be_visible()
    _look(page, f"signup-{language}-{shape}")


def test_search_by_keyboard_and_change_of_language(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.get_by_role("combobox", name=BOX).fill("English male narrator")
    page.keyboard.press("Enter")
    chip = page.get_by_text("language: en")
    expect(chip).to_be_visible()
    chip.click()
    expect(page.get_by_role("combobox", name=BOX)).to_have_value("male narrator")
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("button", name="搜索")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="搜索")).to_be_visible()


@pytest.mark.parametrize(
    ("page", "narrow", "male", "female", "order", "folded", "every"),
    [
        (
            {"locale": "en-GB", "viewport": WIDE},
            "Narrow down",
            "male",
            "female",
            "Most stars",
            "forks not shown: 1",
            "every fork",
        ),
        ({"locale": "zh-CN", "viewport": NARROW}, "缩小范围", "男", "女", "星标最多", "未显示的分叉：1", "所有分叉"),
    ],
    indirect=["page"],
)
def test_a_search_is_suggested_narrowed_sorted_and_unfolded(
    page: Page, site: Site, narrow: str, male: str, female: str, order: str, folded: str, every: str
) -> None:
    page.goto(site.url)
    box = page.get_by_role("combobox", name=BOX)
    box.press_sequentially("male")
    expect(page.locator("datalist option")).to_have_count(2)
    assert [one.get_attribute("value") for one in page.locator("datalist option").all()] == ["male…", "male narrator"]
    box.press("Enter")
    expect(page.locator("li.hit")).to_have_count(1)
    marked = page.locator(".hit mark")
    if narrow.isascii():
        expect(marked).to_have_text("Middle-aged")
    page.get_by_text(narrow).click()
    _look(page, f"search-narrowed-{narrow}")
    page.get_by_role("link", name=f"{male} · 2").click()
    expect(box).to_have_value("male gender:male")
    page.get_by_text(narrow).click()
    other = page.get_by_role("link", name=female, exact=True)  # takes the place of male: its count would not be right
    expect(other).to_have_attribute("href", "#/search/male%20gender%3Afemale")
    page.get_by_label(re.compile("What comes first|排序")).select_option(order)
    expect(page).to_have_url(re.compile("order=stars"))
    page.get_by_role("link", name=folded).click()
    expect(page.locator("li.hit")).to_have_count(2)
    asked = [one for one in site.world.requests if isinstance(one, catalog_pb2.SearchVoicesRequest)][-1]
    assert (asked.query, asked.order, asked.forks) == ("male gender:male", "stars", True)
    page.get_by_role("link", name=f"{every} ×").click()
    expect(page.locator("li.hit")).to_have_count(1)


def test_star_comment_and_audition(page: Page, site: Site) -> None:
    _sign_up(page, site, "bert")
    page.goto(f"{site.url}/#/voices/anna/narrator")
    star = page.get_by_role("button", name="Star")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Write a comment").fill(HOSTILE)
    page.locator("form", has=page.get_by_label("Write a comment")).get_by_role("button").click()
    expect(page.locator(".comment")).to_contain_text(HOSTILE)
    assert page.evaluate("window.broken") is None
    page.get_by_label("Text").fill("The ferry leaves at seven.")
    page.get_by_role("button", name="Speak").click()
    expect(page.get_by_role("link", name="Save the WAV file")).to_be_visible()
    _look(page, "voice-signed-in")


def test_the_scan_report_is_shown_whole(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/#/voices/anna/narrator")
    card = page.locator("section.card", has_text="SARIF")
    expect(card).to_contain_text("pickle-call")
    expect(card.get_by_role("strong")).to_contain_text("malicious")
    with page.expect_download() as saved:
        card.get_by_role("button", name="SARIF").click()
    assert '"2.1.0"' in saved.value.path().read_text()


def test_one_minute_from_the_microphone_becomes_a_job(page: Page, site: Site) -> None:
    _sign_up(page, site, "carla")
    page.goto(f"{site.url}/#/make")
    page.get_by_label("Name of the voice").fill("ferry-voice")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_text("2 s (at least 30")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Record again")).to_be_visible()
    page.get_by_label("It is my own voice.").check()
    page.get_by_label("Source of the recordings").fill("recorded by myself")
    _look(page, "make")
    page.get_by_role("button", name="Train this voice").click()
    expect(page.get_by_role("progressbar", name="Push")).to_have_js_property("value", 1)
    _look(page, "job")
    (request,) = [r for r in site.world.requests if isinstance(r, trainer_pb2.CreateJobRequest)]
    assert (request.owner, request.name, request.declaration.consent) == ("carla", "ferry-voice", "self")
    assert request.transcript.startswith("Every morning")
    assert request.recording.size > 2 * 16_000


@pytest.mark.parametrize(
    ("page", "opener", "record", "stop", "found"),
    [
        ({"locale": "en-GB", "viewport": WIDE}, "Search by sound", "Record", "Stop", "1 voices, the most alike"),
        ({"locale": "zh-CN", "viewport": NARROW}, "以声搜声", "开始录音", "停止", "1 个声音，最相似的在前"),
    ],
    indirect=["page"],
)
def test_a_few_seconds_from_the_microphone_find_who_sounds_alike(
    page: Page, site: Site, opener: str, record: str, stop: str, found: str
) -> None:
    _log_in_as(page, site, f"dora-{len(opener)}")
    page.goto(f"{site.url}/#/search/")
    page.get_by_text(opener).click()
    page.get_by_role("button", name=record).click()
    expect(page.get_by_role("button", name=f"{stop} · 2 s")).to_be_visible()
    page.get_by_role("button", name=stop).click()
    expect(page.get_by_text(found)).to_be_visible()
    expect(page.locator("li.hit")).to_have_count(1)
    _look(page, "sound")
    page.locator("details.sound input[type=file]").set_input_files(
        {"name": "a.txt", "mimeType": "audio/wav", "buffer": b"no audio"}
    )
    expect(page.get_by_role("alert")).to_contain_text("No audio can be read")


def test_the_owner_protects_a_voice_and_sees_what_came_too_close(page: Page, site: Site) -> None:
    _log_in_as(page, site, "edna")
    site.world.add_voice("edna", "guarded")
    page.goto(f"{site.url}/#/voices/edna/guarded")
    page.get_by_role("button", name="Protect this voice").click()
    expect(page.get_by_role("button", name="Protected")).to_be_visible()
    expect(page.get_by_text("bob/twin sounds like edna/guarded: similarity 0.91")).to_be_visible()
    _look(page, "likeness")
    page.goto(f"{site.url}/#/voices/anna/narrator")
    expect(page.get_by_role("heading", name="anna/narrator")).to_be_visible()
    expect(page.get_by_role("button", name="Protect this voice")).to_have_count(0)


def test_what_does_not_exist_is_said_with_a_way_on(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/#/voices/anna/nothing")
    expect(page.get_by_role("alert")).to_contain_text("private voice exists only for its owner")
    page.goto(f"{site.url}/#/voices/%ff")
    expect(page.get_by_role("combobox", name=BOX)).to_be_visible()


MICROPHONE = """(() => {
  const devices = navigator.mediaDevices, ask = devices.getUserMedia.bind(devices);
  const now = performance.now.bind(performance);
  window.tracks = [];
  devices.getUserMedia = async (wanted) => {
    await window.permission;
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
  };
  performance.now = () => now() * (window.speed || 1);
  window.later = async (is) => {
    while (!is()) await new Promise((resolve) => setTimeout(resolve, 20));
    return true;
  };
  window.live = () => window.tracks.filter((one) => one.readyState === 'live').length;
})()"""


def test_a_recording_ends_at_its_limit_and_when_the_view_is_left(page: Page, site: Site) -> None:
    page.add_init_script(MICROPHONE)
    _seem_logged_in(page)
    page.goto(f"{site.url}/#/make")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_text("1 s (at least 30")).to_be_visible()
    page.evaluate("window.speed = 1000")
    expect(page.get_by_role("button", name="Record again")).to_be_enabled()
    expect(page.locator("audio")).to_be_visible()
    assert page.evaluate("live()") == 0
    page.evaluate("window.speed = 1")
    for address, opener in (("make", None), ("search/", "Search by sound")):
        page.goto(f"{site.url}/#/{address}")
        if opener:
            page.get_by_text(opener).click()
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        assert page.evaluate("live()") == 1
        page.goto(f"{site.url}/#/login")
        expect(page.locator("input[type=password]")).to_be_visible()
        assert page.evaluate("live()") == 0


def test_a_second_press_waits_for_the_microphone_and_a_view_left_meanwhile_lets_go_of_it(
    page: Page, site: Site
) -> None:
    page.add_init_script(MICROPHONE)
    _seem_logged_in(page)
    page.goto(f"{site.url}/#/make")
    page.evaluate("window.permission = new Promise((resolve) => window.allow = resolve); 0")
    page.get_by_role("button", name="Record").press("Enter")
    expect(page.get_by_role("button", name="Record")).to_be_disabled()
    page.evaluate("allow()")
    expect(page.get_by_role("button", name="Stop")).to_be_focused()
    page.get_by_role("button", name="中文").click()
    page.evaluate("window.permission = new Promise((resolve) => window.allow = resolve); 0")
    page.get_by_role("button", name="开始录音").click()
    page.goto(f"{site.url}/#/login")
    page.evaluate("allow()")
    assert page.evaluate("later(() => tracks.length === 2 && live() === 0)")


def test_a_page_that_may_not_record_says_where_it_may(page: Page, site: Site) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})")
    _seem_logged_in(page)
    page.goto(f"{site.url}/#/make")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_contain_text("opened over https, or on the hub's own machine at " + site.url)
    expect(page.get_by_role("button", name="Record")).to_be_enabled()
    page.get_by_role("button", name="中文").click()
    page.get_by_role("button", name="开始录音").click()
    expect(page.get_by_role("alert")).to_contain_text("只允许在通过 https 打开的页面上录音")
    page.set_viewport_size(NARROW)
    _look(page, "record-refused")


def test_the_skip_link_leads_into_the_view_that_is_open(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/#/signup")
    page.get_by_label("Name").fill("half-written")
    page.get_by_role("link", name="Skip to the content").press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_label("Name")).to_have_value("half-written")


HASTE = """(() => {
  const wait = setTimeout;
  window.waits = [];
  window.setTimeout = (then, ms) => (window.waits.push(ms), wait(then, ms / 20));
})()"""
JOB_SHOWN = {"id": "j1", "owner": "ida", "name": "ferry", "failure": "", "version_id": ""}
IN_FLIGHT = {"reason": "IDEMPOTENCY_IN_FLIGHT", "detail": "The same request is under way."}
LIMITED = {"reason": "RATE_LIMITED", "detail": "Too many requests."}
AWAY = {"detail": "The trainer does not answer.", "hint": "Connect again."}


def _event(name: str, data: object, number: int | None = None) -> str:
    return (f"id: {number}\n" if number is not None else "") + f"event: {name}\ndata: {json.dumps(data)}\n\n"


def test_a_job_is_followed_to_its_end_through_a_restart_of_the_trainer(page: Page, site: Site) -> None:
    page.add_init_script(HASTE)
    _seem_logged_in(page)
    running = JOB_SHOWN | {"state": "running"}
    step = {"sequence": 7, "step": "train", "fraction": 0.5, "message": ""}
    answers: list[dict[str, Any]] = [
        {"body": _event("progress", {"job": running, "progress": step}, 7) + _event("problem", AWAY)},
        {"status": 503, "json": AWAY},
        {"body": "retry: 2000\n\n"},
        {"body": _event("progress", {"job": JOB_SHOWN | {"state": "succeeded"}}, 0)},
    ]
    asked: list[str | None] = []
    waiting: list[Route] = []

    def events(route: Route) -> None:
        asked.append(route.request.headers.get("last-event-id"))
        waiting.append(route)
        if len(asked) != 3:
            answer()

    def answer() -> None:
        waiting.pop().fulfill(**({"content_type": "text/event-stream"} | answers[len(asked) - 1]))

    page.route("**/v1/training-jobs/j1/events", events)
    page.route("**/v1/training-jobs/j1", lambda route: route.fulfill(json=running))
    page.goto(f"{site.url}/#/jobs/j1")
    expect(page.get_by_role("progressbar", name="Train")).to_have_js_property("value", 0.5)
    expect(page.get_by_text("A part of the hub does not answer at the moment.")).to_be_visible()
    page.set_viewport_size(NARROW)
    _look(page, "job-away")
    while not waiting:  # the page pauses before it asks once more; pytest's own limit ends a page that does not
        page.wait_for_timeout(20)
    answer()
    expect(page.locator(".title .state")).to_have_text("done")
    expect(page.get_by_text("A part of the hub does not answer at the moment.")).to_have_count(0)
    assert asked == [None, "7", "7", "7"]


def test_a_version_is_followed_to_its_end_through_a_restart_of_the_catalog(page: Page, site: Site) -> None:
    page.add_init_script(HASTE)
    states = iter(["exported", None, "published"])
    streams = iter([_event("problem", AWAY), _event("state", {"state": "published"}, 1)])

    def version(route: Route) -> None:
        state = next(states)
        if state:
            route.fulfill(json=route.fetch().json() | {"state": state})
        else:
            route.fulfill(status=503, json=AWAY)

    page.route("**/v1/repos/anna/narrator/versions/*", version)
    page.route(
        "**/versions/*/events", lambda route: route.fulfill(content_type="text/event-stream", body=next(streams))
    )
    page.goto(f"{site.url}/#/voices/anna/narrator")
    expect(page.locator(".title .state")).to_have_text("being tested")
    expect(page.locator(".title .state")).to_have_text("published")


def _fill_make(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/#/make")
    page.get_by_label("Name of the voice").fill("ferry")
    page.get_by_label("Transcript").fill("The ferry leaves at seven.")
    page.get_by_label("It is my own voice.").check()
    page.get_by_label("Source of the recordings").fill("recorded by myself")
    page.locator("input[type=file]").set_input_files(
        {"name": "a.wav", "mimeType": "audio/wav", "buffer": bytes(3 << 19)}
    )


def test_an_upload_goes_on_when_the_hub_was_away_for_a_moment(page: Page, site: Site) -> None:
    page.add_init_script(HASTE)
    _log_in_as(page, site, "jack")
    _fill_make(page, site)
    share: dict[str, Any] = {"status": 429, "json": {"detail": "8 are under way.", "reason": "SHARE_TAKEN"}}
    answers: list[Answering] = [
        lambda route: route.abort(),
        lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"),
        lambda route: route.fulfill(**share),
    ]
    asked: list[str] = []

    def piece(route: Route) -> None:
        asked.append(route.request.method)
        (answers.pop(0) if answers else Route.continue_)(route)

    page.route("**/v1/uploads/*", piece)
    page.get_by_role("button", name="Train this voice").click()
    expect(page).to_have_url(re.compile("#/jobs/"), timeout=PATIENCE_MS)
    assert asked == ["PATCH", "GET", "GET", "GET", "PATCH", "PATCH"]
    assert page.evaluate("waits.filter((ms) => ms >= 500)") == [500, 1000, 1500]


def test_a_login_that_has_expired_is_forgotten_and_what_everybody_may_see_is_shown(page: Page, site: Site) -> None:
    links, alert = page.locator("#links"), page.get_by_role("alert")
    expire = """() => localStorage.setItem(
      'voicehub.session', JSON.stringify({token: 'vh_' + 'a'.repeat(43), account: 'kate'}))"""
    page.goto(site.url)
    page.evaluate(expire)
    page.goto(f"{site.url}/#/voices/anna/narrator")
    expect(page.get_by_role("heading", name="anna/narrator")).to_be_visible()
    expect(links).to_contain_text("Log in")
    expect(alert).to_have_count(0)
    page.evaluate(expire)
    page.goto(f"{site.url}/#/mine")
    expect(page.locator("main").get_by_role("link", name="Log in first.")).to_be_visible()
    page.evaluate(expire)
    _fill_make(page, site)
    expect(links).to_contain_text("kate")
    page.get_by_role("button", name="Train this voice").click()
    expect(alert).to_contain_text("Your login has ended.")
    expect(alert.get_by_role("link", name="Log in first.")).to_be_visible()
    expect(links).not_to_contain_text("kate")
    expect(page.get_by_label("Name of the voice")).to_have_value("ferry")
    page.set_viewport_size(NARROW)
    _look(page, "login-expired")


@pytest.mark.parametrize(
    ("page", "badge"), [({"locale": "en-GB"}, "erased"), ({"locale": "zh-CN", "viewport": NARROW}, "已抹除")],
    indirect=["page"],
)  # fmt: skip
def test_an_erased_version_is_shown_and_waited_for_by_nobody(page: Page, site: Site, badge: str) -> None:
    page.add_init_script(HASTE)
    asked: list[str] = []

    def events(route: Route) -> None:
        asked.append(route.request.url)
        body = _event("state", {"state": "erased"}, 1)
        route.fulfill(content_type="text/event-stream", body=body)

    erased = {"state": "erased", "samples": [], "findings": []}
    page.route(
        "**/v1/repos/anna/narrator/versions/*", lambda route: route.fulfill(json=route.fetch().json() | erased)
    )
    page.route("**/versions/*/events", events)
    page.goto(f"{site.url}/#/voices/anna/narrator")
    expect(page.locator(".title .state")).to_have_text(badge)
    page.wait_for_timeout(500)
    assert asked == []
    _look(page, f"erased-{badge}")


def test_a_star_that_the_hub_does_not_take_is_told(page: Page, site: Site) -> None:
    _log_in_as(page, site, "lena")
    page.route("**/star", lambda route: route.fulfill(status=429, json={"detail": "Too many at once."}))
    page.goto(f"{site.url}/#/voices/anna/narrator")
    star = page.get_by_role("button", name="Star")
    star.click()
    expect(page.locator("#status")).to_have_text("Too many at once.")
    expect(star).to_have_attribute("aria-pressed", "false")


def test_a_search_that_failed_is_asked_again_by_the_same_button(page: Page, site: Site) -> None:
    page.route("**/v1/search?*", lambda route: route.fulfill(status=503, json=AWAY), times=1)
    page.goto(f"{site.url}/#/search/male%20narrator")
    expect(page.get_by_role("alert")).to_contain_text(str(AWAY["detail"]))
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.locator(".hit").first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def _stop_after_a_second(page: Page) -> None:
    expect(page.get_by_text("1 s (at least 30")).to_be_visible()
    page.get_by_role("button", name="Stop").click()


def test_a_recording_without_sound_is_not_blamed_on_the_microphone(page: Page, site: Site) -> None:
    page.add_init_script(MICROPHONE)
    _seem_logged_in(page)
    page.goto(f"{site.url}/#/make")
    # Before any sound has come the browser has nothing to decode; how soon that is differs with the machine.
    page.evaluate("Blob.prototype.arrayBuffer = async () => new ArrayBuffer(0); window.speed = 1e-6")
    page.get_by_role("button", name="Record").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("alert")).to_contain_text("Record again, for a second at least")
    page.evaluate("window.speed = 1000")
    page.get_by_role("button", name="Record").click()  # to its limit
    expect(page.get_by_role("alert")).to_contain_text("or choose a file")
    expect(page.get_by_role("button", name="Record")).to_be_enabled()


def test_a_text_of_ones_own_is_read_and_stays_the_transcript(page: Page, site: Site) -> None:
    _seem_logged_in(page)
    page.goto(f"{site.url}/#/make")
    page.get_by_label("Transcript").fill("The ferry leaves at seven.")
    page.get_by_role("button", name="Record").click()
    expect(page.locator(".script")).to_have_text("The ferry leaves at seven.")
    _stop_after_a_second(page)
    expect(page.get_by_label("Transcript")).to_have_value("The ferry leaves at seven.")
    page.get_by_label("Transcript").fill("")
    page.get_by_role("button", name="Record again").click()
    expect(page.get_by_label("Transcript")).to_have_value(re.compile("^Every morning"))
    _stop_after_a_second(page)
    page.get_by_label("Language").select_option("zh")
    page.get_by_role("button", name="Record again").click()
    expect(page.locator(".script")).to_contain_text("每天清晨")


def test_a_comment_begun_stays_when_the_version_goes_on(page: Page, site: Site) -> None:
    page.add_init_script(HASTE)
    _log_in_as(page, site, "mona")
    state = ["exported"]
    page.route(
        "**/v1/repos/anna/narrator/versions/*",
        lambda route: route.fulfill(json=route.fetch().json() | {"state": state[0]}),
    )
    page.route(
        "**/versions/*/events",
        lambda route: route.fulfill(content_type="text/event-stream", body=_event("state", {"state": state[0]}, 1)),
    )
    page.goto(f"{site.url}/#/voices/anna/narrator")
    page.get_by_label("Write a comment").fill("Half of a sentence,")
    state[0] = "published"
    expect(page.locator(".title .state")).to_have_text("published")
    expect(page.get_by_label("Write a comment")).to_have_value("Half of a sentence,")
    expect(page.get_by_label("Write a comment")).to_be_focused()


def test_a_training_whose_answer_is_lost_begins_once_however_often_it_is_asked_for(page: Page, site: Site) -> None:
    _log_in_as(page, site, "nora")
    _fill_make(page, site)
    keys = _lose_the_first_answer(page, "**/v1/training-jobs")
    page.get_by_role("button", name="Train this voice").click()
    expect(page.get_by_role("alert")).to_contain_text("The hub cannot be reached.")
    page.get_by_role("button", name="Train this voice").click()
    expect(page).to_have_url(re.compile("#/jobs/"), timeout=PATIENCE_MS)
    asked = [one for one in site.world.requests if isinstance(one, trainer_pb2.CreateJobRequest)]
    assert len([one for one in asked if one.owner == "nora"]) == 1
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    "second", [{"status": 409, "json": IN_FLIGHT}, {"status": 429, "json": LIMITED}, {"status": 500}]
)
def test_a_training_that_may_be_under_way_begins_once_whatever_is_answered_next(
    page: Page, site: Site, second: dict[str, Any]
) -> None:
    name = f"nora-{second['status']}"
    _log_in_as(page, site, name)
    _fill_make(page, site)
    keys: list[str] = []

    def begin(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        elif len(keys) == 2:
            route.fulfill(**second)
        else:
            route.continue_()

    page.route("**/v1/training-jobs", begin)
    button = page.get_by_role("button", name="Train this voice")
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("The hub cannot be reached.")
    button.click()
    if second["status"] != 409:  # what is under way is asked for again by itself
        expect(page.get_by_role("alert")).not_to_contain_text("The hub cannot be reached.")
        button.click()
    expect(page).to_have_url(re.compile("#/jobs/"), timeout=PATIENCE_MS)
    asked = [one for one in site.world.requests if isinstance(one, trainer_pb2.CreateJobRequest)]
    assert len([one for one in asked if one.owner == name]) == 1
    assert len(set(keys)) == 1


def test_what_was_done_before_a_new_login_is_told_so_and_not_done_again(page: Page, site: Site) -> None:
    _log_in_as(page, site, "tara")
    _fill_make(page, site)
    _lose_the_first_answer(page, "**/v1/training-jobs")
    button = page.get_by_role("button", name="Train this voice")
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("The hub cannot be reached.")
    _log_in_as(page.context.new_page(), site, "tara")
    for _ in range(2):
        button.click()
        expect(page.get_by_role("alert")).to_contain_text("This was done before you logged in again.")
    asked = [one for one in site.world.requests if isinstance(one, trainer_pb2.CreateJobRequest)]
    assert len([one for one in asked if one.owner == "tara"]) == 1
    page.get_by_role("alert").get_by_role("link", name="See what is yours.").click()
    expect(page).to_have_url(re.compile("#/mine"))


def test_what_one_account_asked_for_never_goes_out_as_anothers(page: Page, site: Site) -> None:
    _log_in_as(page, site, "ugo")
    tokens: list[str] = []

    def answer(route: Route) -> None:
        tokens.append(route.request.headers["authorization"])
        route.fulfill(status=409, json=IN_FLIGHT)

    page.route("**/comments", lambda route: answer(route) if route.request.method == "POST" else route.continue_())
    page.goto(f"{site.url}/#/voices/anna/narrator")
    page.get_by_label("Write a comment").fill("Well spoken.")
    page.locator("form", has=page.get_by_label("Write a comment")).get_by_role("button").click()
    _until(page, lambda: bool(tokens))
    _log_in_as(page.context.new_page(), site, "vera")
    expect(page.get_by_role("alert")).to_contain_text("The same request is under way.")
    page.wait_for_timeout(1500)
    assert len(set(tokens)) == 1


def test_a_recording_goes_on_whatever_its_account_does_in_another_tab(page: Page, site: Site) -> None:
    _log_in_as(page, site, "wim")
    page.goto(f"{site.url}/#/make")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    other = page.context.new_page()
    _log_in_as(other, site, "wim")
    other.evaluate("localStorage.removeItem('voicehub.session')")
    expect(page.locator("#links")).to_contain_text("Log in")
    _log_in_as(other, site, "wim")
    expect(page.locator("#links")).to_contain_text("wim")
    page.wait_for_timeout(1100)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("form audio")).to_be_visible()


def test_an_upload_of_which_the_answer_is_lost_is_begun_anew_after_a_new_login(page: Page, site: Site) -> None:
    _log_in_as(page, site, "xena")
    _fill_make(page, site)
    _lose_the_first_answer(page, "**/v1/uploads")
    button = page.get_by_role("button", name="Train this voice")
    button.click()
    expect(page.get_by_role("alert")).to_contain_text("The hub cannot be reached.")
    _log_in_as(page.context.new_page(), site, "xena")
    button.click()
    expect(page).to_have_url(re.compile("#/jobs/"), timeout=PATIENCE_MS)


@pytest.mark.parametrize("held", ["**/v1/uploads", "**/v1/uploads/*"])
def test_nothing_of_a_training_is_sent_as_another_account_that_logs_in_meanwhile(
    page: Page, site: Site, held: str
) -> None:
    name, other = ("yves", "zoe") if held.endswith("s") else ("yann", "zita")
    _log_in_as(page, site, name)
    _fill_make(page, site)
    waiting: list[Route] = []
    sent: list[str] = []
    page.route(held, lambda route: waiting.append(route))
    page.get_by_role("button", name="Train this voice").click()
    _until(page, lambda: bool(waiting))
    _log_in_as(page.context.new_page(), site, other)
    expect(page.locator("#links")).to_contain_text(other)
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    waiting[0].continue_()
    expect(page.locator("#status")).to_contain_text("nothing more was sent")
    assert not [one for one in sent if one.startswith(("PATCH", "POST"))]


def test_a_recording_of_one_account_is_nothing_to_another_that_logs_in_elsewhere(page: Page, site: Site) -> None:
    _log_in_as(page, site, "rita")
    _fill_make(page, site)
    expect(page.locator("form audio")).to_be_visible()
    other = page.context.new_page()
    _log_in_as(other, site, "sven")
    expect(page.locator("#links")).to_contain_text("sven")
    expect(page.locator("form audio")).to_have_count(0)
    expect(page.get_by_label("Transcript")).to_have_value("")


def test_a_recording_and_what_was_said_about_it_outlive_a_change_of_language_and_a_new_login(
    page: Page, site: Site
) -> None:
    _log_in_as(page, site, "olga")
    page.goto(f"{site.url}/#/make")
    page.get_by_label("Name of the voice").fill("ferry")
    page.get_by_role("button", name="Record").click()
    _stop_after_a_second(page)
    page.get_by_label("It is my own voice.").check()
    page.get_by_label("Source of the recordings").fill("recorded by myself")
    page.get_by_label("Keep it private").check()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_label("声音名称")).to_have_value("ferry")
    expect(page.get_by_label("文字稿")).to_have_value(re.compile("^Every morning"))
    expect(page.get_by_label("这是我自己的声音。")).to_be_checked()
    expect(page.get_by_label("设为私有")).to_be_checked()
    expect(page.get_by_label("快速")).not_to_be_checked()
    expect(page.locator("main audio")).to_be_visible()
    page.evaluate("""() => localStorage.setItem(
      'voicehub.session', JSON.stringify({token: 'vh_' + 'a'.repeat(43), account: 'olga'}))""")
    page.get_by_role("button", name="开始训练").click()
    page.get_by_role("alert").get_by_role("link", name="请先登录。").click()
    page.get_by_label("名称").fill("olga")
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.locator("main").get_by_role("link", name="制作声音").click()
    page.get_by_role("button", name="开始训练").click()
    expect(page).to_have_url(re.compile("#/jobs/"), timeout=PATIENCE_MS)
    (asked,) = [r for r in site.world.requests if isinstance(r, trainer_pb2.CreateJobRequest) and r.owner == "olga"]
    assert (asked.name, asked.private, asked.filename) == ("ferry", True, "recording.wav")
    page.goto(f"{site.url}/#/make")
    expect(page.get_by_label("声音名称")).to_have_value("")
    expect(page.locator("main audio")).to_have_count(0)


def test_an_upload_goes_on_for_who_looks_at_something_else_and_leaves_them_there(page: Page, site: Site) -> None:
    _log_in_as(page, site, "pia")
    _fill_make(page, site)
    waiting: list[Route] = []
    page.route("**/v1/training-jobs", lambda route: waiting.append(route) if not waiting else route.continue_())
    page.get_by_role("button", name="Train this voice").click()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("button", name="开始训练")).to_be_disabled()
    expect(page.get_by_role("progressbar", name="上传中")).to_be_visible()
    page.goto(f"{site.url}/#/voices/anna/narrator")
    comment = page.get_by_label("写评论")
    comment.fill("Half of a sentence,")
    _until(page, lambda: bool(waiting))
    waiting[0].continue_()
    expect(page.locator("#status")).to_have_text("训练: narrator")  # the fixed job of the upstreams
    expect(comment).to_have_value("Half of a sentence,")
    asked = [r for r in site.world.requests if isinstance(r, trainer_pb2.CreateJobRequest) and r.owner == "pia"]
    assert len(asked) == 1


TRAINED = {"similarity_resemblyzer": 0.7, "mos_dnsmos": 3.2, "epochs": 5, "speaker_embedding": [0.0331] * 256}
MEASUREMENTS = Measurements(*(float(number) for number in range(100, 111)))


@pytest.mark.parametrize(
    ("page", "similarity", "register", "how"),
    [
        ({"locale": "en-GB"}, "Similarity to the recording", "Register low", "see figures"),
        ({"locale": "zh-CN", "viewport": NARROW}, "与录音的相似度", "音区 低", "见指标"),
    ],
    indirect=["page"],
)
def test_what_training_measured_is_told_in_words_and_without_the_embedding(
    page: Page, site: Site, similarity: str, register: str, how: str
) -> None:
    measured = as_card(MEASUREMENTS, {name: value for name, value in TRAINED.items() if isinstance(value, float)})

    def trained(route: Route) -> None:
        version = route.fetch().json()
        route.fulfill(json=version | {"figures": TRAINED, "card": version["card"] | {"measured": measured}})

    page.route("**/v1/repos/anna/narrator/versions/*", trained)
    page.goto(f"{site.url}/#/voices/anna/narrator")
    expect(page.get_by_role("row", name=register)).to_be_visible()
    expect(page.get_by_role("row", name=similarity).filter(has_text=how)).to_have_count(1)
    expect(page.locator("main")).not_to_contain_text("0.033")
    names = page.locator("tbody tr td:first-child").all_inner_texts()
    if how == "见指标":
        assert [name for name in names if not re.search("[\u4e00-\u9fff]", name)] == []
    assert [name for name in names if re.search(" (hz|db|percent|dnsmos|resemblyzer)$", name)] == []
    _look(page, f"measured-{how}")


def test_what_the_hub_does_not_do_or_give_is_told_where_it_was_asked_for(page: Page, site: Site) -> None:
    _log_in_as(page, site, "rosa")
    site.world.add_voice("rosa", "guarded")
    page.goto(f"{site.url}/#/voices/rosa/guarded")
    told = page.locator("#status")
    page.route("**/protection", lambda route: route.fulfill(status=429, json={"detail": "Too many at once."}))
    page.get_by_role("button", name="Protect this voice").click()
    expect(told).to_have_text("Too many at once.")
    expect(page.get_by_role("button", name="SARIF")).to_be_visible()
    page.route("**/report?*", lambda route: route.fulfill(status=503, json=AWAY))
    page.get_by_role("button", name="SARIF").click()
    expect(told).to_have_text(str(AWAY["detail"]))
    page.route("**/v1/training-jobs", lambda route: route.fulfill(status=503, json=AWAY))
    page.goto(f"{site.url}/#/mine")
    card = page.locator("section.card", has=page.get_by_role("heading", name="My training jobs"))
    expect(card.get_by_role("alert")).to_contain_text(str(AWAY["detail"]))
    expect(page.get_by_role("link", name="guarded")).to_be_visible()


def test_the_rest_of_the_hits_is_asked_for_again_by_the_same_button(page: Page, site: Site) -> None:
    failures = iter([True])

    def answer(route: Route) -> None:
        rest = "cursor=" in route.request.url
        if rest and next(failures, False):
            route.fulfill(status=503, json=AWAY)
        else:
            route.fulfill(json=route.fetch().json() | {"next_cursor": "" if rest else "c"})

    page.route("**/v1/search?*", answer)
    page.goto(site.url)
    more, hits, alert = page.get_by_role("button", name="Show more"), page.locator(".hit"), page.get_by_role("alert")
    more.click()
    expect(alert).to_contain_text(str(AWAY["detail"]))
    first = hits.count()
    more.click()
    expect(hits).to_have_count(2 * first)
    expect(alert).to_have_count(0)


def test_every_tab_shows_who_is_logged_in_in_any_of_them(page: Page, site: Site) -> None:
    _log_in_as(page, site, "sara")
    page.goto(f"{site.url}/#/voices/anna/narrator")
    page.get_by_label("Write a comment").fill("Half of a sentence,")
    other = page.context.new_page()
    other.goto(site.url)
    other.get_by_role("button", name="Log out").click()
    links = page.locator("#links")
    expect(links).to_contain_text("Log in")
    expect(links).not_to_contain_text("sara")
    _log_in_as(other, site, "tilda")
    expect(links).to_contain_text("tilda")
    expect(page.get_by_label("Write a comment")).to_have_value("Half of a sentence,")


def test_an_account_whose_first_login_failed_is_entered_by_the_same_button(page: Page, site: Site) -> None:
    page.route("**/v1/sessions", lambda route: route.fulfill(status=503, json=AWAY), times=1)
    page.goto(f"{site.url}/#/signup")
    page.get_by_label("Name").fill("ursula ")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("alert")).to_contain_text(str(AWAY["detail"]))
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="ursula")).to_be_visible()


@pytest.mark.parametrize(
    ("page", "label", "rule"),
    [
        ({"locale": "en-GB"}, "Name", "Lower-case letters, digits and dashes."),
        ({"locale": "zh-CN"}, "名称", "小写字母、数字和连字符。"),
    ],
    indirect=["page"],
)
def test_a_name_that_cannot_be_taken_is_told_at_its_field_without_a_pattern(
    page: Page, site: Site, label: str, rule: str
) -> None:
    page.goto(f"{site.url}/#/signup")
    name = page.get_by_label(label)
    page.get_by_label(re.compile("Password|密码")).fill(PASSWORD)
    for wrong in ("Anna", "安娜", "anna b", "-anna"):
        name.fill(wrong)
        page.keyboard.press("Enter")
        assert name.evaluate("(e) => [e.validity.patternMismatch, e.title]") == [True, rule]
    expect(name).to_be_focused()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_cursor_stays_where_the_keyboard_led_it(page: Page, site: Site) -> None:
    _log_in_as(page, site, "vera")
    page.goto(f"{site.url}/#/voices/anna/narrator")
    page.get_by_label("Write a comment").fill("By keyboard.")
    send = page.locator("form", has=page.get_by_label("Write a comment")).get_by_role("button")
    send.press("Enter")
    expect(page.locator(".comment").last).to_contain_text("By keyboard.")
    expect(send).to_be_focused()
    page.get_by_role("button", name="中文").press("Enter")
    expect(page.get_by_role("button", name="English")).to_be_focused()
    page.route("**/v1/search?*", lambda route: route.fulfill(json=route.fetch().json() | {"next_cursor": "c"}))
    page.goto(f"{site.url}/#/search/")
    more, hits = page.get_by_role("button", name="显示更多"), page.locator(".hit")
    expect(more).to_be_visible()
    first = hits.count()
    more.press("Enter")
    expect(hits).to_have_count(2 * first)
    expect(hits.nth(first).get_by_role("link").first).to_be_focused()
    page.unroute("**/v1/search?*")  # what is asked for after logging out may be under way when the test ends
    page.get_by_role("button", name="退出").press("Enter")
    expect(page.get_by_role("link", name="注册")).to_be_visible()
    expect(page.locator("main")).to_be_focused()
