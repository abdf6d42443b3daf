"""The OpenAPI document and the running API say the same: routes, examples, refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it carries none

from accounts.tests.factories import UserFactory
from audit.operations import alerts
from billing.api import examples
from billing.models import Wallet
from billing.tests.callers import ALL_SCOPES, PROBLEM, Answer, Caller
from billing.tests.factories import (
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    PromoCodeFactory,
    SubscriptionFactory,
    TariffFactory,
    WalletFactory,
    WebhookDeliveryFactory,
    WebhookEndpointFactory,
    add_lot,
    new_key,
)
from billing.tests.test_api_errors import NOT_OVER_HTTP
from conftest import TestClock
from core import clock as database_clock
from core.errors import catalogue

TELEGRAM_ID: Final = 700000001
# The story that the examples tell happens then.
STORY: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
# Objects of the caller's own, whose fields are nobody else's business.
FREE: Final = {"metadata", "limits", "old_value", "new_value"}


DOCUMENT: Final[dict[str, Any]] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]  # no types
CODES: Final = {error.code: error for error in catalogue()}


class Operation(NamedTuple):
    """A method of a route, as the document has it."""

    method: str
    path: str

    @property
    def said(self) -> dict[str, Any]:
        operation: dict[str, Any] = DOCUMENT["paths"][self.path][self.method]
        return operation

    @property
    def bodies(self) -> dict[str, Any]:
        """The examples of what is sent, by name."""
        content = self.said.get("requestBody", {}).get("content", {}).get("application/json", {})
        return {name: example["value"] for name, example in content.get("examples", {}).items()}

    def answers(self, status: int) -> list[Any]:
        """The examples of what is answered."""
        content = self.said["responses"][str(status)].get("content", {}).get("application/json", {})
        return [example["value"] for example in content.get("examples", {}).values()]


OPERATIONS: Final = [Operation(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]
API: Final = [operation for operation in OPERATIONS if operation.path.startswith("/api/v1/")]
ABOUT_PEOPLE_AND_MONEY: Final = [operation for operation in API if operation.path != "/api/v1/errors"]
# What people do in their sessions is asked for by people: tests/api/test_session_document.py, test_admins_document.py.
_BY_PEOPLE: Final = ("/api/v1/auth/", "/api/v1/admins")
BY_SERVERS: Final = [each for each in ABOUT_PEOPLE_AND_MONEY if not each.path.startswith(_BY_PEOPLE)]


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
class TestEachRoute:
    def test_says_what_it_is(self, operation: Operation) -> None:
        assert operation.said["summary"]
        assert operation.said["description"]
        assert operation.said["operationId"]

    def test_shows_its_refusals_as_problems(self, operation: Operation) -> None:
        refusals = {int(status): answer for status, answer in operation.said["responses"].items() if int(status) >= 400}
        assert 400 in refusals
        for status, answer in refusals.items():
            assert list(answer["content"]) == [PROBLEM]
            shown = answer["content"][PROBLEM]["examples"]
            assert shown
            for code, example in shown.items():
                assert (CODES[code].code, CODES[code].status) == (example["value"]["code"], status)
                assert f"`{code}`" in answer["description"]


@pytest.mark.parametrize("operation", ABOUT_PEOPLE_AND_MONEY, ids=" ".join)
class TestEachExample:
    def test_is_there(self, operation: Operation) -> None:
        assert bool(operation.bodies) == ("requestBody" in operation.said)
        successes = [int(status) for status in operation.said["responses"] if int(status) < 300]
        assert 204 in successes or any(operation.answers(status) for status in successes)

    def test_fits_its_own_schema(self, operation: Operation) -> None:
        for status in (int(status) for status in operation.said["responses"] if int(status) < 300):
            for answer in operation.answers(status):
                schema = operation.said["responses"][str(status)]["content"]["application/json"]["schema"]
                _validate(answer, schema)
        for body in operation.bodies.values():
            _validate(body, operation.said["requestBody"]["content"]["application/json"]["schema"])


def _validate(value: Any, schema: dict[str, Any]) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


@pytest.fixture
def world(clock: TestClock) -> dict[str, str]:
    """What the examples speak of, by the names of the routes' parameters."""
    clock.advance(seconds=(STORY - database_clock.now()).total_seconds())
    anna = UserFactory.create(id=examples.ANNA, telegram_id=TELEGRAM_ID)
    wallet: Wallet = WalletFactory.create(user=anna)
    add_lot(wallet, 50)
    tariff = TariffFactory.create(slug="pack-50", price_stars=100)
    code = PromoCodeFactory.create(code="WELCOME33", discount_value=33, max_uses_per_wallet=5)
    alert = alerts.raise_alert("test.trouble:1", severity="critical", title="Trouble", payment="p-1")
    PlanFactory.create(slug="pro-month")
    delivery = WebhookDeliveryFactory.create()
    paid = InvoiceFactory.create(wallet=wallet, tariff=tariff)
    return {
        "payment_id": str(PaymentFactory.create(invoice=paid).pk),
        "subscription_id": str(SubscriptionFactory.create(wallet=wallet, tariff=PlanFactory.create(family="other")).pk),
        "endpoint_id": str(WebhookEndpointFactory.create().pk),
        "delivery_id": str(delivery.pk),
        "alert_id": str(alert.pk),
        "user_id": examples.ANNA,
        "telegram_id": str(TELEGRAM_ID),
        "key": "billing.invoice_lifetime_minutes",
        "slug": tariff.slug,
        "code": code.code,
        "invoice_id": str(InvoiceFactory.create(wallet=wallet, tariff=tariff, promo_code=code).pk),
        "hold_id": str(HoldFactory.create(wallet=wallet).pk),
    }


def _send(operation: Operation, world: dict[str, str], body: Any) -> Answer:
    path = operation.path.format(**world).removeprefix("/api/v1/")
    is_idempotent = any(each.get("name") == "Idempotency-Key" for each in operation.said.get("parameters", []))
    caller = Caller(*ALL_SCOPES, "staff", "audit:read", "webhooks:write")
    if path == "referrals/code":
        return caller.get(path, user=examples.ANNA)
    return caller.send(operation.method, path, body, key=new_key() if is_idempotent else None)


# What asks a provider is asked in test_api_checkouts.py.
_AT_PROVIDERS: Final = "/api/v1/invoices/{invoice_id}/checkout"
# These put into the world what is there already.
_NEW: Final = {("post", "/api/v1/tariffs"): "pack-50", ("post", "/api/v1/promo-codes"): "Welcome33"}


@pytest.mark.django_db
@pytest.mark.parametrize("operation", [each for each in BY_SERVERS if each.path != _AT_PROVIDERS], ids=" ".join)
def test_each_example_is_accepted_and_answered_in_its_shape(operation: Operation, world: dict[str, str]) -> None:
    for shown_body in list(operation.bodies.values()) or [None]:
        taken = _NEW.get(operation, "")
        body = json.loads(json.dumps(shown_body).replace(taken, f"{taken}-b")) if taken else shown_body
        answer = _send(operation, world, body)

        assert answer.status_code < 300, answer.content
        assert str(answer.status_code) in operation.said["responses"]
        if answer.status_code == 204:
            continue
        _validate(
            answer.json(), operation.said["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        )
        # Registering somebody who is known is answered as registering somebody new.
        shown = operation.answers(answer.status_code) or operation.answers(201)
        assert any(_has_shape(answer.json(), example) for example in shown), answer.content


def _has_shape(value: Any, example: Any) -> bool:
    """Whether the same fields stand in the same places."""
    match value, example:
        case dict(), dict():
            return set(value) == set(example) and all(
                name in FREE or _has_shape(value[name], example[name]) for name in value
            )
        case list(), list():
            return not value or not example or _has_shape(value[0], example[0])
        case _:
            return not isinstance(value, dict | list) and not isinstance(example, dict | list)


def test_names_every_refusal_of_billing_where_it_can_happen() -> None:
    said = {
        code
        for operation in OPERATIONS
        for answer in operation.said["responses"].values()
        for code in answer.get("content", {}).get(PROBLEM, {}).get("examples", {})
    }
    assert {code for code in CODES if code.startswith("billing.")} - said == set(NOT_OVER_HTTP) - {
        "billing.provider_not_available"
    }


def test_has_no_id_that_can_be_counted() -> None:
    ids = {
        f"{component}.{name}": field
        for component, schema in DOCUMENT["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
        if name in {"id", "user", "invoice", "hold", "reverses", "transaction", "tariff", "entity_id"}
        and "$ref" not in field
        and "allOf" not in field
    }
    assert {"Invoice.id", "Hold.user", "Transaction.invoice", "AuditLog.id"} <= set(ids)
    assert {name for name, field in ids.items() if "integer" in str(field.get("type"))} == set()


def test_money_and_moments_are_written_in_one_way() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert schemas["Money"]["properties"]["amount"]["type"] == "integer"
    moments = [
        field
        for schema in schemas.values()
        for name, field in schema.get("properties", {}).items()
        if name.endswith("_at")
    ]
    assert moments
    assert all(field["format"] == "date-time" for field in moments)
