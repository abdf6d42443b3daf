"""
The README's pictures, taken of what anybody sees after ``make run``.

``PICTURES=docs/images make test ARGS=tests/browser/test_pictures.py`` takes them anew; otherwise they are only taken
to see that they can be.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Office, Theme

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

MOST_BYTES: Final = 300_000


def _overview(page: Page) -> None:
    page.goto("/admin/")


def _tariff(page: Page) -> None:
    """A tariff whose price was changed a moment ago."""
    page.goto("/admin/billing/tariff/")
    page.locator("#result_list th a").nth(1).click()
    page.get_by_label("Price", exact=False).first.fill("549")
    page.get_by_label("Reason").fill("Autumn prices")
    with page.expect_navigation():
        page.get_by_role("button", name="Save and continue editing").click()
    page.goto(page.url)


def _wallet(page: Page) -> None:
    """The wallet of whoever has the most to tell."""
    page.goto("/admin/billing/wallet/?q=1000000000003")
    page.locator("#result_list th a").first.click()


def _audit(page: Page) -> None:
    """What the change of the tariff, for the picture before, left in the audit log."""
    page.goto("/admin/audit/auditlog/?action=billing.tariff.updated")
    page.locator("#result_list .field-at a, #result_list tbody a").first.click()


PICTURES: Final[tuple[tuple[str, Theme, Callable[[Page], None]], ...]] = (
    ("dashboard-light", "light", _overview),
    ("dashboard-dark", "dark", _overview),
    ("tariff", "light", _tariff),
    ("wallet", "light", _wallet),
    ("audit-diff", "light", _audit),
)


def test_takes_the_readme_s_pictures(office: Office, tmp_path: Path) -> None:
    folder = Path(os.environ.get("PICTURES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    page = office.enter(width=1280, height=880)
    for name, theme, show in PICTURES:
        page.emulate_media(color_scheme=theme)
        show(page)
        # Charts are drawn for a while.
        page.wait_for_load_state("networkidle")
        picture = folder / f"{name}.png"
        page.screenshot(path=picture, animations="disabled", caret="hide")
        assert 10_000 < picture.stat().st_size < MOST_BYTES, name
