"""Admin's lists as files: whose, of what, how many, with nothing in them that is computed, however long they are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connection
from django.db.models import Model
from django.test import override_settings
from openpyxl import Workbook, load_workbook

from accounts.models import User
from accounts.tests.factories import UserFactory
from audit.models import AuditLog
from audit.tests.factories import AuditLogFactory
from billing.models import Invoice, Transaction
from billing.tests import deeds
from billing.tests.factories import InvoiceFactory, PromoCodeFactory, TariffFactory, funded_wallet
from core import exports, runtime_settings
from core.admin.display import list_url
from core.admin.exports import list_rows
from core.api.pagination import Keyset
from core.exports import writers
from core.jobs import drain
from core.jobs.runner import Outcome
from core.models import Export, Setting
from core.tests.made_once import made_once
from core.tests.operators import Answer, Operator, errors_of

pytestmark = pytest.mark.django_db(transaction=True)

HOSTILE: Final = (
    *("=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠x"),
    *(
        '=HYPERLINK("http://evil.example")',
        "=cmd|' /C calc'!A0",
        "a;=cmd|' /C calc'!A0;b",
        "a;=1",
        '"=1',
        'a";=1',
        '","=1',
    ),
)
LISTS: Final[dict[str, type[Model]]] = {
    "ledger": Transaction,
    "invoices": Invoice,
    "users": User,
    "audit": AuditLog,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    runtime_settings.forget_cached()
    with override_settings(EXPORTS_FOLDER=tmp_path / "exports"):
        yield tmp_path / "exports"
    runtime_settings.forget_cached()


def setting(key: str, value: int) -> None:
    Setting.objects.create(key=key, value=value, updated_by="tests")
    runtime_settings.forget_cached()


def export(operator: Operator, model: type[Model], file_format: str, query: str = "") -> Answer:
    """Press the button on a list that is looked at with some filters."""
    button = f"export-rows/?{query}" if query else "export-rows/"
    url = f"/admin/{model._meta.app_label}/{model._meta.model_name}/{button}"
    return operator.client.post(url, {"file_format": file_format, "reason": "The accountant asks"})


def fetched(operator: Operator, answer: Answer) -> bytes:
    assert answer.status_code == 302, errors_of(answer)
    file = operator.client.get(answer.headers["Location"])
    assert file.status_code == 200
    return read(file)


def read(file: Answer) -> bytes:
    # Read to its end, it is closed by Django's client. To close it once more would close the connection, too.
    return b"".join(file.streaming_content)


def lines_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def cells_of(data: bytes, separator: str) -> list[str]:
    """What a reader that splits at another separator takes for cells."""
    lines = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator)
    return [cell for line in lines for cell in line]


def sheet_of(data: bytes) -> list[tuple[Any, ...]]:
    """The rows of a workbook's sheet; no cell of it is a formula."""
    book = load_workbook(io.BytesIO(data))
    sheet = book[book.sheetnames[0]]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert cells
    assert {cell.data_type for cell in cells} <= {"s", "n", "b", "d", "inlineStr"}
    return [tuple(cell.value for cell in row) for row in sheet.iter_rows()]


@made_once
def hostile_world() -> None:
    """Everything that customers and colleagues can write, written as formulas."""
    for text in HOSTILE:
        person = UserFactory.create(first_name=text, last_name=text, username=text)
        wallet = funded_wallet(user=person)
        deeds.charge(wallet, description=text.strip())
        InvoiceFactory.create(wallet=wallet, tariff=TariffFactory.create(), promo_code=PromoCodeFactory.create())
        AuditLogFactory.create(
            entity_id=text, actor={"kind": "user", "id": "1", "label": text}, metadata={"reason": text}
        )


@pytest.mark.django_db
@pytest.mark.usefixtures("hostile_world")
class TestOfHostileTexts:
    @pytest.mark.parametrize("name", LISTS)
    def test_opens_with_no_formula_in_it(self, name: str) -> None:
        operator = Operator()
        model = LISTS[name]
        rows = model._default_manager.count()
        data = fetched(operator, export(operator, model, "csv"))
        lines = lines_of(data)
        for separator in (";", "\t"):
            assert not [cell for cell in cells_of(data, separator) if cell.lstrip()[:1] in set("=@＝＋－＠")]
        told_by_csv = model._default_manager.count() - rows
        for line in lines:
            for text in line.values():
                assert text.lstrip()[:1] not in set("=+@＝＋－＠")
                assert text[:1] not in set("\t\r\n")
                assert not text.startswith("-") or text[1:].replace(".", "").isdigit()
        rows += told_by_csv
        sheet = sheet_of(fetched(operator, export(operator, model, "xlsx")))
        assert len(sheet) >= len(lines) + 1
        for row in sheet:
            assert not [text for text in row if isinstance(text, str) and text.lstrip()[:1] in set("=+-@＝＋－＠")]

    @pytest.mark.parametrize("name", LISTS)
    def test_holds_every_row_of_the_list_under_its_filters(self, name: str) -> None:
        operator = Operator()
        definition = exports.definition(name)
        rows, keyset = list_rows(name, user=operator.user, query="")
        wanted = [str(definition.columns[0].value(row)) for row in keyset.page(rows, limit=5000).rows]
        lines = lines_of(fetched(operator, export(operator, LISTS[name], "csv")))
        assert [next(iter(line.values())) for line in lines][-len(wanted) :] == wanted

    @pytest.mark.parametrize("name", LISTS)
    def test_is_recorded_with_its_filters_and_its_rows(self, name: str) -> None:
        operator = Operator()
        query = "status__exact=pending" if name == "invoices" else "created_at_since=2020-01-01"
        data = fetched(operator, export(operator, LISTS[name], "csv", query))
        made, downloaded = AuditLog.objects.filter(action__startswith="core.export.").order_by("id")
        assert (made.action, downloaded.action) == ("core.export.made", "core.export.downloaded")
        for log in (made, downloaded):
            assert (str(log.user_id), log.metadata["export"]) == (str(operator.user.pk), name)
            assert log.metadata["rows"] == len(lines_of(data))
            assert log.metadata["filters"] == query
            assert log.metadata["door"] == "admin"
        assert made.metadata["reason"] == "The accountant asks"

    def test_filters_narrow_the_file_as_they_narrow_the_list(self) -> None:
        operator = Operator()
        lines = lines_of(fetched(operator, export(operator, Transaction, "csv", "type__exact=charge")))
        assert len(lines) == len(HOSTILE)
        assert {line["type"] for line in lines} == {"charge"}
        assert lines_of(fetched(operator, export(operator, Transaction, "csv", "created_at_since=2999-01-01"))) == []


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("role", ["viewer", "support", "operator", None])
def test_is_for_those_with_the_right_alone(name: str, role: str | None) -> None:
    operator = Operator(role)
    may = role == "operator" and name in {"ledger", "invoices"}
    answer = export(operator, LISTS[name], "csv")
    assert answer.status_code == (302 if may else 403)
    assert Export.objects.exists() == may
    page = operator.list(LISTS[name])
    assert (b"export-rows" in page.content) == may


def test_openpyxl_itself_would_write_a_formula() -> None:
    """The control: without the guard, such a text is computed when somebody opens the file."""
    book, file = Workbook(write_only=True), io.BytesIO()
    book.create_sheet().append(["=1+1"])
    book.save(file)
    with pytest.raises(AssertionError):
        sheet_of(file.getvalue())


def test_the_button_carries_the_filters_and_not_the_page() -> None:
    page = Operator().list(Transaction, type__exact="charge")
    assert b"export-rows/?type__exact=charge" in page.content
    page = Operator().client.get(f"{list_url(Transaction)}?type__exact=charge&after=x")
    assert b"after=x" not in page.content


@pytest.mark.parametrize("query", ["nonsense=1", "wallet__user__password=x", "created_at__gte=x"])
def test_filters_that_the_list_does_not_have_are_refused(query: str) -> None:
    answer = export(Operator(), Transaction, "csv", query)
    assert answer.status_code == 200
    assert "__all__" in errors_of(answer)
    assert not Export.objects.exists()


def test_numbers_are_numbers() -> None:
    deeds.charge(funded_wallet(tokens=50), tokens=7)
    operator = Operator()
    heading, *rows = sheet_of(fetched(operator, export(operator, Transaction, "xlsx")))
    tokens = heading.index("tokens")
    assert [row[tokens] for row in rows] == [-7, 50]
    InvoiceFactory.create()
    heading, row = sheet_of(fetched(operator, export(operator, Invoice, "xlsx")))
    assert float(row[heading.index("to pay")]) == float(row[heading.index("list price")]) == 149.0


class TestALongOne:
    @pytest.fixture(autouse=True)
    def everything_is_long(self) -> None:
        setting("core.exports_at_once_rows", 0)

    def test_runs_as_a_job_and_shows_how_far_it_is(self, folder: Path) -> None:
        deeds.charge(funded_wallet())
        operator = Operator()
        answer = export(operator, Transaction, "xlsx")
        row = Export.objects.get()
        assert answer.headers["Location"].endswith(f"/core/export/{row.pk}/change/")
        page = operator.page(row)
        assert (page.headers["Refresh"], b"download/" in page.content) == ("2", False)
        assert operator.client.get(f"/admin/core/export/{row.pk}/download/").status_code == 404

        assert drain.run_due() == [("core.write_export", Outcome.DONE)]

        row.refresh_from_db()
        page = operator.page(row)
        assert "Refresh" not in page.headers
        assert b'<progress class="dv-progress" max="2" value="2">' in page.content
        file = operator.client.get(f"/admin/core/export/{row.pk}/download/")
        assert "attachment" in file.headers["Content-Disposition"]
        assert len(sheet_of(read(file))) == 3
        assert [path.name for path in folder.iterdir()] == [f"{row.pk}.xlsx"]
        assert row.path.stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700

    def test_is_for_whoever_asked(self) -> None:
        deeds.charge(funded_wallet())
        asking, colleague, root = Operator("operator"), Operator("operator"), Operator(is_superuser=True)
        export(asking, Transaction, "csv")
        drain.run_due()
        url = f"/admin/core/export/{Export.objects.get().pk}/download/"
        answers = [each.client.get(url) for each in (asking, colleague, root)]
        assert [answer.status_code for answer in answers] == [200, 403, 403]
        for answer in answers:
            answer.close()
        asking.user.groups.clear()
        assert asking.client.get(url).status_code == 403
        assert AuditLog.objects.filter(action="core.export.downloaded").count() == 1

    def test_is_not_written_for_whoever_lost_the_right_meanwhile(self, folder: Path) -> None:
        deeds.charge(funded_wallet())
        operator = Operator("operator")
        export(operator, Transaction, "csv")
        operator.user.groups.clear()
        drain.run_due()
        assert Export.objects.get().state == "failed"
        assert not folder.exists()

    def test_says_who_asked_although_a_job_wrote_it(self) -> None:
        operator = Operator()
        export(operator, User, "csv")
        drain.run_due()
        log = AuditLog.objects.get(action="core.export.made")
        assert (str(log.user_id), log.actor["kind"]) == (str(operator.user.pk), "job")
        assert log.metadata["reason"] == "The accountant asks"


@pytest.mark.parametrize(("key", "seconds"), [("core.exports_per_hour", 1800), ("core.exports_per_day", 43_200)])
def test_is_limited(key: str, seconds: int) -> None:
    setting(key, 2)
    operator, colleague = Operator(), Operator()
    assert [export(operator, User, "csv").status_code for _each in range(2)] == [302, 302]
    refused = export(operator, User, "csv")
    assert (refused.status_code, "Too many requests." in refused.content.decode()) == (429, True)
    assert seconds - 60 < int(refused.headers["Retry-After"]) <= seconds
    assert Export.objects.count() == 2
    assert export(colleague, User, "csv").status_code == 302


def many(count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_auditlog (actor, action, entity_type, entity_id, metadata) "
            "SELECT '{\"kind\": \"system\", \"label\": \"x\"}', 'test.many', 'test.many', n::text, '{}' "
            "FROM generate_series(1, %s::int) AS n",
            [count],
        )


def test_pages_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    many(2 * writers.PAGE_ROWS + 1)
    told: list[int] = []
    writers.write(
        exports.definition("audit"),
        AuditLog.objects.filter(action="test.many"),
        Keyset("-id"),
        file_format="csv",
        path=tmp_path / "file",
        progress=told.append,
    )
    ids = [line["entity's id"] for line in lines_of((tmp_path / "file").read_bytes())]
    assert ids == [str(each) for each in range(2 * writers.PAGE_ROWS + 1, 0, -1)]
    assert told == [writers.PAGE_ROWS, 2 * writers.PAGE_ROWS, 2 * writers.PAGE_ROWS + 1]


def test_an_empty_list_is_a_file_with_its_headings() -> None:
    operator = Operator()
    [heading] = sheet_of(fetched(operator, export(operator, Transaction, "xlsx")))
    assert heading[0] == "row"
    assert lines_of(fetched(operator, export(operator, Transaction, "csv"))) == []
