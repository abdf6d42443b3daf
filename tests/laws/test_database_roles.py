"""
The application's role can do its work and nothing beyond it: ledger and audit are only added to, the schema and its
guards are out of reach. Each refusal is tried as the owner, too, who could.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.utils import translation
from psycopg import errors, sql

from audit.models import AuditLog
from billing.models import Transaction
from core import database_roles
from core.database import GUARDS, LENT, lend
from core.database_roles import RoleTooStrong, as_application, as_owner, grant
from core.tests.application import Connection, connected, the_role
from core.tests.racing import race
from tests.laws.house import house_models, rows, table_of

pytestmark = pytest.mark.django_db

APPEND_ONLY: Final = [model for model, guard in GUARDS.items() if guard.kind == "append_only"]
FROZEN: Final = [model for model, guard in GUARDS.items() if guard.kind == "frozen"]

# What nobody may do to a table who does not own it, and what to the ledger and the audit log.
OF_THE_OWNER: Final[Mapping[str, str]] = {
    "TRUNCATE": "TRUNCATE {table} CASCADE",
    "DISABLE TRIGGER USER": "ALTER TABLE {table} DISABLE TRIGGER USER",
    "DISABLE TRIGGER ALL": "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ADD COLUMN": "ALTER TABLE {table} ADD COLUMN forged integer",
    "OWNER": "ALTER TABLE {table} OWNER TO CURRENT_USER",
    "DROP TABLE": "DROP TABLE {table} CASCADE",
    "CREATE RULE": "CREATE RULE forged AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "CREATE TRIGGER": "CREATE TRIGGER forged BEFORE INSERT ON {table} EXECUTE FUNCTION core_refuse_change()",
    "CREATE INDEX": "CREATE INDEX forged ON {table} ((1))",
}
EDITS: Final[Mapping[str, str]] = {
    "UPDATE": "UPDATE {table} SET {column} = {column}",
    "DELETE": "DELETE FROM {table}",
    "FOR UPDATE": "SELECT FROM {table} FOR UPDATE",
    "MERGE": "MERGE INTO {table} USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
}
ELSEWHERE: Final = [
    "SET session_replication_role = replica",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "CREATE ROLE forged",
    "CREATE TABLE forged (id integer)",
    "CREATE TEMPORARY TABLE forged (id integer)",
    "CREATE SCHEMA forged",
    "CREATE OR REPLACE FUNCTION core_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()'",
    "DROP FUNCTION core_refuse_change() CASCADE",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('core', 'forged', now())",
    "SELECT setval('audit_auditlog_id_seq', 1)",
    "SELECT audit_append('forged.deed', 'forged', '1', NULL, NULL)",
    "SELECT pg_read_file('/etc/hostname')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/forged'",
    "ALTER SYSTEM SET fsync = off",
    "SELECT lo_import('/etc/hostname')",
]


@pytest.fixture
def application() -> Iterator[Connection]:
    with connected() as opened:
        yield opened


def refused(on: Connection, statement: str) -> bool:
    """Whether the role lacks the right; any other answer of the server is none."""
    with pytest.raises(psycopg.Error) as refusal:
        on.execute(statement.encode())
    return isinstance(refusal.value, errors.InsufficientPrivilege)


def spelled(statement: str, model: type[models.Model]) -> str:
    return statement.format(table=table_of(model), column=model._meta.fields[-1].column)


@pytest.mark.parametrize("model", [*APPEND_ONLY, *FROZEN], ids=lambda model: model._meta.label)
@pytest.mark.parametrize("way", OF_THE_OWNER)
def test_the_application_cannot_change_a_guarded_table(
    way: str, model: type[models.Model], application: Connection
) -> None:
    assert refused(application, spelled(OF_THE_OWNER[way], model))


@pytest.mark.parametrize("model", APPEND_ONLY, ids=lambda model: model._meta.label)
@pytest.mark.parametrize("way", EDITS)
def test_the_application_cannot_edit_what_is_append_only(
    way: str, model: type[models.Model], application: Connection
) -> None:
    assert refused(application, spelled(EDITS[way], model))


def test_the_ledger_and_the_audit_log_are_append_only() -> None:
    assert {Transaction, AuditLog} <= set(APPEND_ONLY)


@pytest.mark.parametrize("model", FROZEN, ids=lambda model: model._meta.label)
def test_the_application_cannot_delete_what_is_frozen(model: type[models.Model], application: Connection) -> None:
    assert refused(application, f"DELETE FROM {table_of(model)}")
    # It may lock: that is how it moves them.
    application.execute(f"SELECT FROM {table_of(model)} FOR UPDATE".encode())


@pytest.mark.parametrize("statement", ELSEWHERE)
def test_the_application_cannot_change_the_rules(statement: str, application: Connection) -> None:
    assert refused(application, statement)


def test_the_application_cannot_become_the_owner(application: Connection) -> None:
    assert settings.DATABASE_OWNER is not None
    owner = settings.DATABASE_OWNER["USER"]
    assert refused(application, f'SET ROLE "{owner}"')
    assert refused(application, f'SET SESSION AUTHORIZATION "{owner}"')


def test_the_application_cannot_give_itself_more(application: Connection) -> None:
    for table in map(table_of, APPEND_ONLY):
        # PostgreSQL answers with a warning, and gives nothing.
        application.execute(f"GRANT ALL ON {table} TO CURRENT_USER".encode())
        found = application.execute(f"SELECT has_table_privilege('{table}', 'UPDATE, DELETE, TRUNCATE')".encode())
        assert found.fetchone() == (False,)


@pytest.mark.parametrize("model", APPEND_ONLY, ids=lambda model: model._meta.label)
def test_the_owner_could(model: type[models.Model]) -> None:
    """The control: what refuses the application is its role, and nothing that refuses everybody."""
    with connected(as_owner=True) as owner:
        for statement in (*OF_THE_OWNER.values(), *EDITS.values()):
            # Triggers that keep foreign keys are the superuser's alone.
            if "DISABLE TRIGGER ALL" in statement:
                continue
            # Where there are rows, a trigger refuses what the role does not.
            with suppress(psycopg.IntegrityError), owner.transaction(force_rollback=True):
                owner.execute("SET LOCAL lock_timeout = '5s'")
                owner.execute(spelled(statement, model).encode())


def rights_of(role: str) -> dict[str, set[str]]:
    """What a role may really do, by whichever way it came to it."""
    found = rows(
        """
        SELECT relname, array_agg(privilege) FILTER (WHERE CASE WHEN relkind = 'S'
            THEN privilege IN ('SELECT', 'UPDATE', 'USAGE') AND has_sequence_privilege(%s::name, oid, privilege)
            ELSE privilege <> 'USAGE' AND has_table_privilege(%s::name, oid, privilege) END)
        FROM pg_class, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER,USAGE}'::text[]) AS privilege
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm')
        GROUP BY relname
        """,
        role,
        role,
    )
    return {name: set(privileges) for name, privileges in found if privileges}


def wanted() -> dict[str, set[str]]:
    with connection.cursor() as cursor:
        return {table: set(rights) for table, rights in database_roles.wanted_rights(cursor).items()}


@pytest.mark.usefixtures("as_the_owner")
def test_the_application_has_the_rights_that_the_marks_say() -> None:
    role = the_role()
    assert rights_of(role) == wanted()
    assert {table_of(model) for model in house_models()} <= wanted().keys()
    assert grant(role) == 0


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT UPDATE ON audit_auditlog TO {role}",
        "GRANT ALL ON billing_transaction TO PUBLIC",
        "REVOKE INSERT ON billing_wallet FROM {role}",
        "GRANT UPDATE ON SEQUENCE audit_auditlog_id_seq TO {role}",
        "REVOKE USAGE ON SEQUENCE audit_auditlog_id_seq FROM {role}",
        "CREATE TABLE forgotten (id integer); GRANT SELECT ON forgotten TO {role}",
    ],
)
@pytest.mark.usefixtures("as_the_owner")
def test_what_is_wrong_is_found_and_put_right(statement: str) -> None:
    role = the_role()
    for each in statement.split("; "):
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL(each).format(role=sql.Identifier(role)))
    assert rights_of(role) != wanted()
    assert grant(role) >= 1
    assert rights_of(role) == wanted()
    assert grant(role) == 0


@pytest.mark.usefixtures("as_the_owner")
def test_each_migrate_grants() -> None:
    role = the_role()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE core_throttle")
        cursor.execute("CREATE TABLE core_throttle (id integer)")
    assert "core_throttle" not in rights_of(role)
    call_command("migrate", verbosity=0)
    assert rights_of(role)["core_throttle"] == {"SELECT", "INSERT", "UPDATE", "DELETE"}


def test_refuses_a_role_that_could_take_its_rights_itself() -> None:
    the_role()
    assert settings.DATABASE_OWNER is not None
    [(superuser,)] = rows("SELECT rolname FROM pg_roles WHERE rolsuper ORDER BY oid LIMIT 1")
    for name, why in (
        (settings.DATABASE_OWNER["USER"], "a member of the owner's role"),
        (superuser, "a superuser"),
        ("nobody_of_this_name", "no role nobody_of_this_name"),
    ):
        with translation.override("en"), pytest.raises(RoleTooStrong, match=why):
            grant(name)


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    role = the_role()
    with translation.override("en"):
        call_command("grant_roles")
    assert capsys.readouterr().out == f"{role} has its rights already.\n"


def test_the_command_says_what_is_missing(settings: pytest.FixtureRequest) -> None:
    settings.DATABASE_OWNER = None  # type: ignore[attr-defined]  # pytest-django's settings take any name
    with pytest.raises(CommandError, match="DATABASE_OWNER_URL"):
        call_command("grant_roles")


def definers() -> list[tuple[str, list[str], bool]]:
    """Functions that run with their owner's rights: their settings, and whether the application may call them."""
    return [
        (signature, list(config or []), may_call)
        for signature, config, may_call in rows(
            """
            SELECT oid::regprocedure::text, proconfig, has_function_privilege(%s::name, oid, 'EXECUTE')
            FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
            """,
            the_role(),
        )
    ]


def unsafe(found: list[tuple[str, list[str], bool]]) -> list[str]:
    return sorted(
        signature
        for signature, config, may_call in found
        if "search_path=pg_catalog, public, pg_temp" not in config or may_call != (signature in LENT)
    )


def test_functions_with_the_owners_rights_are_safe() -> None:
    assert len(definers()) >= 2
    assert unsafe(definers()) == []


def test_what_is_lent_exists_and_has_a_reason() -> None:
    assert set(LENT) <= {signature for signature, _config, _may_call in definers()}
    assert all(len(why) >= 20 for why in LENT.values())


@pytest.mark.usefixtures("as_the_owner")
def test_an_unsafe_function_is_found_and_each_is_closed() -> None:
    role = the_role()
    path = "SET search_path = pg_catalog, public, pg_temp"
    with connection.cursor() as cursor:
        for name, config in (("forged_one", path), ("forged_two", ""), ("forged_three", path)):
            cursor.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {config} "
                "AS 'BEGIN RETURN NULL; END'"
            )
        cursor.execute("REVOKE ALL ON FUNCTION forged_three() FROM PUBLIC")
        cursor.execute(sql.SQL("GRANT EXECUTE ON FUNCTION forged_three() TO {}").format(sql.Identifier(role)))
    assert unsafe(definers()) == ["forged_one()", "forged_three()", "forged_two()"]
    assert grant(role) == 3
    assert unsafe(definers()) == ["forged_two()"]
    assert grant(role) == 0


@pytest.mark.usefixtures("as_the_owner")
def test_what_is_lent_can_be_called(lent: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE FUNCTION forged_lent() RETURNS integer LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'")
    assert grant(the_role()) == 2
    assert [may_call for signature, _config, may_call in definers() if signature == lent] == [True]
    assert rows("SELECT has_function_privilege('public', %s::text::regprocedure::oid, 'EXECUTE')", lent) == [(False,)]


@pytest.fixture
def lent() -> Iterator[str]:
    lend("forged_lent()", why="a test of what is lent")
    yield "forged_lent()"
    del LENT["forged_lent()"]


@pytest.mark.django_db(transaction=True)
def test_tests_work_as_the_application() -> None:
    assert rows("SELECT current_user") == [(the_role(),)]
    assert race(lambda: rows("SELECT current_user"), lambda: rows("SELECT current_user")) == [[(the_role(),)]] * 2
    assert settings.DATABASE_OWNER is not None
    owner = [(settings.DATABASE_OWNER["USER"],)]
    with as_owner():
        assert rows("SELECT current_user") == owner
        with as_application():
            assert rows("SELECT session_user") == [(the_role(),)]
    assert rows("SELECT current_user") == [(the_role(),)]


@pytest.mark.usefixtures("as_the_owner")
def test_tests_of_what_the_owner_can_do_work_as_the_owner() -> None:
    the_role()
    assert settings.DATABASE_OWNER is not None
    assert rows("SELECT current_user") == [(settings.DATABASE_OWNER["USER"],)]
