"""
Names, promo texts, reasons, audit values, log lines that are scripts, formulas and invisible marks: every page of Admin
shows them as texts and does nothing that they say, and files made of them compute nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from openpyxl import load_workbook
from playwright.sync_api import Dialog, Page

from accounts.models import User
from audit.models import AuditLog
from billing.models import Invoice, Refund, Transaction
from core import runtime_settings
from core.admin.display import change_url, list_url
from core.admin.marks import shown
from core.tests import registries
from tests.browser.conftest import Office
from tests.browser.hostile import ALL, PAYLOADS, colleague, furnish
from tests.browser.hostile_books import TEXT_SETTING, Ink, furnish_books
from tests.laws.admin_pages import deeds_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

LISTEN: Final = """
    window.violations = [];
    addEventListener("securitypolicyviolation", event => window.violations.push(
        `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
# Whatever a payload would have become, had it not been a text.
ELEMENTS: Final = """
() => [...document.querySelectorAll(
    "script:not([src]), svg[onload], img[src='x'], [onerror], [onload], [onmouseover], [onfocus], [autofocus][x], "
    + "b[x-data], [x-init*=alert], [hx-trigger=load][hx-get='/admin/'], [href^='javascript:' i], "
    + "[action^='javascript:' i]"
)].map(each => each.outerHTML.slice(0, 200))
"""
# All that is asked of a page, at once.
FACTS: Final = f"""
() => ({{
    text: document.body.innerText, hit: window.hit ?? null, elements: ({ELEMENTS})(), violations: window.violations,
}})
"""
# Why no page of theirs shows a text of anybody's.
SILENT: Final = {
    "core.Export": "what was asked for is said in the house's own words",
    "billing.PromoCode": "a code is letters, digits and dashes, and there is no other text",
    "audit.Seal": "numbers and hashes",
}
MARK: Final = re.compile("mark-of-[a-z-]+;")
INVISIBLE: Final = re.compile("[\u200b\u202a-\u202e\u2066-\u2069\ufeff]")


class Watched:
    """A window that a colleague looks through; whatever a payload does is remembered."""

    def __init__(self, office: Office, client: Client) -> None:
        self.page: Page = office.open()
        self.dialogs: list[str] = []
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.marks: set[str] = set()
        self.page.on("dialog", self._dismiss)
        self.page.add_init_script(LISTEN)
        office.let_in(self.page, client)

    def _dismiss(self, dialog: Dialog) -> None:
        self.dialogs.append(f"{self.page.url}: {dialog.message}")
        dialog.dismiss()

    def look(self, path: str, *, of: str) -> str:
        """Open a page and see that it is harmless; what people read on it."""
        self.page.goto(path)
        facts = self.page.evaluate(FACTS)
        text: str = facts["text"]
        assert facts["hit"] is None, path
        assert facts["elements"] == [], path
        assert facts["violations"] == [], path
        assert self.dialogs == []
        assert INVISIBLE.findall(text) == [], path
        self.seen[of] |= {each for each in PAYLOADS if shown(each) in text}
        self.marks |= set(MARK.findall(text))
        return text


@pytest.fixture
def root(transactional_db: None) -> Client:
    client = Client()
    client.force_login(colleague())
    return client


@pytest.fixture
def ink() -> Ink:
    return Ink(ALL)


@pytest.fixture
def text_setting() -> Iterator[None]:
    with registries.restored():
        runtime_settings.register(key=TEXT_SETTING, value_type=str, default="", help_text="Some text.")
        runtime_settings.forget_cached()
        yield
    runtime_settings.forget_cached()


@pytest.fixture
def rows(transactional_db: None, text_setting: None, ink: Ink) -> list[Model]:
    """The books', each with a text of its own; of models that are not among them one row will do."""
    books = furnish_books(ink)
    others = {type(row): row for row in reversed(furnish())}
    return [*books, *(row for model, row in others.items() if model not in {type(each) for each in books})]


def unwatched(models: Iterable[type[Model]], rows: Iterable[Model]) -> set[str]:
    """Models with pages in Admin of which there is neither a hostile row nor a reason why there need be none."""
    return {model._meta.label for model in models} - {row._meta.label for row in rows} - set(SILENT)


def test_are_shown_as_texts_on_every_page_and_do_nothing(
    root: Client, rows: list[Model], ink: Ink, bare_office: Office
) -> None:
    assert unwatched(admin.site._registry, rows) == set()
    window = Watched(bare_office, root)
    window.look("/admin/", of="overview")
    by_model: dict[type[Model], list[Model]] = defaultdict(list)
    for row in rows:
        by_model[type(row)].append(row)
    for model in admin.site._registry:
        window.look(list_url(model), of=f"list of {model._meta.label}")
        for row in by_model[model]:
            window.look(change_url(row, row.pk), of=model._meta.label)
        for row in by_model[model][:1]:
            for _name, url in deeds_of(model, row):
                window.look(url, of="deeds")
    for term in (PAYLOADS[0], PAYLOADS[1], PAYLOADS[12]):
        window.look(f"/admin/search/?s={quote(term)}", of="search")
        window.look(list_url(User, q=term), of="search")
    # What a search finds is a part of a page, and names no picture for its window.
    bare_office.wrong[:] = [each for each in bare_office.wrong if "favicon.ico" not in each]
    # The search above the sidebar puts what it finds into the page itself.
    window.page.goto("/admin/")
    window.page.keyboard.press("Control+k")
    user = by_model[User][-1]
    window.page.locator("#search-input-command").press_sequentially(str(getattr(user, "telegram_id", "")))
    window.page.locator("#command-results-list a").first.wait_for()
    assert window.page.evaluate(ELEMENTS) == []
    assert window.page.evaluate("window.violations") == []
    assert window.dialogs == []

    for label in {row._meta.label for row in rows} - set(SILENT):
        assert window.seen[label], f"no page of {label} shows a text of anybody's"
    assert set(ink.marks) - window.marks == set(), "each of these is read somewhere"
    assert {each for found in window.seen.values() for each in found} == set(PAYLOADS), "each is read somewhere"


def test_a_model_that_nobody_has_thought_of_is_found(rows: list[Model]) -> None:
    refund = next(row for row in rows if isinstance(row, Refund))
    assert unwatched(admin.site._registry, [row for row in rows if row is not refund]) == {"billing.Refund"}


def test_a_page_that_does_what_they_say_is_found(root: Client, bare_office: Office) -> None:
    window = Watched(bare_office, root)
    window.look("/admin/", of="overview")
    window.page.evaluate("html => document.body.insertAdjacentHTML('beforeend', html)", " ".join(PAYLOADS[1:8]))
    window.page.wait_for_function("window.violations.length > 0")
    assert window.page.evaluate(ELEMENTS)
    # A policy stops scripts in attributes. Nobody stops Alpine but those who escape.
    assert "script-src" in window.page.evaluate("window.violations")[0]
    # Their pictures, too, are looked for, and not found.
    window.page.wait_for_load_state("networkidle")
    bare_office.wrong.clear()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [Transaction, Invoice, User, AuditLog])
def test_files_made_of_them_compute_nothing(model: type[Model], root: Client, tmp_path: Path, settings: Any) -> None:
    settings.EXPORTS_FOLDER = tmp_path
    furnish()
    for file_format in ("csv", "xlsx"):
        asked = root.post(f"{list_url(model)}export-rows/", {"file_format": file_format, "reason": "An auditor asks"})
        assert asked.status_code == 302, asked.content
        answer = root.get(urlsplit(asked.headers["Location"]).path)
        data = b"".join(answer.streaming_content)  # type: ignore[attr-defined]  # a FileResponse
        answer.close()
        if file_format == "csv":
            cells = [cell for line in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for cell in line]
            assert [cell for cell in cells if re.match(r"[=+@\t\r]|-\D", cell)] == []
        else:
            sheet = load_workbook(io.BytesIO(data)).active
            assert sheet is not None
            cells = [str(cell.value) for row in sheet.iter_rows() for cell in row]
            assert [cell.value for row in sheet.iter_rows() for cell in row if cell.data_type == "f"] == []
        assert any("HYPERLINK" in cell or "<script>" in cell or "onerror" in cell for cell in cells)
