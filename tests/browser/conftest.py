"""A Chromium and an office with demo data, served over HTTP."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright
from pytest_django.live_server_helper import LiveServer

from billing.operations import demo
from core.database_roles import as_owner
from core.tests.cleaning import furniture_fingerprint
from tests.browser.kept_rows import KeptRows

# Debian, Ubuntu, Google.
CHROMIUM: Final = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PASSWORD: Final = "correct horse battery staple"

Theme = Literal["light", "dark"]


@dataclass
class Office:
    """
    Admin in a browser. It remembers what went wrong: errors of scripts and of the console, answers of 400 and more,
    requests to other hosts.
    """

    browser: Browser
    address: str
    wrong: list[str] = field(default_factory=list)

    def enter(
        self,
        *,
        login: str = demo.LOGIN,
        language: str = "en",
        theme: Theme = "light",
        width: int = 1440,
        height: int = 900,
        scale: float = 1,
    ) -> Page:
        """
        A window in which a colleague is logged in, on the overview.

        :param login: the demo operator's, unless another is given who has the same password
        """
        page = self.open(language=language, theme=theme, width=width, height=height, scale=scale)
        page.goto("/admin/")
        page.locator("#id_username").fill(login)
        page.locator("#id_password").fill(PASSWORD)
        page.locator("#login-form [type=submit]").click()
        page.wait_for_url("**/admin/")
        return page

    def open(
        self, *, language: str = "en", theme: Theme = "light", width: int = 1440, height: int = 900, scale: float = 1
    ) -> Page:
        """A window in which nobody is logged in."""
        context = self.browser.new_context(
            base_url=self.address,
            locale=language,
            color_scheme=theme,
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            timezone_id="Europe/Moscow",
            reduced_motion="reduce",
        )
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("response", self._answered)
        page.on("request", self._asked)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"{message.location.get('url')}: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.url}: {response.status}")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"http", "https", "ws", "wss"} and parts.netloc != urlsplit(self.address).netloc:
            self.wrong.append(f"another host is asked: {request.url}")


@pytest.fixture(scope="session")
def told_before() -> dict[tuple[str, ...], KeptRows]:
    """The demo's rows, once they were made, by the furniture to which they refer."""
    return {}


@pytest.fixture
def demo_rows(transactional_db: None, told_before: dict[tuple[str, ...], KeptRows]) -> None:
    """The demo's two months of history."""
    # Its story is told by another clock, which only the owner can set.
    with as_owner():
        if kept := told_before.get(furniture := furniture_fingerprint()):
            kept.put_back()
        else:
            demo.load(password=PASSWORD, keep=forget)
            told_before[furniture] = KeptRows.of_now()


@pytest.fixture
def office(demo_rows: None, live_server: LiveServer) -> Iterator[Office]:
    """
    Admin over the demo's rows. A test in which anything went wrong fails; where no Chromium is found, it is skipped
    and says so.
    """
    yield from _opened(live_server)


@pytest.fixture
def bare_office(live_server: LiveServer) -> Iterator[Office]:
    """The same over whatever the fixtures before it have made."""
    yield from _opened(live_server)


def _opened(live_server: LiveServer) -> Iterator[Office]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is found: install one, or name it by CHROMIUM")
    # Playwright keeps an event loop in this thread, and beside one Django refuses its database: last in, first out.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        opened = Office(browser, live_server.url)
        yield opened
        browser.close()
    assert opened.wrong == []


def forget(_loaded: demo.Loaded) -> None:
    """Nobody needs the demo's API key here."""
