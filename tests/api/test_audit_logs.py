import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.tests.factories import StaffFactory, api_key_header
from audit.models import AuditLog
from audit.tests.factories import AuditLogFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/audit-logs"


@pytest.fixture
def headers() -> dict[str, str]:
    return api_key_header("audit:read")


def test_tells_what_happened_newest_first(client: Client, headers: dict[str, str]) -> None:
    olga = StaffFactory.create()
    AuditLogFactory.create(entity_type="test.seen")
    AuditLogFactory.create(
        entity_type="test.seen",
        entity_id="7",
        user_id=olga.pk,
        actor={"kind": "user", "id": str(olga.pk), "label": "olga"},
        action="test.seen.updated",
        old_value={"price": 1},
        new_value={"price": 2},
        metadata={"door": "admin"},
    )

    answer = client.get(URL, {"entity_type": "test.seen"}, headers=headers)

    assert answer.status_code == 200
    newest, _oldest = answer.json()["results"]
    log = AuditLog.objects.order_by("-id")[0]
    assert newest == {
        "id": str(log.pk),
        "user": str(olga.pk),
        "actor": {"kind": "user", "id": str(olga.pk), "label": "olga"},
        "action": "test.seen.updated",
        "entity_type": "test.seen",
        "entity_id": "7",
        "old_value": {"price": 1},
        "new_value": {"price": 2},
        "metadata": {"door": "admin"},
        "created_at": log.created_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize(
    "query",
    [
        {"entity_id": "7"},
        {"action": "test.seen.updated"},
        {"user": "01980f2a-3b4c-7d5e-8f90-123456789abc"},
        {"since": "2026-01-31T12:00:00Z"},
        {"until": "2026-01-31T12:00:01Z", "since": "2026-01-31T12:00:00Z"},
    ],
    ids="+".join,
)
def test_narrows(client: Client, headers: dict[str, str], query: dict[str, str]) -> None:
    wanted = AuditLogFactory.create(
        entity_type="test.seen",
        entity_id="7",
        action="test.seen.updated",
        user_id="01980f2a-3b4c-7d5e-8f90-123456789abc",
        created_at="2026-01-31T12:00:00Z",
    )
    AuditLogFactory.create(entity_type="test.seen", entity_id="8", created_at="2026-01-31T11:59:59Z")

    answer = client.get(URL, {"entity_type": "test.seen", **query}, headers=headers)

    assert [row["id"] for row in answer.json()["results"]] == [str(wanted.pk)]


@pytest.mark.parametrize("order", [{}, {"since": "2026-01-31T12:00:00Z"}], ids=["by id", "by moment"])
def test_pages_without_a_gap_and_without_a_repetition(
    client: Client, headers: dict[str, str], order: dict[str, str]
) -> None:
    made = [str(AuditLogFactory.create(entity_type="test.seen").pk) for _number in range(7)]
    seen: list[str] = []
    query: dict[str, str] = {"entity_type": "test.seen", "limit": "3", **order}
    while True:
        page = client.get(URL, query, headers=headers).json()
        seen += [row["id"] for row in page["results"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]

    assert seen == made[::-1]


def test_costs_as_many_queries_with_20_rows_as_with_one(client: Client, headers: dict[str, str]) -> None:
    def cost() -> int:
        client.get(URL, headers=headers)
        with CaptureQueriesContext(connection) as captured:
            client.get(URL, {"entity_type": "test.seen"}, headers=headers)
        return len(captured)

    AuditLogFactory.create(entity_type="test.seen")
    with_one = cost()
    for _number in range(19):
        AuditLogFactory.create(entity_type="test.seen")

    assert cost() == with_one == 1


def test_is_open_to_staff_keys(client: Client) -> None:
    assert client.get(URL, headers=api_key_header("staff")).status_code == 200


def test_is_closed_to_other_keys_and_to_nobody(client: Client) -> None:
    refused = client.get(URL, headers=api_key_header("users:read", "billing:read"))
    unknown = client.get(URL)

    assert (refused.status_code, refused.json()["code"]) == (403, "auth.permission_denied")
    assert (unknown.status_code, unknown.json()["code"]) == (401, "auth.token_missing")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"user": "olga"}, "user"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2026-01-31T12:00:00"}, "until"),
        ({"entity": "x"}, "entity"),
        ({"limit": "201"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"action": "a" * 101}, "action"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_names_the_wrong_parameter(client: Client, headers: dict[str, str], query: dict[str, str], field: str) -> None:
    answer = client.get(URL, query, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "common.validation_error")
    assert list(answer.json()["errors"]) == [field]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_cannot_be_written(client: Client, headers: dict[str, str], method: str) -> None:
    assert getattr(client, method)(URL, headers=headers).status_code == 405
