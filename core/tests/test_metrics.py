"""``/metrics``: who may read it, what it counts, what it reads, and what it says when the database is away."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import DEFAULT_DB_ALIAS, connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from core import clock
from core.ids import uuid7
from core.metrics import counters, exposition, gauges, registered
from core.models import Job

TOKEN: Final = "a-token-of-prometheus-of-32-chars"
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "OPERATIONS.md"


@pytest.fixture
def token() -> Iterator[str]:
    with override_settings(METRICS_TOKEN=TOKEN):
        yield TOKEN


def scraped(client: Client | None = None) -> dict[str, dict[tuple[str, ...], float]]:
    """Each name with its values by the values of its labels."""
    answer = (client or Client()).get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.content.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def job(name: str, **fields: Any) -> Job:
    made: Job = Job.objects.create(id=uuid7(), name=name, max_attempts=3, lease_seconds=60, **fields)
    return made


class TestAccess:
    def test_does_not_exist_without_a_token(self) -> None:
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}):
            answer = Client().get("/metrics", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "common.not_found")

    @pytest.mark.parametrize(
        ("shown", "code"),
        [
            (None, "auth.token_missing"),
            ("", "auth.token_missing"),
            ("Bearer", "auth.token_missing"),
            (f"Api-Key {TOKEN}", "auth.token_missing"),
            (TOKEN, "auth.token_missing"),
            ("Bearer wrong", "auth.token_invalid"),
            (f"Bearer {TOKEN[:-1]}", "auth.token_invalid"),
            (f"Bearer {TOKEN}x", "auth.token_invalid"),
            ("Bearer ключ", "auth.token_invalid"),
        ],
    )
    @pytest.mark.usefixtures("token")
    def test_is_refused_to_whoever_shows_another(self, shown: str | None, code: str) -> None:
        answer = Client().get("/metrics", headers={"Authorization": shown} if shown is not None else {})
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert b"dvorik_" not in answer.content

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.usefixtures("token")
    def test_is_answered_in_the_language_of_prometheus(self) -> None:
        answer = Client().get(
            "/metrics", headers={"Authorization": f"bearer {TOKEN}", "Accept": "application/openmetrics-text"}
        )
        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert Client().post("/metrics").status_code == 405


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("token")
class TestRequests:
    def test_are_counted_by_their_routes_and_never_by_their_paths(self) -> None:
        before = scraped()
        for number in range(3):
            Client().get(f"/api/v1/users/{uuid7()}?secret={number}")
            Client().get(f"/no/such/page-{number}")
        Client().generic("BREW", "/health")
        after = scraped()

        def more(*labels: str) -> float:
            name = "dvorik_http_requests_total"
            return after[name].get(labels, 0) - before.get(name, {}).get(labels, 0)

        assert more("GET", "/api/v1/users/<uuid:user_id>", "401") == 3
        assert more("GET", "none", "404") == 3
        assert more("other", "/health", "405") == 1
        took = after["dvorik_http_request_seconds_count"]
        assert took[("GET", "/api/v1/users/<uuid:user_id>")] >= 3
        assert not [labels for labels in after["dvorik_http_requests_total"] if "page-" in labels[1]]

    def test_that_find_the_database_busy_are_counted(self) -> None:
        def failures() -> float:
            return scraped().get("dvorik_database_failures_total", {}).get(("57014",), 0)

        before = failures()
        with override_settings(ROOT_URLCONF="core.tests.api_routes"):
            assert Client().get("/t/plain/statement-timeout").status_code == 503
        assert failures() == before + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("token")
class TestJobs:
    def test_are_told_by_name_and_state(self) -> None:
        job("core.some")
        job("core.some")
        job("core.other", run_at=clock.now() - timedelta(seconds=90))
        job("core.later", run_at=clock.now() + timedelta(hours=1))
        job("core.dead", state="dead", finished_at=clock.now() - timedelta(days=3))
        job("core.done", state="done", finished_at=clock.now())
        job("core.done", state="done", finished_at=clock.now() - timedelta(minutes=6))
        found = scraped()
        assert found["dvorik_jobs"] == {
            ("core.some", "queued"): 2,
            ("core.other", "queued"): 1,
            ("core.later", "queued"): 1,
            ("core.dead", "dead"): 1,
        }
        assert found["dvorik_jobs_done_in_five_minutes"] == {("core.done",): 1}
        assert 90 <= found["dvorik_jobs_lag_seconds"][()] < 120

    def test_that_nobody_waits_for_have_no_lag(self) -> None:
        job("core.later", run_at=clock.now() + timedelta(hours=1))
        assert scraped()["dvorik_jobs_lag_seconds"] == {(): 0}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("token")
class TestTheDatabase:
    def test_is_asked_by_a_fixed_number_of_statements(self) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as captured:
                list(gauges.read_from(connection))
            return len(captured)

        few = cost()
        for number in range(20):
            job(f"core.some_{number}")
        assert cost() == few == 4

    def test_that_is_down_leaves_what_the_process_knows(self, settings: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        known = {**connection.settings_dict}
        connection.close()
        try:
            settings.DATABASES[DEFAULT_DB_ALIAS] |= {"HOST": "127.0.0.1", "PORT": port}
            found = scraped()
        finally:
            settings.DATABASES[DEFAULT_DB_ALIAS] |= {"HOST": known["HOST"], "PORT": known["PORT"]}
        assert found["dvorik_database_up"] == {(): 0}
        assert found["dvorik_build_info"]
        assert "dvorik_jobs_lag_seconds" not in found
        assert scraped()["dvorik_database_up"] == {(): 1}

    def test_that_hangs_in_one_part_still_tells_of_the_others(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE core_job IN ACCESS EXCLUSIVE MODE")
            found = scraped()
            cursor.execute("ROLLBACK")
        assert found["dvorik_scrape_failed"][("jobs",)] == 1
        assert found["dvorik_scrape_failed"][("alerts",)] == 0
        assert "dvorik_jobs_lag_seconds" not in found
        assert found["dvorik_alerts_open"]
        assert scraped()["dvorik_scrape_failed"][("jobs",)] == 0


def test_the_page_for_operators_names_every_metric_and_no_other() -> None:
    section = PAGE.read_text("utf-8").partition("## Metrics")[2].partition("\n## ")[0]
    told = re.findall(r"^\| `(dvorik_\w+)`(?: \{([\w, ]*)\})? \|", section, flags=re.MULTILINE)
    counted = [
        (f"{each._name}_total" if each._type == "counter" else each._name, ", ".join(each._labelnames))
        for each in (counters.REQUESTS, counters.SECONDS, counters.UNREADABLE, counters.DATABASE_FAILURES)
    ]
    read = [(each.name, ", ".join(each.labels)) for each in [exposition.BUILD, *registered()]]
    assert sorted(told) == sorted([*counted, *read])
