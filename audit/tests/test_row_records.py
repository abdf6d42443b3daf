"""What triggers on audited tables write, whoever changes a row and however."""

import json
from uuid import UUID

import pytest
from django.db import connection

from audit.models import AuditLog
from core.actors import Actor
from core.database import AUDITED, operation

pytestmark = pytest.mark.django_db

OLGA = Actor(kind="user", id="01980f2a-3b4c-7d5e-8f90-123456789abc", label="olga")


@pytest.fixture(autouse=True)
def tables(as_the_owner: None) -> None:
    """Tables of this test's own, in the test's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TABLE zoo_animal (id int PRIMARY KEY, name text, password text, seen int, updated_at int);
            CREATE TRIGGER zoo_animal_is_audited AFTER INSERT OR UPDATE OR DELETE ON zoo_animal
                FOR EACH ROW EXECUTE FUNCTION audit_record_row('password', '-seen');
            CREATE TABLE zoo_cage (key text PRIMARY KEY, size int);
            CREATE TRIGGER zoo_cage_is_audited AFTER INSERT OR UPDATE OR DELETE ON zoo_cage
                FOR EACH ROW EXECUTE FUNCTION audit_record_row('@key');
            CREATE TABLE zoo_open_air (id int PRIMARY KEY);
            CREATE TRIGGER zoo_open_air_is_audited AFTER INSERT OR UPDATE OR DELETE ON zoo_open_air
                FOR EACH ROW EXECUTE FUNCTION audit_record_row();
            """
        )


def _sql(statement: str, *params: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def _records() -> list[AuditLog]:
    return list(AuditLog.objects.filter(entity_type__startswith="zoo.").order_by("id"))


def _only() -> AuditLog:
    (record,) = _records()
    return record


def _insert() -> None:
    _sql("INSERT INTO zoo_animal VALUES (1, 'Lev', 'secret', 0, 0)")


def test_tells_a_creation_with_all_values() -> None:
    _insert()

    record = _only()
    assert record.action == "zoo.animal.created"
    assert (record.entity_type, record.entity_id) == ("zoo.animal", "1")
    assert record.old_value is None
    assert record.new_value == {"id": 1, "name": "Lev", "password": "***"}


def test_tells_of_an_update_only_what_changed() -> None:
    _insert()
    _sql("UPDATE zoo_animal SET name = 'Lea', seen = 5, updated_at = 9")

    record = _records()[-1]
    assert record.action == "zoo.animal.updated"
    assert (record.old_value, record.new_value) == ({"name": "Lev"}, {"name": "Lea"})


def test_tells_a_deletion_with_all_values() -> None:
    _insert()
    _sql("DELETE FROM zoo_animal")

    record = _records()[-1]
    assert record.action == "zoo.animal.deleted"
    assert record.old_value == {"id": 1, "name": "Lev", "password": "***"}
    assert record.new_value is None


def test_tells_that_a_secret_changed_and_not_its_value() -> None:
    _insert()
    _sql("UPDATE zoo_animal SET password = 'other'")
    _sql("UPDATE zoo_animal SET password = NULL")

    changed, removed = _records()[1:]
    assert (changed.old_value, changed.new_value) == ({"password": "***"}, {"password": "***"})
    assert (removed.old_value, removed.new_value) == ({"password": "***"}, {"password": None})
    assert "secret" not in json.dumps([record.old_value for record in _records()])


@pytest.mark.parametrize("change", ["name = name", "updated_at = 7", "seen = seen + 1"])
def test_says_nothing_where_nothing_worth_telling_changed(change: str) -> None:
    _insert()
    _sql(f"UPDATE zoo_animal SET {change}")

    assert len(_records()) == 1


def test_tells_each_row_of_a_statement() -> None:
    _sql("INSERT INTO zoo_animal SELECT n, 'n', NULL, 0, 0 FROM generate_series(1, 5) AS n")

    assert [record.entity_id for record in _records()] == ["1", "2", "3", "4", "5"]


def test_names_a_row_by_another_column_where_the_trigger_says_so() -> None:
    _sql("INSERT INTO zoo_cage VALUES ('north', 3)")

    assert _only().entity_id == "north"


def test_names_a_row_as_it_was_called_before_the_change() -> None:
    _sql("INSERT INTO zoo_cage VALUES ('north', 3)")
    _sql("UPDATE zoo_cage SET key = 'south'")

    record = _records()[-1]
    assert record.entity_id == "north"
    assert (record.old_value, record.new_value) == ({"key": "north"}, {"key": "south"})


def test_takes_what_follows_the_apps_name_for_the_model() -> None:
    _sql("INSERT INTO zoo_open_air VALUES (1)")

    assert _only().entity_type == "zoo.open_air"


def test_names_the_actor_of_the_operation_and_its_reason() -> None:
    @operation
    def take_in(*, by: Actor, reason: str) -> None:
        _insert()

    take_in(by=OLGA, reason="it rained")

    record = _only()
    assert record.user_id == UUID(OLGA.id)
    assert record.actor == {"kind": "user", "id": OLGA.id, "label": "olga"}
    assert record.metadata == {"reason": "it rained"}


def test_names_the_person_behind_a_key() -> None:
    @operation
    def take_in(*, by: Actor) -> None:
        _insert()

    take_in(by=Actor(kind="api_key", id="k", label="bot", user_id=OLGA.id))

    assert _only().user_id == UUID(OLGA.id)
    assert _only().actor == {"kind": "api_key", "id": "k", "label": "bot"}


def test_names_the_database_user_and_the_application_where_nobody_was_named() -> None:
    _insert()

    record = _only()
    with connection.cursor() as cursor:
        cursor.execute("SELECT session_user")
        (role,) = cursor.fetchone()
    assert record.user_id is None
    assert record.actor == {"kind": "system", "id": "", "label": f"{role} (dvorik)"}
    assert record.metadata == {}


@pytest.mark.parametrize(
    "context",
    [
        "",
        "not json",
        "[]",
        '"text"',
        "17",
        "null",
        '{"kind": "god", "label": "x"}',
        '{"kind": {"a": 1}}',
        '{"label": "\\u0000"}',
        "{",
        "[" * 50_000,
    ],
    ids=lambda context: context[:20],
)
def test_records_the_change_under_any_context(context: str) -> None:
    _sql("SELECT set_config('dvorik.context', %s::text, true)", context)
    _insert()

    assert _only().actor["kind"] == "system"
    assert _only().actor["label"].endswith("(dvorik)")


@pytest.mark.parametrize("person", ["", "no uuid", "' OR 1=1", "01980f2a3b4c7d5e8f90123456789abc"])
def test_records_the_change_of_a_person_whose_id_is_no_uuid(person: str) -> None:
    _sql(
        "SELECT set_config('dvorik.context', %s::text, true)",
        json.dumps({"kind": "user", "id": person, "label": "x", "user_id": person}),
    )
    _insert()

    assert _only().user_id is None
    assert _only().actor["id"] == person


def test_cannot_be_led_astray_by_a_table_of_the_same_name() -> None:
    _sql("CREATE TEMPORARY TABLE audit_auditlog (LIKE audit_auditlog INCLUDING ALL)")
    _insert()

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.audit_auditlog WHERE entity_type = 'zoo.animal'")
        assert cursor.fetchone() == (1,)


def test_keeps_its_functions_from_everybody_else() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT proname FROM pg_proc
            WHERE prosecdef AND pronamespace = 'public'::regnamespace AND (
                proconfig IS NULL OR NOT proconfig::text LIKE '%search_path%'
                OR has_function_privilege('public', oid, 'EXECUTE'))
            """
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize("model", AUDITED, ids=lambda model: model._meta.label)
def test_stands_on_every_table_that_is_marked_audited(model: type) -> None:
    masked = AUDITED[model]
    table = model._meta.db_table  # type: ignore[attr-defined]  # a model
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT string_to_array(encode(tgargs, 'escape'), '\\000')
            FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE tgrelid = %s::regclass AND tgname = %s AND proname = 'audit_record_row' AND tgenabled = 'O'
            """,
            [table, f"{table}_is_audited"],
        )
        row = cursor.fetchone()
    assert row, f"{table} has no trigger {table}_is_audited"
    assert {name for name in row[0] if name and name[0] not in "-@"} == masked
