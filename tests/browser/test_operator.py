"""A day of an operator: everything is done by the mouse and the keyboard, and found in the audit log afterwards."""

from __future__ import annotations

import re
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Office

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

_CODE: Final = re.compile(r"SPRING-[0-9A-Z]+")


def deed(page: Page, title: str) -> None:
    """Press the button of a deed above an object or a list."""
    page.get_by_role("link").filter(has_text=title).first.click()


def send(page: Page) -> None:
    page.locator("#deed_form [type=submit]").click()


def record_of(page: Page, action: str) -> Page:
    """The newest record of a deed in the audit log."""
    page.goto(f"/admin/audit/auditlog/?action={action}")
    page.locator("#result_list tbody a, #result_list .field-at a").first.click()
    page.wait_for_url("**/auditlog/*/change/**")
    return page


def diff_of(page: Page) -> Locator:
    return page.locator(".dv-card", has=page.get_by_role("heading", name="What changed"))


def test_an_operator_s_day_is_all_in_the_audit_log(office: Office) -> None:
    page = office.open()
    office.log_in(page)
    page.wait_for_url("**/admin/")
    expect(page.get_by_text("Revenue per day")).to_be_visible()

    # The price of a tariff.
    page.get_by_role("link", name="Tariffs").click()
    page.locator("#result_list th a").first.click()
    price = page.get_by_label("Price", exact=False).first
    was = price.input_value()
    price.fill("199,90")
    page.get_by_label("Reason").fill("spring prices")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url("**/admin/billing/tariff/")
    expect(page.locator("#result_list")).to_contain_text("199,90\u00a0₽")

    # A batch of promo codes.
    page.get_by_role("link", name="Promo codes").click()
    deed(page, "Generate codes")
    page.get_by_label("How many").fill("3")
    page.get_by_label("Prefix").fill("SPRING-")
    page.get_by_label("Value").fill("15")
    page.get_by_label("Reason").fill("for the spring newsletter")
    send(page)
    expect(page.locator("main, #content-main, body").first).to_contain_text(_CODE)
    codes = set(_CODE.findall(page.locator("body").inner_text() + page.locator("body").inner_html()))
    assert len(codes) == 3

    # A payment that arrived by hand.
    page.goto("/admin/billing/invoice/?status__exact=pending")
    page.locator("#result_list th a").first.click()
    deed(page, "Record a payment")
    asked = re.search(r"The invoice asks ([\d\u00a0]+(?:,\d\d)?)", page.locator("#deed_form").inner_text())
    assert asked is not None
    page.get_by_label("Amount received").fill(asked[1])
    page.get_by_label("Receipt number").fill("till 7, no. 1001")
    page.get_by_label("Note").fill("paid at the desk")
    send(page)
    page.wait_for_url("**/change/**")
    expect(page.get_by_text("till 7, no. 1001")).to_be_visible()

    # Tokens by hand.
    page.get_by_role("link", name="Wallets").click()
    page.locator("#result_list th a").first.click()
    deed(page, "Credit tokens")
    page.get_by_label("Tokens").fill("25")
    page.get_by_label("Reason").fill("sorry for the wait")
    send(page)
    expect(page.get_by_text("Credited 25 tokens")).to_be_visible()

    # All of it is in the audit log.
    changed = diff_of(record_of(page, "billing.tariff.updated"))
    expect(changed.locator("tr", has_text="price").locator("del")).to_have_text(re.compile(rf"{re.escape(was)}\s*₽"))
    expect(changed.locator("tr", has_text="price").locator("ins")).to_have_text("199,90\u00a0₽")
    for action, told in (
        ("billing.tariff.updated", "spring prices"),
        ("billing.promo_code.batch_created", "for the spring newsletter"),
        ("billing.payment.recorded", "paid at the desk"),
        ("billing.grant.given", "sorry for the wait"),
    ):
        facts = record_of(page, action).locator(".dv-facts")
        expect(facts).to_contain_text(told)
        expect(facts).to_contain_text("operator")
        expect(facts).to_contain_text("Admin")

    # And so are the rows that the payment changed, in its own request.
    record_of(page, "billing.payment.recorded")
    same_request = page.locator(".dv-card", has=page.get_by_role("heading", name="In the same request"))
    expect(same_request).to_contain_text("Invoice")
    same_request.locator("tr", has_text="Invoice").get_by_role("link").click()
    expect(diff_of(page).locator("tr", has_text="status").locator("del")).to_have_text("to be paid")
    expect(diff_of(page).locator("tr", has_text="status").locator("ins")).to_have_text("paid")


def test_bad_input_is_said_beside_its_field_and_moves_nothing(office: Office) -> None:
    page = office.enter("/admin/billing/tariff/")
    page.locator("#result_list th a").first.click()
    price = page.get_by_label("Price", exact=False).first
    was = price.input_value()
    for typed, rule in (
        ("cheap", "Type an amount"),
        ("-5", "Type an amount"),
        ("1,999", "2 digits after the point"),
        ("0", "A price is more than nothing."),
    ):
        price.fill(typed)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("form").get_by_text(rule)).to_be_visible()
        expect(price).to_have_value(typed)
        expect(price).to_have_attribute("aria-invalid", "true")
    page.goto(page.url)
    expect(price).to_have_value(was)


def test_the_search_above_the_sidebar_leads_to_a_person(office: Office) -> None:
    page = office.enter()
    page.keyboard.press("Control+k")
    page.locator("#search-input-command").press_sequentially("1000000000003")
    page.locator("#command-results-list a").filter(has_text="Person").click()
    page.wait_for_url("**/accounts/user/*/change/")
    expect(page.get_by_role("heading", name="Latest invoices")).to_be_visible()
    page.get_by_role("link", name="Statement").click()
    page.wait_for_url("**/billing/wallet/*/change/")


def test_leaving_asks_for_the_password_again(office: Office) -> None:
    page = office.enter()
    page.get_by_text("operator", exact=True).first.click()
    page.get_by_role("button", name="Log out").click()
    office.log_in(page, password="wrong", wanted="/admin/billing/wallet/")
    page.wait_for_url("**/admin/login/**")
    expect(page.get_by_text("Please enter the correct")).to_be_visible()
