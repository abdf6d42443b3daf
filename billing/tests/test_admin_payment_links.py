"""Payment links in Admin: shown per provider that is set up, and the same however often they are asked for."""

from __future__ import annotations

import pytest

from billing.models import Checkout
from billing.operations import invoices
from billing.tests.factories import TESTER, InvoiceFactory
from billing.tests.operators import Operator, deed_of, errors_of
from billing.tests.tills import yookassa

pytestmark = pytest.mark.django_db(transaction=True)


def test_shows_the_provider_s_page_and_again_the_same() -> None:
    operator, invoice = Operator(), InvoiceFactory.create()
    with yookassa() as till:
        page = operator.open(deed_of(invoice, "payment_link")).content.decode()
        assert "YooKassa" in page
        assert "Stripe" not in page

        shown = operator.do(invoice, "payment_link", provider="yookassa")

        url = Checkout.objects.get().url
        assert url.startswith(f"{till.house.address}/yookassa/till/")
        assert shown.status_code == 200
        assert f'href="{url}"' in shown.content.decode()
        assert url in operator.do(invoice, "payment_link", provider="yookassa").content.decode()
        assert len(till.house.calls("POST /yookassa/v3/payments")) == 1


def test_is_offered_for_what_waits_to_be_paid_where_a_provider_is_set_up() -> None:
    operator, invoice = Operator(), InvoiceFactory.create()
    button = deed_of(invoice, "payment_link")
    assert button not in operator.page(invoice).content.decode()
    with yookassa():
        assert button in operator.page(invoice).content.decode()
        assert button not in Operator("viewer").page(invoice).content.decode()
        invoices.cancel(invoice_id=invoice.pk, by=TESTER)
        assert button not in operator.page(invoice).content.decode()


def test_says_why_there_is_none() -> None:
    operator, invoice = Operator(), InvoiceFactory.create()
    with yookassa() as till:
        till.house.script("POST /yookassa", kind="status", status=403)
        refused = errors_of(operator.do(invoice, "payment_link", provider="yookassa"))
        assert refused == {"__all__": ["This invoice cannot be paid with this provider. forbidden"]}
    nobody = errors_of(operator.do(invoice, "payment_link", provider="yookassa"))
    assert list(nobody) == ["provider"]
