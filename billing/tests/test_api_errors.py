"""Every refusal of billing, as a server hears it: its code, its status, its words, and that nothing moved."""

from __future__ import annotations

from typing import Final

import pytest

from billing.tests import refusals, refusals_of_payments
from billing.tests.callers import PROBLEM, Caller
from billing.tests.snapshots import snapshot
from core.errors import DomainError, catalogue

pytestmark = pytest.mark.django_db(transaction=True)

_BOUND: Final = "people are bound as they are first seen, to whoever was there before"

# Refusals of operations that no route reaches with such values, and why.
NOT_OVER_HTTP: Final = {
    "billing.tokens_out_of_range": "fields take 1 to 10¹² tokens, and name the field themselves",
    "billing.credit_by_nobody": "whoever calls is a key or a person",
    "billing.credit_request_not_found": "credits are approved in Admin",
    "billing.credit_request_closed": "credits are approved in Admin",
    "billing.credit_request_is_your_own": "credits are approved in Admin",
    "billing.credit_not_yours_to_decide": "credits are approved in Admin",
    "billing.provider_not_available": "the order is kept before the provider is asked; see test_api_checkouts.py",
    "billing.webhook_signature_wrong": "providers knock at the root; see test_api_provider_webhooks.py",
    "billing.subscription_not_begun": "tariffs of subscriptions are changed in Admin",
    "billing.tariff_of_another_family": "tariffs of subscriptions are changed in Admin",
    "billing.referral_cycle": _BOUND,
    "billing.referral_exists": _BOUND,
    "billing.referral_of_oneself": _BOUND,
    "billing.statement_line_not_found": "differences to providers' books are decided in Admin",
    "billing.statement_line_decided": "differences to providers' books are decided in Admin",
    "billing.statement_line_not_bookable": "differences to providers' books are decided in Admin",
    "billing.reversal_exceeds_lot": "refunds take what is left of a purchase, which they look up themselves",
    "billing.payment_event_not_found": "events are replayed in Admin",
    "billing.refund_not_found": "refunds are sent again in Admin",
    "billing.refund_changed": "Admin asks for what was agreed to",
}


CASES: Final = {**refusals.CASES, **refusals_of_payments.CASES}


def _billing_errors() -> dict[str, type[DomainError]]:
    return {error.code: error for error in catalogue() if error.code.startswith("billing.")}


@pytest.mark.parametrize("code", CASES)
def test_is_answered_in_full_and_moves_nothing(code: str) -> None:
    error = _billing_errors()[code]
    ask = CASES[code]()
    caller = Caller("billing:read", "billing:write", "payments:write", "grants:write", "staff", owner=ask.owner)
    before = _moved()

    answers = {language: ask.send(caller, language) for language in ("en", "ru")}

    assert _moved() == before
    said = {entry["code"]: entry for entry in caller.get("errors").json()["results"]}[code]
    for language, answer in answers.items():
        problem = answer.json()
        assert answer.status_code == error.status == problem["status"] == said["status"]
        assert answer["Content-Type"] == PROBLEM
        assert answer["Content-Language"] == language
        assert problem["code"] == code
        assert problem["type"] == said["type"] == f"/api/v1/errors#{code}"
        assert problem["title"] == said["title"][language]
        assert problem["request_id"] == answer["X-Request-ID"]
        assert tuple(problem["errors"]) == ask.fields
        standard = {"type", "title", "status", "code", "detail", "errors", "request_id"}
        assert {name: value for name, value in problem.items() if name not in standard} == ask.data


def _moved() -> dict[str, list[str]]:
    """Everything but what counts who asks: keys' last uses, attempts at promo codes."""
    return {table: rows for table, rows in snapshot().items() if table not in {"accounts_apikey", "core_throttle"}}


def test_every_refusal_of_the_catalogue_is_tested() -> None:
    assert set(CASES) | set(NOT_OVER_HTTP) == set(_billing_errors())
    assert not set(CASES) & set(NOT_OVER_HTTP)


@pytest.mark.parametrize("code", CASES)
def test_is_said_in_two_languages(code: str) -> None:
    titles = {entry["code"]: entry["title"] for entry in Caller().get("errors").json()["results"]}[code]
    assert set(titles) == {"en", "ru"}
    assert titles["en"].isascii()
    assert any("а" <= letter.lower() <= "я" for letter in titles["ru"])
