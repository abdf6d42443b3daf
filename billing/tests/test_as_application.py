"""The whole of billing, done by the role that owns nothing: what the application needs, it may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts.tests.factories import STAFF_PASSWORD, StaffFactory, api_key_header
from billing.models import Hold, Transaction
from billing.tests import deeds
from billing.tests.factories import TariffFactory, funded_wallet, new_key
from billing.tests.test_load_demo import ShortStory
from core.database_roles import as_application
from core.jobs import drain, registry
from core.jobs.runner import Outcome
from core.tests.application import the_role

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def as_the_application() -> Iterator[None]:
    the_role()
    with as_application():
        yield


def test_it_is_the_application() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (the_role(),)


def test_the_books_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    # The story is told by another clock, which only the owner can set, and so it is the owner's from beginning to end:
    # how long it is says nothing about the application.
    call_command(ShortStory(), once=True, verbosity=0)
    call_command("reconcile", strict=True, verbosity=0)
    call_command("explain_balance", str(Transaction.objects.all()[0].wallet.user_id))
    assert capsys.readouterr().out


def test_the_api_sells_charges_and_holds() -> None:
    wallet, tariff = funded_wallet(), TariffFactory.create()
    client = Client(headers=api_key_header("billing:write", "billing:read", "grants:write", "payments:write", "staff"))
    user = str(wallet.user_id)

    def post(path: str, **body: object) -> dict[str, object]:
        answer = client.post(
            f"/api/v1/{path}", body, content_type="application/json", headers={"Idempotency-Key": new_key()}
        )
        assert answer.status_code in (200, 201), answer.content
        told: dict[str, object] = answer.json()
        return told

    invoice = post("invoices", user=user, tariff=tariff.slug)
    amount = {"amount": tariff.price, "currency": tariff.currency}
    post(f"invoices/{invoice['id']}/payments", provider="manual", provider_payment_id="one", amount=amount)
    post("charges", user=user, tokens=1)
    post("charges/batch", charges=[{"user": user, "tokens": 1, "idempotency_key": "one"}])
    hold = post("holds", user=user, tokens=2)
    post(f"holds/{hold['id']}/capture", tokens=1)
    post("grants", user=user, tokens=1, reason="An apology")
    post("settings/bulk-update", settings={"billing.invoice_lifetime_minutes": 90})
    assert Hold.objects.get().state == "captured"


def test_every_periodic_job_runs() -> None:
    deeds.charge(funded_wallet())
    ran = drain.run_due(periods=True)
    assert {name for name, _outcome in ran} >= {each.name for each in registry.periodic_jobs()}
    assert {outcome for _name, outcome in ran} == {Outcome.DONE}


def test_staff_log_in_to_admin() -> None:
    staff = StaffFactory.create(is_superuser=True)
    client = Client()
    answer = client.post("/admin/login/", {"username": staff.login, "password": STAFF_PASSWORD})
    assert answer.status_code == 302
    assert client.get("/admin/").status_code == 200
