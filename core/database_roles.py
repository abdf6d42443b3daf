"""
Two roles in PostgreSQL: the owner of the tables, as which migrations run, and the application, which cannot change the
schema, nor update, delete or truncate what is append-only.

The triggers refuse edits by themselves, whoever asks. But who owns a table can disable its triggers; who does not,
cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from psycopg import Connection, sql
from psycopg.pq import TransactionStatus

from core.database import GUARDS, LENT

_READ: Final = frozenset({"SELECT"})
_BY_KIND: Final[Mapping[str, frozenset[str]]] = {
    "append_only": frozenset({"SELECT", "INSERT"}),
    # Which columns may change is the triggers' to say; which rows may be locked depends on UPDATE.
    "frozen": frozenset({"SELECT", "INSERT", "UPDATE"}),
    "editable": frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
}
_OF_DJANGO: Final = _BY_KIND["editable"]

# What the role has been given, by itself and with everybody.
_GIVEN: Final = """
    SELECT relname, privilege_type, grantee = 0
    FROM pg_class, aclexplode(relacl)
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
        AND grantee IN (0, %(role)s::text::regrole::oid)
"""
_SEQUENCES: Final = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'"

# Functions that run with their owner's rights: whether everybody may call them, and whether the role itself may.
_DEFINERS: Final = """
    SELECT oid::regprocedure::text, has_function_privilege('public', oid, 'EXECUTE'), EXISTS (
        SELECT FROM aclexplode(proacl) WHERE grantee = %(role)s::text::regrole::oid AND privilege_type = 'EXECUTE')
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
"""

_STRENGTHS: Final = """
    SELECT r.rolsuper, r.rolcreaterole, r.rolbypassrls, r.rolreplication,
        pg_has_role(r.rolname, current_user, 'MEMBER'),
        has_parameter_privilege(r.rolname, 'session_replication_role', 'SET')
    FROM pg_roles r WHERE r.rolname = %s::name
"""
_NAMES_OF_STRENGTHS: Final = (
    gettext_lazy("it is a superuser"),
    gettext_lazy("it may make roles"),
    gettext_lazy("it bypasses row security"),
    gettext_lazy("it may replicate"),
    gettext_lazy("it is a member of the owner's role"),
    gettext_lazy("it may set session_replication_role"),
)


class RoleTooStrong(Exception):
    """The application's role can do what no grant takes away, or is not there; the message says what."""


def application_role() -> str | None:
    """The application's role, where it is not the owner's."""
    owner, application = settings.DATABASE_OWNER, settings.DATABASE_APPLICATION
    return application["USER"] if application and owner and application["USER"] != owner["USER"] else None


@contextmanager
def as_owner() -> Iterator[None]:
    """Within the block, this thread's connection is the owner's. Where one role does both, nothing happens."""
    with _as(settings.DATABASE_OWNER):
        yield


@contextmanager
def as_application() -> Iterator[None]:
    """Within the block, this thread's connection is the application's, as everywhere outside of tests."""
    with _as(settings.DATABASE_APPLICATION):
        yield


@contextmanager
def _as(who: Mapping[str, str] | None) -> Iterator[None]:
    ours = connections[DEFAULT_DB_ALIAS]
    before = ours.settings_dict
    if who is None:
        yield
        return
    if who["USER"] == before["USER"]:
        with _as_logged_in(ours):
            yield
        return
    ours.close()
    ours.settings_dict = {**before, **who}
    try:
        with _as_logged_in(ours):
            yield
    finally:
        ours.close()
        ours.settings_dict = before


@contextmanager
def _as_logged_in(ours: BaseDatabaseWrapper) -> Iterator[None]:
    """In the role that has logged in: tests do so as the owner, and then work in the application's role."""
    with ours.cursor() as cursor:
        cursor.execute("SELECT current_user, session_user")
        role, login = cursor.fetchone()
    if role == login:
        yield
        return
    _take_role(ours, sql.SQL("NONE"))
    try:
        yield
    finally:
        # A broken transaction puts the role back itself when it is rolled back.
        if ours.connection is not None and not ours.needs_rollback and not _is_broken(ours.connection):
            _take_role(ours, sql.Identifier(role))


def _is_broken(connection: Connection[Any]) -> bool:
    return connection.info.transaction_status == TransactionStatus.INERROR


def _take_role(ours: BaseDatabaseWrapper, role: sql.Composable) -> None:
    with ours.cursor() as cursor:
        cursor.execute(sql.SQL("SET ROLE {}").format(role))


def grant_after_migrate(sender: AppConfig, **_sent: Any) -> None:
    """A receiver of ``post_migrate``, sent for one app after another: the tables are all there after the last."""
    last = [app for app in apps.get_app_configs() if app.models_module][-1]
    role = application_role()
    if role is not None and sender.label == last.label:
        grant(role)


def grant(role: str) -> int:
    """
    Make the role's rights what the models' marks say. Needs the owner's connection; what is right is not written.

    A table that no model knows is out of the role's reach: a partition is read and written through its parent.

    :returns: how many rights were given or taken
    :raises RoleTooStrong: it could take its rights itself
    """
    with transaction.atomic(), connection.cursor() as cursor:
        _check(cursor, role)
        wanted = {(table, right) for table, rights in wanted_rights(cursor).items() for right in rights}
        cursor.execute(_GIVEN, {"role": _quoted(role)})
        given = list(cursor.fetchall())
        statements = [
            _statement("REVOKE {right} ON {table} FROM {role}", right, table, "PUBLIC" if to_all else role)
            for table, right, to_all in given
            if to_all or (table, right) not in wanted
        ]
        had = {(table, right) for table, right, to_all in given if not to_all}
        statements += [
            _statement("GRANT {right} ON {table} TO {role}", right, table, role)
            for table, right in sorted(wanted - had)
        ]
        statements += _of_schema(cursor, role)
        for statement in statements:
            cursor.execute(statement)
    return len(statements)


def wanted_rights(cursor: Any) -> dict[str, frozenset[str]]:
    """
    What the application's role may do with each table and each sequence.

    :param cursor: of the database that is asked for its tables and sequences
    """
    existing = set(connection.introspection.table_names(cursor))
    rights = {
        model._meta.db_table: _BY_KIND[GUARDS[model].kind] if model in GUARDS else _OF_DJANGO
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    }
    rights = {table: rights[table] for table in rights.keys() & existing}
    # Which migrations have run is told by them alone.
    rights["django_migrations"] = _READ
    cursor.execute(_SEQUENCES)
    return rights | {name: frozenset({"USAGE"}) for (name,) in cursor.fetchall() if name != "django_migrations_id_seq"}


def _check(cursor: Any, role: str) -> None:
    cursor.execute(_STRENGTHS, [role])
    found = cursor.fetchone()
    if found is None:
        raise RoleTooStrong(_("There is no role %(role)s: make it first (docs/OPERATIONS.md)") % {"role": role})
    strengths = [str(name) for name, has in zip(_NAMES_OF_STRENGTHS, found, strict=True) if has]
    if strengths:
        said = _("The role %(role)s is no role for the application: %(strengths)s")
        raise RoleTooStrong(said % {"role": role, "strengths": ", ".join(strengths)})


def _of_schema(cursor: Any, role: str) -> list[Any]:
    """What nobody needs in the schema and in the database, and everybody may have by default."""
    cursor.execute(
        """
        SELECT current_database(), has_schema_privilege(%(role)s::name, 'public', 'USAGE'),
            has_schema_privilege(%(role)s::name, 'public', 'CREATE'),
            has_database_privilege(%(role)s::name, current_database(), 'TEMPORARY'),
            has_database_privilege(%(role)s::name, current_database(), 'CREATE')
        """,
        {"role": role},
    )
    database, uses, makes_tables, makes_temporary, makes_schemas = cursor.fetchone()
    names = {"role": sql.Identifier(role), "database": sql.Identifier(database)}
    wrong = (
        (not uses, "GRANT USAGE ON SCHEMA public TO {role}"),
        (makes_tables, "REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}"),
        # A temporary table can stand before a table of the same name in an unwary function's path.
        (makes_temporary, "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC, {role}"),
        (makes_schemas, "REVOKE CREATE ON DATABASE {database} FROM PUBLIC, {role}"),
    )
    statements: list[Any] = [sql.SQL(text).format(**names) for is_wrong, text in wrong if is_wrong]
    return statements + list(_of_functions(cursor, role))


def _of_functions(cursor: Any, role: str) -> Iterator[Any]:
    """Nobody but the application calls what runs with the owner's rights, and it calls only what it is lent."""
    cursor.execute(_DEFINERS, {"role": _quoted(role)})
    for signature, is_open, is_given in cursor.fetchall():
        # The signature is PostgreSQL's own spelling, quoted where it must be.
        function = f"FUNCTION {signature}"
        if is_open:
            yield sql.SQL(f"REVOKE ALL ON {function} FROM PUBLIC")
        if is_given and signature not in LENT:
            yield sql.SQL(f"REVOKE ALL ON {function} FROM {{}}").format(sql.Identifier(role))
        if not is_given and signature in LENT:
            yield sql.SQL(f"GRANT EXECUTE ON {function} TO {{}}").format(sql.Identifier(role))


def _statement(text: str, right: str, table: str, role: str) -> Any:
    kind = "SEQUENCE " if right == "USAGE" else ""
    return sql.SQL(text.replace("{right} ON ", f"{right} ON {kind}")).format(
        table=sql.Identifier(table), role=sql.SQL("PUBLIC") if role == "PUBLIC" else sql.Identifier(role)
    )


def _quoted(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'
