"""
Two roles at work: a viewer reaches no write by its address, and an operator's large credit waits for a second one.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.operations import users
from billing.tests.snapshots import Snapshot, snapshot
from core.actors import SYSTEM
from tests.browser.conftest import PASSWORD, Office
from tests.browser.test_operator import deed, record_of, send

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

# Deeds that ask and change nothing.
READING: Final = {"try_out", "try_this"}
# How many forms of a page can be sent, and where it leads.
OFFERS: Final = """
() => [
    document.querySelectorAll("#content-main [type=submit], .dv-object [type=submit]").length,
    [...document.querySelectorAll("a[href]")].map(link => link.getAttribute("href")),
]
"""


@pytest.fixture
def colleagues(demo_rows: None) -> None:
    for login, role in (("vera", "viewer"), ("olga", "operator"), ("boris", "operator")):
        users.create_staff(login=login, password=PASSWORD, role=role, by=SYSTEM, reason="a test")


def books() -> Snapshot:
    """Everything but the log of what processes complain of: refusals are told there."""
    return {table: rows for table, rows in snapshot().items() if table != "audit_systemlog"}


def addresses() -> tuple[list[str], list[str]]:
    """The addresses of everything that writes, of the first object of each kind; and the pages of those objects."""
    writing, pages = [], []
    for model, page in admin.site._registry.items():
        named: Any = page
        prefix = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        writing.append(reverse(f"{prefix}_add"))
        writing += [reverse(f"{prefix}_{each}") for each in named.actions_list if each not in READING]
        if (row := model._default_manager.first()) is not None:
            pages.append(reverse(f"{prefix}_change", args=[row.pk]))
            details = ["delete", *(each for each in named.actions_detail if each not in READING)]
            writing += [reverse(f"{prefix}_{each}", args=[row.pk]) for each in details]
    return writing, pages


def refused(office: Office, page: Page, path: str) -> None:
    """Typed into the browser, and sent to with the browser's own cookies: a page that refuses."""
    token = next(each["value"] for each in page.context.cookies() if each["name"] == "csrftoken")
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 403, path
    sent = page.request.post(
        path,
        form={"csrfmiddlewaretoken": token, "reason": "curious", "post": "yes", "tokens": "5"},
        headers={"Referer": f"{office.address}{path}"},
    )
    assert sent.status == 403, path
    # The browser tells of the refusal in its console, as it should; the page names no icon, so that it looks for one.
    office.wrong[:] = [each for each in office.wrong if path not in each and "/favicon.ico" not in each]


def test_a_viewer_reaches_no_write_by_its_address(colleagues: None, office: Office) -> None:
    writing, pages = addresses()
    assert len(writing) > 50
    page = office.enter(login="vera")
    before = books()

    for path in writing:
        refused(office, page, path)
    for path in pages:
        page.goto(path)
        submits, links = page.evaluate(OFFERS)
        assert submits == 0, path
        assert links, path
        assert {*links} & {*writing} == set(), f"what {path} offers"

    assert books() == before
    # The control: the same address opens for somebody whose role has it.
    freezing = next(path for path in writing if path.endswith("/freeze/"))
    olga = office.enter(freezing, login="olga")
    assert urlsplit(olga.url).path == freezing
    expect(olga.locator("#deed_form")).to_be_visible()


def balance_of(page: Page) -> int:
    shown = page.locator(".dv-figure", has_text="Balance").locator("dd").first.inner_text()
    return int(re.sub(r"\s", "", shown))


def test_an_operator_s_large_credit_waits_for_a_second_one(colleagues: None, office: Office) -> None:
    olga = office.enter("/admin/billing/wallet/", login="olga")
    olga.locator("#result_list th a").first.click()
    olga.wait_for_url("**/billing/wallet/*/change/**")
    wallet = olga.url
    had = balance_of(olga)

    # Asked for.
    deed(olga, "Credit tokens")
    expect(olga.get_by_text("Today you may still credit 5\u00a0000 of 5\u00a0000 tokens")).to_be_visible()
    olga.get_by_label("Tokens").fill("2500")
    olga.get_by_label("Reason").fill("a lost week of work")
    send(olga)
    expect(olga.get_by_text("The credit waits for a colleague's approval")).to_be_visible()
    assert balance_of(olga) == had

    # Not by whoever asked: there is no button, and the address is refused.
    olga.get_by_role("link", name="To the credit").click()
    olga.wait_for_url("**/billing/creditrequest/*/change/")
    request = olga.url.removesuffix("change/")
    expect(olga.get_by_text("a lost week of work").first).to_be_visible()
    for each in ("approve", "decline"):
        assert olga.locator(f"a[href$='/{each}/']").count() == 0
        refused(office, olga, request.removeprefix(office.address) + f"{each}/")
    olga.goto(wallet)
    assert balance_of(olga) == had

    # By a second one, who sees in the sidebar that something waits.
    boris = office.enter(login="boris")
    line = boris.get_by_role("link", name="Credits to approve").first
    expect(line).to_contain_text("1")
    line.click()
    boris.locator("#result_list th a").first.click()
    expect(boris.get_by_text("olga").first).to_be_visible()
    boris.locator("a[href$='/approve/']").first.click()
    send(boris)
    expect(boris.get_by_text("Credited 2\u00a0500 tokens")).to_be_visible()
    assert boris.locator("a[href$='/approve/']").count() == 0

    # Once, however often it is sent.
    boris.goto(f"{request}approve/")
    send(boris)
    expect(boris.get_by_text("You approved this credit before. Nothing has moved.")).to_be_visible()
    boris.goto(wallet)
    assert balance_of(boris) == had + 2_500

    # Both are in the audit log.
    for action, who in (("made", "olga"), ("approved", "boris")):
        facts = record_of(boris, f"billing.credit_request.{action}").locator(".dv-facts")
        expect(facts).to_contain_text(who)
        expect(facts).to_contain_text("a lost week of work")
