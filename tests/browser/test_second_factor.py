"""A new colleague's first day at the door: a phone is set up, shown, and shown again before a file leaves the house."""

from __future__ import annotations

import re
from base64 import b32decode
from collections.abc import Iterator
from typing import Final

import pytest
from django.test import override_settings
from playwright.sync_api import Page, expect

from accounts.operations import staff
from accounts.rules import second_factors as rules
from accounts.tests.phones import Phone
from conftest import TestClock
from core.actors import SYSTEM
from tests.browser.conftest import Office
from tests.browser.test_pages import WIDTHS, is_whole, show_again

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

LOGIN: Final = "zoya"


@pytest.fixture(autouse=True)
def required() -> Iterator[None]:
    """As in production. The demo's operator is not asked for here."""
    with override_settings(REQUIRE_STAFF_2FA=True):
        yield


def hired() -> str:
    """A new operator's first password."""
    _user, password = staff.hire(login=LOGIN, role="operator", first_name="Zoya", by=SYSTEM, reason="hired")
    assert password is not None
    return password


def learns(page: Page) -> Phone:
    """A phone into which the secret is typed, as it stands beside the picture."""
    return Phone(b32decode(page.locator(".dv-secret-text").inner_text().replace(" ", "")))


def shows(page: Page, code: str, form: str = "#code-form") -> None:
    page.locator("#id_code").fill(code)
    # What was wrong is told at the same address: nothing else says that it is the next page.
    with page.expect_navigation():
        page.locator(f"{form} [type=submit]").click()


def test_a_new_operator_sets_it_up_comes_back_with_it_and_exports(clock: TestClock, office: Office) -> None:
    password = hired()
    page = office.open()
    office.log_in(page, login=LOGIN, password=password, wanted="/admin/billing/transaction/")

    # Nothing else before the phone is set up.
    page.wait_for_url("**/admin/login/enrol/")
    for elsewhere in ("/admin/", "/admin/billing/transaction/", "/admin/security/"):
        page.goto(elsewhere)
        page.wait_for_url(re.compile(r"/admin/login/\?next="))
    page.goto("/admin/login/enrol/")
    expect(page.get_by_alt_text("QR code")).to_be_visible()
    assert page.locator(".dv-qr img").evaluate("image => image.naturalWidth") > 100, "the picture is drawn"
    phone = learns(page)
    shows(page, phone.shows_not(), "#enrol-form")
    expect(page.get_by_text("This is not the code")).to_be_visible()
    shows(page, phone.shows(), "#enrol-form")
    codes = page.locator(".dv-backup-codes li").all_inner_texts()
    assert len(codes) == rules.BACKUP_CODES
    page.get_by_role("link", name="I have written them down").click()
    page.wait_for_url("**/admin/billing/transaction/")

    # Out, and in again with a code; a code is worth nothing twice.
    page.get_by_text(LOGIN, exact=True).first.click()
    page.get_by_role("button", name="Log out").click()
    clock.advance(seconds=60)
    office.log_in(page, login=LOGIN, password=password)
    page.wait_for_url("**/admin/login/code/")
    used = phone.shows()
    shows(page, used)
    page.wait_for_url("**/admin/")
    other = office.open()
    office.log_in(other, login=LOGIN, password=password)
    shows(other, used)
    expect(other.get_by_text("The code is wrong, or was used before")).to_be_visible()
    other.get_by_role("link", name="Use a backup code").click()
    shows(other, codes[0])
    other.wait_for_url("**/admin/")

    # An export asks again after a while, and goes on where it was.
    clock.advance(minutes=11)
    page.goto("/admin/billing/transaction/")
    page.locator("a[href*='/export-rows/']").first.click()
    page.wait_for_url("**/admin/security/confirm/**")
    shows(page, phone.shows(), "#deed_form")
    page.wait_for_url("**/export-rows/**")
    with page.expect_download() as saved:
        page.locator("#deed_form [type=submit]").click()
    assert saved.value.suggested_filename.startswith("ledger-")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_pages_are_whole(clock: TestClock, office: Office, language: str) -> None:
    password = hired()
    page = office.open(language=language, width=WIDTHS[0])

    def look(name: str) -> None:
        is_whole(page, name, language=language)
        assert page.locator("script:not([src])").count() == 0, f"{name} has a script of its own"
        show_again(page)

    office.log_in(page, login=LOGIN, password=password)
    page.wait_for_url("**/admin/login/enrol/")
    look("1-enrol")
    phone = learns(page)
    shows(page, phone.shows_not(), "#enrol-form")
    look("2-enrol-wrong")
    shows(page, phone.shows(), "#enrol-form")
    page.locator(".dv-backup-codes").wait_for()
    look("3-backup-codes")
    page.goto("/admin/security/")
    look("4-security")
    page.goto("/admin/security/codes/")
    look("5-new-codes")
    page.locator("#deed_form [type=submit]").click()
    page.locator(".dv-backup-codes").wait_for()
    look("6-new-codes-shown")
    clock.advance(minutes=11)
    page.goto("/admin/security/codes/")
    page.wait_for_url("**/security/confirm/**")
    look("7-confirm")
    shows(page, phone.shows(), "#deed_form")
    page.goto("/admin/security/")
    page.locator("form[action$='/security/enrol/'] [type=submit]").click()
    page.wait_for_url("**/security/enrol/")
    look("8-another-phone")

    page.context.clear_cookies()
    office.log_in(page, login=LOGIN, password=password)
    page.wait_for_url("**/admin/login/code/")
    look("9-code")
    shows(page, phone.shows_not())
    look("10-code-wrong")
    page.goto("/admin/login/code/?backup=1")
    look("11-backup-code")
