"""A long export in the browser: its page follows how far it is, and has the file, without anybody reloading it."""

from __future__ import annotations

import pytest
from django.test import override_settings
from playwright.sync_api import expect

from core import runtime_settings
from core.actors import SYSTEM
from core.jobs import drain
from core.models import Export, Setting
from core.operations import exports
from tests.browser.conftest import Office

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]


def everything_is_long() -> None:
    Setting.objects.create(key="core.exports_at_once_rows", value=0, updated_by="tests")
    runtime_settings.forget_cached()


def test_its_page_shows_how_far_it_is_by_itself(office: Office, tmp_path_factory: pytest.TempPathFactory) -> None:
    everything_is_long()
    page = office.enter("/admin/billing/transaction/")
    with override_settings(EXPORTS_FOLDER=tmp_path_factory.mktemp("exports")):
        page.locator("a[href*=export-rows]").click()
        page.locator("#deed_form [type=submit]").click()
        page.wait_for_url("**/core/export/*/change/")
        assert page.get_by_role("link", name="Download", exact=True).count() == 0
        export = Export.objects.get()

        exports.begin(export_id=export.pk, rows_total=400, by=SYSTEM)
        exports.note_progress(export_id=export.pk, rows_written=100, by=SYSTEM)
        # Nobody touches the page from here on.
        expect(page.locator("progress.dv-progress")).to_have_attribute("value", "100", timeout=15_000)
        expect(page.locator("progress.dv-progress")).to_have_attribute("max", "400")
        expect(page.get_by_text("100 of 400 rows")).to_be_visible()
        exports.note_progress(export_id=export.pk, rows_written=300, by=SYSTEM)
        expect(page.get_by_text("300 of 400 rows")).to_be_visible(timeout=15_000)

        drain.run_due()
        download = page.get_by_role("link", name="Download", exact=True)
        expect(download).to_be_visible(timeout=15_000)
        with page.expect_download() as fetched:
            download.click()
        assert fetched.value.suggested_filename.startswith("ledger-")
        assert fetched.value.path().stat().st_size > 1_000
    runtime_settings.forget_cached()


def test_its_page_stops_asking_once_it_is_ready(office: Office, tmp_path_factory: pytest.TempPathFactory) -> None:
    page = office.enter("/admin/billing/invoice/export-rows/")
    with override_settings(EXPORTS_FOLDER=tmp_path_factory.mktemp("exports")):
        with page.expect_download():
            page.locator("#deed_form [type=submit]").click()
        export = Export.objects.get()
        answer = page.goto(f"/admin/core/export/{export.pk}/change/")
        assert answer is not None
        assert "refresh" not in answer.headers
