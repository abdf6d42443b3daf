"""A Chromium and an office with demo data, served over HTTP."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from billing.operations import demo
from core.database_roles import as_owner
from core.tests.cleaning import furniture_fingerprint
from tests.browser.kept_rows import KeptRows

# Debian, Ubuntu, Google.
CHROMIUM: Final = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
PASSWORD: Final = "correct horse battery staple"
# A name that the browser takes for this machine: on localhost some pages leave out what they would ask of the world.
HOST: Final = "dvorik.example"

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
    contexts: list[BrowserContext] = field(default_factory=list)

    def enter(
        self,
        at: str = "/admin/",
        *,
        login: str = demo.LOGIN,
        language: str = "en",
        theme: Theme = "light",
        width: int = 1440,
        height: int = 900,
        scale: float = 1,
    ) -> Page:
        """
        A window in which a colleague is logged in, by the cookie of a session: the form is tried by those tests that
        are about it.

        :param at: the page that is open
        """
        page = self.open(language=language, theme=theme, width=width, height=height, scale=scale)
        client = Client()
        client.force_login(User.objects.get(login=login))
        self.let_in(page, client)
        page.goto(at)
        return page

    def let_in(self, page: Page, client: Client) -> None:
        """Hand a window the session of a client that is logged in."""
        name = settings.SESSION_COOKIE_NAME
        page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": self.address}])

    def log_in(self, page: Page, *, login: str = demo.LOGIN, password: str = PASSWORD, wanted: str = "/admin/") -> None:
        """Type a login and a password into the form to which whoever wants a page is sent."""
        page.goto(wanted)
        page.locator("#id_username").fill(login)
        page.locator("#id_password").fill(password)
        page.locator("#login-form [type=submit]").click()

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
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.wrong.append(f"{page.url}: {error}"))
        page.on("response", self._answered)
        page.on("request", self._asked)
        return page

    def close(self) -> None:
        """Close every window; what they had asked for until then is answered, or given up."""
        for context in self.contexts:
            context.close()

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


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """
    One for all tests of this package: Playwright alone takes a second to start. Where no Chromium is found, tests are
    skipped and say so.
    """
    if CHROMIUM is None:
        pytest.skip("no Chromium is found: install one, or name it by CHROMIUM")
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Playwright keeps an event loop in this thread, beside which Django refuses its database. Nothing runs in the
        # loop while the test itself does.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", f"--host-resolver-rules=MAP {HOST} 127.0.0.1"]
        )
        yield browser
        browser.close()


@pytest.fixture
def office(demo_rows: None, chromium: Browser, live_server: LiveServer) -> Iterator[Office]:
    """Admin over the demo's rows. A test in which anything went wrong fails."""
    yield from _opened(chromium, live_server)


@pytest.fixture
def bare_office(chromium: Browser, live_server: LiveServer) -> Iterator[Office]:
    """The same over whatever the fixtures before it have made."""
    yield from _opened(chromium, live_server)


def _opened(chromium: Browser, live_server: LiveServer) -> Iterator[Office]:
    opened = Office(chromium, live_server.url)
    yield opened
    opened.close()
    assert opened.wrong == []


def forget(_loaded: demo.Loaded) -> None:
    """Nobody needs the demo's API key here."""
