"""The page of key figures: what is asked for, what each operator sees, and the file of it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.models import AuditLog
from billing.models import Tariff
from billing.tests.factories import InvoiceFactory, PaymentFactory, TariffFactory, funded_wallet
from billing.tests.operators import Operator
from conftest import TestClock
from core import clock as database_clock
from core.models import Export
from core.money import Money

pytestmark = pytest.mark.django_db

URL = "/admin/billing/kpis/"
FILE = f"{URL}export/"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[None]:
    with override_settings(EXPORTS_FOLDER=tmp_path):
        yield


@pytest.fixture
def tariff() -> Tariff:
    return TariffFactory.create(name="Monthly", price=30_000, subscription_days=30)


def sold(tariff: Tariff, **more: object) -> None:
    PaymentFactory.create(invoice=InvoiceFactory.create(tariff=tariff), **more)


def read(operator: Operator, url: str = URL) -> str:
    answer = operator.open(url)
    assert answer.status_code == 200, answer.status_code
    return str(answer.content.decode())


def today() -> str:
    return timezone.localtime(database_clock.now()).date().isoformat()


class TestPage:
    def test_shows_every_figure_drawing_and_table(self, tariff: Tariff) -> None:
        sold(tariff)
        page = read(Operator("viewer"), URL)
        for words in (
            "Revenue",
            "MRR",
            "Active subscriptions",
            "Churned",
            "Tokens outstanding",
            "By tariff",
            "Monthly",
        ):
            assert words in page
        assert page.count("<canvas") >= 4
        assert page.count("<details") == page.count("<canvas") - 1
        assert "300\u00a0₽" in page

    def test_is_whole_where_nothing_was_ever_sold(self) -> None:
        page = read(Operator("viewer"), URL)
        assert "<canvas" not in page
        assert page.count("Nothing in these days.") == 6

    def test_asks_for_days_tariff_and_currency(self, tariff: Tariff, clock: TestClock) -> None:
        sold(tariff)
        first = today()
        clock.advance(days=3)
        sold(TariffFactory.create(name="Another", price=77_700))
        sold(TariffFactory.create(name="Starry", price=1, price_stars=85), amount=Money(85, "XTR"))
        viewer = Operator("viewer")
        assert "777\u00a0₽" not in read(viewer, f"{URL}?since={first}&until={first}")
        page = read(viewer, f"{URL}?tariff={tariff.pk}")
        assert "777\u00a0₽" not in page
        assert "300\u00a0₽" in page
        assert "85\u00a0⭐" in read(viewer, f"{URL}?currency=XTR")

    @pytest.mark.parametrize(
        ("query", "said"),
        [
            ("since=2026-03-02&until=2026-03-01", "The last day comes before the first."),
            ("since=0001-01-01&until=0001-01-05", "Nothing was sold then."),
            ("since=2020-01-01&until=2026-01-01", "At most 366 days at once."),
            ("since=yesterday", "Enter a valid date."),
            ("tariff=cheap", "Select a valid choice"),
            ("currency=DOGE", "Select a valid choice"),
        ],
    )
    def test_says_what_makes_no_sense_and_shows_thirty_days(self, query: str, said: str) -> None:
        page = read(Operator("viewer"), f"{URL}?{query}")
        assert said in page
        assert '<a href="?since=' in page

    def test_leaves_out_days_to_come(self) -> None:
        assert read(Operator("viewer"), f"{URL}?since=2098-01-01&until=2098-01-02")

    def test_marks_the_span_that_is_looked_at(self) -> None:
        viewer = Operator("viewer")
        page = read(viewer, URL)
        assert re.search(r'aria-current="page">30', page)
        week = re.search(r'href="(\?since=[^"]+)">7', page)
        assert week is not None
        assert re.search(r'aria-current="page">7', read(viewer, URL + week.group(1).replace("&amp;", "&")))

    def test_takes_the_same_queries_however_much_there_is(self, tariff: Tariff) -> None:
        viewer = Operator("viewer")
        read(viewer, URL)

        def asked() -> int:
            with CaptureQueriesContext(connection) as queries:
                read(viewer, URL)
            return len(queries)

        sold(tariff)
        before = asked()
        for _ in range(5):
            sold(TariffFactory.create(subscription_days=30))
            funded_wallet()
        assert asked() == before

    def test_shows_no_more_than_its_reader_may_know(self, tariff: Tariff) -> None:
        sold(tariff)
        somebody = Operator(None)
        somebody.user.user_permissions.add(Permission.objects.get(codename="view_payment"))
        page = read(somebody, URL)
        assert "Revenue" in page
        for words in ("Tokens outstanding", "Active subscriptions", "Trials"):
            assert words not in page
        assert FILE not in page


@pytest.mark.django_db(transaction=True)
class TestFile:
    def test_has_a_row_for_each_day_and_tariff(self, tariff: Tariff) -> None:
        sold(tariff)
        day = today()
        operator = Operator("operator")
        assert f"{FILE}?since=" in read(operator, URL)
        operator.resend(f"{FILE}?since={day}&until={day}", {"file_format": "csv"})
        export = Export.objects.get()
        text = operator.client.get(f"/admin/core/export/{export.pk}/download/").getvalue().decode("utf-8-sig")
        whole, ours = csv.DictReader(io.StringIO(text))
        whole, row = ({name.lower(): value for name, value in each.items()} for each in (whole, ours))
        assert whole["tariff"] == ""
        assert (row["day"], row["tariff"], row["currency"]) == (day, "Monthly", "RUB")
        assert (row["revenue"], row["mrr"], row["active subscriptions"]) == ("300.00", "300.00", "1")
        assert whole["tokens outstanding"] == "50"
        assert AuditLog.objects.filter(action__contains="export").exists()

    def test_is_a_spreadsheet_if_asked_for(self, tariff: Tariff) -> None:
        sold(tariff)
        Operator("operator").resend(FILE, {"file_format": "xlsx"})
        export = Export.objects.get()
        assert (export.state, export.file_format, export.name) == ("done", "xlsx", "kpis")
        assert export.rows_total == 30 + 1

    def test_is_not_for_everybody(self) -> None:
        assert Operator("viewer").client.get(FILE).status_code == 403
        assert Operator("viewer").client.post(FILE, {"file_format": "csv"}).status_code == 403
        assert not Export.objects.exists()

    def test_asks_for_a_format(self) -> None:
        assert Operator("operator").client.post(FILE, {"file_format": "pdf"}).status_code == 200
        assert not Export.objects.exists()
