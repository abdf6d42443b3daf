"""The documents' page in a real browser, under a host's real name: it works, and asks nobody else for anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import HOST

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


@pytest.fixture
def page(chromium: Browser, live_server: LiveServer, settings: Any) -> Iterator[Page]:
    """The page, before it is opened."""
    settings.ALLOWED_HOSTS = [HOST, "127.0.0.1"]
    opened = chromium.new_page(base_url=f"http://{HOST}:{urlsplit(live_server.url).port}")
    yield opened
    opened.close()


def test_shows_the_operations_and_asks_nobody_else(page: Page) -> None:
    asked: list[str] = []
    broken: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda message: broken.append(message.text) if _is_refusal(message) else None)

    page.goto("/api/docs")
    page.get_by_text("/charges/batch").first.click()
    page.get_by_text("Up to 1 000 charges").first.wait_for()
    page.wait_for_load_state("networkidle")

    assert {urlsplit(url).hostname for url in asked if not url.startswith("data:")} == {HOST}
    assert broken == []


def test_could_not_ask_anybody_else(page: Page) -> None:
    # Somebody who answers whoever asks.
    page.route("**/elsewhere", lambda route: route.fulfill(body="here I am"))
    page.route("**/plain", lambda route: route.fulfill(body="<p>no policy</p>", content_type="text/html"))
    page.goto("/api/docs")
    attempt = "url => fetch(url, {mode: 'no-cors'}).then(() => 'answered', () => 'refused')"
    assert page.evaluate(attempt, "http://127.0.0.1/elsewhere") == "refused"
    # The control: a page without the header may.
    page.goto("/plain")
    assert page.evaluate(attempt, "http://127.0.0.1/elsewhere") == "answered"


def _is_refusal(message: ConsoleMessage) -> bool:
    # Over plain HTTP a browser also says that it ignores headers which ask for HTTPS.
    return message.type == "error" and "Cross-Origin-Opener-Policy" not in message.text
