"""Somebody new to Dvorik buys with a few clicks, from what is made up beside ``make run``."""

from __future__ import annotations

import re
from html import unescape

import requests

from tests.setup.runs import Run, eventually


class Browser:
    """Somebody at Admin, with forms and without scripts."""

    def __init__(self, address: str) -> None:
        self._address, self._session = address, requests.Session()

    def open(self, path: str) -> str:
        answer = self._session.get(f"{self._address}{path}", timeout=30)
        assert answer.status_code == 200, path
        return answer.text

    def send(self, path: str, **typed: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.open(path))
        assert token is not None, path
        sent = {"csrfmiddlewaretoken": token[1], **typed}
        answer = self._session.post(f"{self._address}{path}", sent, timeout=30, headers={"Referer": self._address})
        assert answer.status_code == 200, path
        return answer.text


def buy_with_a_few_clicks(run: Run) -> None:
    """In Admin at YooKassa, and over the API at Stripe."""
    login, key = run.credentials()
    name, _slash, password = login.partition(" / ")
    api = requests.Session()
    api.headers["Authorization"] = f"Api-Key {key}"

    def status(invoice: str) -> str:
        return str(api.get(f"{run.address}/api/v1/invoices/{invoice}", timeout=30).json()["status"])

    def pay_at(till: str) -> None:
        assert "no money is moved" in requests.get(till, timeout=30).text
        assert requests.post(f"{till}/pay", timeout=30, allow_redirects=False).status_code == 303

    page = re.search(r"^An invoice that waits to be paid.*: (/admin/\S+)$", run.said(), re.MULTILINE)
    assert page is not None
    browser = Browser(run.address)
    browser.send("/admin/login/", username=name, password=password)
    button = re.search(r'href="(/admin/billing/invoice/([\w-]+)/payment-link[^"]*)"', browser.open(page[1]))
    assert button is not None
    link = re.search(r'id="payment-link"[^>]*>([^<]+)<', browser.send(button[1], provider="yookassa"))
    assert link is not None
    pay_at(unescape(link[1]))
    eventually(lambda: status(button[2]) == "paid")

    order = {"telegram_id": 10**12 + 1, "tariff": "start"}
    keyed = {"Idempotency-Key": "a click"}
    made = api.post(f"{run.address}/api/v1/invoices", json=order, headers=keyed, timeout=30).json()
    till = api.post(f"{run.address}/api/v1/invoices/{made['id']}/checkout", json={"provider": "stripe"}, timeout=30)
    pay_at(till.json()["url"])
    eventually(lambda: status(made["id"]) == "paid")
