"""The service's own routes: root, health, the OpenAPI document and its page."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client, RequestFactory
from psycopg import sql
from pytest_django import Settings

from core import clock, health
from core.api import service
from core.api.service import HealthView
from core.health import Probe, Probes
from core.ids import uuid7
from core.models import Job
from core.tests.brokers import filesystem_broker, published_to

pytestmark = pytest.mark.urls("core.tests.api_routes")


@contextmanager
def nobody_let_in() -> Iterator[None]:
    """Within the block, the database refuses each new connection, whoever asks; those that are open go on."""
    parameters = connection.get_connection_params()
    address = {name: parameters[name] for name in ("host", "port", "user", "password") if name in parameters}
    database = sql.Identifier(parameters["dbname"])
    with psycopg.connect(**address, dbname="postgres", autocommit=True) as elsewhere:
        elsewhere.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(database))
        try:
            yield
        finally:
            elsewhere.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(database))


def asked(probes: Probes) -> Any:
    """What the route answers when it asks these."""
    return HealthView.as_view(probes=probes)(RequestFactory().get("/health"))


class TestRoot:
    def test_names_the_service_and_links_what_there_is(self) -> None:
        answer = Client().get("/").json()
        assert answer["name"] == "Dvorik"
        for link in ("docs", "schema", "errors"):
            assert Client().get(answer["links"][link]).status_code == 200


class TestHealth:
    @pytest.mark.django_db(transaction=True)
    def test_is_well_when_the_database_answers(self) -> None:
        response = Client().get("/health")
        assert response.status_code == 200
        assert response.json()["status"] in {"ok", "degraded"}
        assert response.json()["parts"]["database"] == "ok"
        assert response.json()["parts"].keys() == {"database", "jobs", "broker", "storage"}

    @pytest.mark.django_db(transaction=True)
    def test_is_unwell_when_the_database_takes_nobody_in(self) -> None:
        with nobody_let_in():
            response = Client().get("/health")
        assert response.status_code == 503
        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["code"] == "common.unavailable"
        assert response.json()["parts"]["database"] == "down"
        assert int(response["Retry-After"]) > 0
        assert Client().get("/health").status_code == 200

    @pytest.mark.parametrize(("part", "said"), [("jobs", "late"), ("broker", "down"), ("storage", "read-only")])
    @pytest.mark.django_db(transaction=True)
    def test_goes_on_without_another_part_and_says_so(self, part: str, said: str) -> None:
        others: dict[str, Any] = {each: Probe(partial(bool, each != part)) for each in ("jobs", "broker", "storage")}
        response = asked(Probes(**others))
        assert response.status_code == 200
        assert response.data == {
            "status": "degraded",
            "parts": {"database": "ok", "jobs": "ok", "broker": "ok", "storage": "ok"} | {part: said},
        }

    def test_takes_no_longer_than_one_part_may_however_many_hang(self) -> None:
        released = threading.Event()
        parts = ("database", "jobs", "broker", "storage")
        hanging: dict[str, Any] = {part: Probe(lambda: released.wait(timeout=20)) for part in parts}
        probes = Probes(**hanging, deadline_seconds=1.5)
        begun = time.monotonic()
        told = probes.parts()
        assert time.monotonic() - begun < 5, "one after another they take six seconds"
        released.set()
        assert told == {"database": "down", "jobs": "unknown", "broker": "unknown", "storage": "unknown"}

    @pytest.mark.django_db(transaction=True)
    def test_finds_jobs_that_nobody_takes(self) -> None:
        assert health.jobs_are_done()
        Job.objects.create(id=uuid7(), name="core.some", max_attempts=1, lease_seconds=60)
        assert health.jobs_are_done()
        Job.objects.update(run_at=clock.now() - timedelta(seconds=health.LATE_SECONDS + 1))
        assert not health.jobs_are_done()

    def test_finds_a_folder_that_takes_no_files(self, settings: Any, tmp_path: Path) -> None:
        settings.EXPORTS_FOLDER = tmp_path / "exports"
        assert health.storage_takes_files()
        (tmp_path / "file").touch()
        settings.EXPORTS_FOLDER = tmp_path / "file"
        assert not health.storage_takes_files()

    def test_finds_a_broker_that_is_away(self, tmp_path: Path) -> None:
        with filesystem_broker(tmp_path):
            assert health.broker_answers()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        with published_to(f"amqp://127.0.0.1:{port}//", {}):
            assert not health.broker_answers()

    def test_keeps_an_answer_for_as_long_as_it_is_told(self) -> None:
        answers = iter([True, False])
        probe = Probe(lambda: next(answers), kept_seconds=60)
        assert [probe.answers() for _ in range(3)] == [True] * 3

    def test_gives_up_on_a_hanging_part_and_keeps_one_thread_waiting(self) -> None:
        released = threading.Event()
        waiting: list[int] = []

        def hang() -> bool:
            waiting.append(threading.get_ident())
            return released.wait(timeout=20)

        probe = Probe(hang, deadline_seconds=0.05)
        assert [probe.answers() for _ in range(5)] == [False] * 5
        assert len(waiting) == 1
        released.set()
        assert probe.begin().result(timeout=10)

    def test_asks_anew_each_time(self) -> None:
        answers = iter([True, False, True])
        probe = Probe(lambda: next(answers))
        assert [probe.answers() for _ in range(3)] == [True, False, True]

    def test_raises_a_defect_of_the_question_where_it_was_asked(self) -> None:
        with pytest.raises(ZeroDivisionError):
            Probe(lambda: bool(1 // 0)).answers()

    @pytest.mark.django_db
    def test_is_unwell_within_its_deadline_when_the_server_accepts_and_says_nothing(self, settings: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            broken = {**settings.DATABASES["default"], "HOST": "127.0.0.1", "PORT": silent.getsockname()[1]}
            begun = time.monotonic()
            assert not Probe(lambda: health.database_answers(broken)).answers()
            assert time.monotonic() - begun < health.DEADLINE_SECONDS + 1

    @pytest.mark.django_db
    def test_is_unwell_when_nobody_listens(self, settings: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        broken = {**settings.DATABASES["default"], "HOST": "127.0.0.1", "PORT": port}
        assert not Probe(lambda: health.database_answers(broken)).answers()


@cache
def written_down() -> dict[str, Any]:
    """The document of the routes of this file's tests, written once: it is for reading."""
    schema: dict[str, Any] = json.loads(Client().get("/api/schema").content)
    return schema


class TestDocument:
    @pytest.fixture
    def document(self) -> dict[str, Any]:
        return written_down()

    def test_is_openapi_3_1_in_json_and_yaml(self, document: dict[str, Any]) -> None:
        assert document["openapi"].startswith("3.1")
        accepting = Client(headers={"Accept": "application/vnd.oai.openapi"})
        for response in (Client().get("/api/schema?format=yaml"), accepting.get("/api/schema")):
            assert yaml.load(response.content, Loader=yaml.CSafeLoader) == document

    def test_holds_every_route(self, document: dict[str, Any]) -> None:
        assert document["paths"].keys() >= {"/", "/health", "/api/v1/errors", "/t/echo", "/t/fail/{kind}"}

    def test_lists_a_routes_refusals_with_examples(self, document: dict[str, Any]) -> None:
        responses = document["paths"]["/t/once"]["post"]["responses"]
        assert responses.keys() == {"201", "400", "401", "403", "406", "409", "411", "413", "415", "422", "429", "503"}
        conflict = responses["409"]["content"]["application/problem+json"]
        assert conflict["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert conflict["examples"].keys() == {"core.job_is_not_dead", "common.idempotency_in_progress"}
        assert conflict["examples"]["core.job_is_not_dead"]["value"]["title"] == "Only a dead job can be run again."

    def test_asks_for_the_key_where_one_is_needed(self, document: dict[str, Any]) -> None:
        def headers(path: str) -> list[str]:
            parameters = document["paths"][path]["post"].get("parameters", [])
            return [each["name"] for each in parameters if each["in"] == "header"]

        assert headers("/t/once") == ["Idempotency-Key"]
        assert headers("/t/echo") == []
        headers_of_answer = document["paths"]["/t/once"]["post"]["responses"]["201"]["headers"]
        assert headers_of_answer.keys() == {"X-Request-ID", "Idempotency-Replayed"}

    def test_says_that_unknown_fields_are_refused(self, document: dict[str, Any]) -> None:
        assert document["components"]["schemas"]["EverythingRequest"]["additionalProperties"] is False
        assert document["components"]["schemas"]["PartRequest"]["additionalProperties"] is False

    def test_shows_money_as_one_thing(self, document: dict[str, Any]) -> None:
        assert document["components"]["schemas"]["Money"]["properties"].keys() == {"amount", "currency"}

    def test_describes_pages_and_their_parameters(self, document: dict[str, Any]) -> None:
        listing = document["paths"]["/t/buckets"]["get"]
        assert [each["name"] for each in listing["parameters"]] == ["cursor", "limit", "scope"]
        answer = listing["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer == {"$ref": "#/components/schemas/PageOfBucket"}

    def test_has_examples_of_bodies_and_answers(self, document: dict[str, Any]) -> None:
        body = document["paths"]["/t/echo"]["post"]["requestBody"]["content"]["application/json"]
        assert body["examples"]["One"]["value"] == {"number": 1}

    def test_is_written_once_in_each_language_whoever_asks(self) -> None:
        def asked(query: str = "", language: str = "en") -> bytes:
            content: bytes = Client(headers={"Accept-Language": language}).get(f"/api/schema{query}").content
            return content

        english, russian = asked(), asked(language="ru")
        assert english != russian
        assert asked("?lang=ru") == russian
        written = service._written.cache_info().misses
        assert (asked(), asked(language="ru"), asked("?lang=en")) == (english, russian, english)
        # A language that there is none of has no document of its own, which anybody could have written without end.
        assert {asked(f"?lang={made_up}") for made_up in ("xx", "yy", "x" * 1000)} <= {english, russian}
        assert service._written.cache_info().misses == written


class TestDocs:
    @pytest.mark.parametrize("path", ["/api/docs", "/api/docs?script=", "/api/schema", "/api/schema?format=yaml"])
    def test_do_not_exist_where_nobody_is_to_read_them(self, settings: Settings, path: str) -> None:
        assert Client().get(path).status_code == 200
        settings.API_DOCS = False
        answer = Client().get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "common.not_found")
        assert Client().get("/").json()["links"].keys() == {"api", "errors", "health"}

    def test_load_nothing_from_elsewhere_and_run_nothing_inline(self) -> None:
        page = Client().get("/api/docs").content.decode()
        sources = re.findall(r'(?:src|href)="([^"]+)"', page)
        assert len(sources) >= 4
        assert all(source.startswith("/") and not source.startswith("//") for source in sources)
        assert "<style" not in page
        assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []

    def test_let_the_browser_load_nothing_from_elsewhere(self) -> None:
        for path in ("/api/docs", "/api/docs?script="):
            policy = Client().get(path)["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'; ")
            assert "//" not in policy
            assert "*" not in policy

    def test_find_their_assets(self) -> None:
        page = Client().get("/api/docs").content.decode()
        assets = re.findall(r'"/static/([^"]+)"', page)
        assert assets
        assert all(finders.find(asset) for asset in assets)

    def test_have_their_script_beside_the_page(self) -> None:
        script = Client().get("/api/docs?script=")
        assert script["Content-Type"].startswith("application/javascript")
        assert b"SwaggerUIBundle" in script.content
