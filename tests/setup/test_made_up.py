"""What is made up beside ``make run``: a newcomer buys a package with a few clicks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import requests

from core.postgres import EmbeddedServer

from .test_run import Run, eventually, free_port

pytestmark = [pytest.mark.setup, pytest.mark.timeout(240)]


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


@pytest.fixture
def run(folder: Path) -> Iterator[Run]:
    started = Run(folder / "a home", free_port()).ready()
    yield started
    started.stop()
    EmbeddedServer(folder / "a home").stop("immediate")


def test_a_newcomer_buys_a_package_with_a_few_clicks(run: Run) -> None:
    address = f"http://127.0.0.1:{run.port}"
    login, key = run.credentials()
    name, _slash, password = login.partition(" / ")
    api = requests.Session()
    api.headers["Authorization"] = f"Api-Key {key}"

    def status(invoice: str) -> str:
        return str(api.get(f"{address}/api/v1/invoices/{invoice}", timeout=30).json()["status"])

    def pay_at(till: str) -> None:
        assert "no money is moved" in requests.get(till, timeout=30).text
        assert requests.post(f"{till}/pay", timeout=30, allow_redirects=False).status_code == 303

    # In Admin, at YooKassa.
    page = re.search(r"^An invoice that waits to be paid.*: (/admin/\S+)$", run.said(), re.MULTILINE)
    assert page is not None
    browser = Browser(address)
    browser.send("/admin/login/", username=name, password=password)
    button = re.search(r'href="(/admin/billing/invoice/([\w-]+)/payment-link[^"]*)"', browser.open(page[1]))
    assert button is not None
    link = re.search(r'id="payment-link"[^>]*>([^<]+)<', browser.send(button[1], provider="yookassa"))
    assert link is not None
    pay_at(unescape(link[1]))
    eventually(lambda: status(button[2]) == "paid")

    # Over the API, at Stripe.
    order = {"telegram_id": 10**12 + 1, "tariff": "start"}
    made = api.post(f"{address}/api/v1/invoices", json=order, headers={"Idempotency-Key": "a click"}, timeout=30).json()
    where = api.post(f"{address}/api/v1/invoices/{made['id']}/checkout", json={"provider": "stripe"}, timeout=30)
    pay_at(where.json()["url"])
    eventually(lambda: status(made["id"]) == "paid")
