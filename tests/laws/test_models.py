"""
Every model says how its table is guarded, and its table is guarded so: tried on each by every way in which Django, or
anybody with SQL, could edit a row.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

import pytest
from django.contrib import admin
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest

from accounts.models import User
from core.database import AUDITED, GUARDS, Guard
from core.tests.guards import check_deferred, execute, guard_of, undone
from tests.laws.house import house_models, rows, table_of
from tests.laws.samples import SAMPLES

Model = type[models.Model]
Edit = Callable[[models.Model, str], object]

KINDS: Final = ("append_only", "frozen", "editable")


def undeclared(known: Collection[Model], guards: Mapping[Model, Guard]) -> list[str]:
    return [
        model._meta.label
        for model in known
        if model not in guards
        or guards[model].kind not in KINDS
        or (guards[model].kind == "editable" and len(guards[model].why) < 20)
    ]


def test_every_model_declares_how_it_is_guarded() -> None:
    assert undeclared(house_models(), GUARDS) == []


def test_a_model_without_a_mark_or_a_reason_is_found() -> None:
    model, *others = GUARDS
    assert undeclared([model], {other: GUARDS[other] for other in others}) == [model._meta.label]
    assert undeclared([model], {model: Guard("editable", why="")}) == [model._meta.label]


def test_every_model_has_a_sample_for_what_follows() -> None:
    assert set(SAMPLES) == set(house_models()) == set(GUARDS)


# Tried.

# As long as it was, and at least one letter.
_TEXT: Final = "CASE WHEN {0} LIKE 'x%%' THEN 'y' ELSE 'x' END || coalesce(substr({0}, 2), '')"
ANOTHER: Final = {
    "uuid": "gen_random_uuid()",
    "bigint": "coalesce({0}, 0) + 1",
    "integer": "coalesce({0}, 0) + 1",
    "smallint": "coalesce({0}, 0) + 1",
    "character varying": _TEXT,
    "text": _TEXT,
    "boolean": "NOT {0}",
    "date": "{0} + 1",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 day'",
    "jsonb": """'{{"forged": true}}'::jsonb""",
    "bytea": r"'\x00'::bytea",
}


def _columns(model: Model) -> dict[str, str]:
    """Each column's expression of another value."""
    found = rows(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name = %s",
        table_of(model),
    )
    return {column: ANOTHER[type].format(column) for column, type in found}


def _another(row: models.Model, column: str) -> Any:
    """Another value for a column of the row, as Python has it."""
    expression = _columns(type(row))[column]
    ((value,),) = rows(f"SELECT {expression} FROM {table_of(type(row))} WHERE {_this(row)}")
    field = next(field for field in row._meta.concrete_fields if field.column == column)
    return json.loads(value) if isinstance(field, models.JSONField) else value


def _this(row: models.Model) -> str:
    return f"{row._meta.pk.column} = '{row.pk}'"


def _attribute(row: models.Model, column: str) -> str:
    return next(field.attname for field in row._meta.concrete_fields if field.column == column)


def _set(row: models.Model, column: str) -> str:
    setattr(row, _attribute(row, column), _another(row, column))
    return next(field.name for field in row._meta.concrete_fields if field.column == column)


def _save(row: models.Model, column: str) -> None:
    row.save(update_fields=[_set(row, column)])


def _save_whole(row: models.Model, column: str) -> None:
    _set(row, column)
    row.save(force_update=True)


def _bulk_update(row: models.Model, column: str) -> None:
    type(row)._default_manager.bulk_update([row], [_set(row, column)])


def _bulk_upsert(row: models.Model, column: str) -> None:
    name = _set(row, column)
    type(row)._default_manager.bulk_create(
        [row], update_conflicts=True, unique_fields=[row._meta.pk.name], update_fields=[name]
    )


def _update(row: models.Model, column: str) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(**{_attribute(row, column): _another(row, column)})


def _sql_update(row: models.Model, column: str) -> None:
    execute(f"UPDATE {table_of(type(row))} SET {column} = {_columns(type(row))[column]} WHERE {_this(row)}")


EDITS: Final[Mapping[str, Edit]] = {
    "save": _save,
    "save of the whole row": _save_whole,
    "bulk_update": _bulk_update,
    "bulk_create over it": _bulk_upsert,
    "update": _update,
    "UPDATE": _sql_update,
}
REMOVALS: Final[Mapping[str, Edit]] = {
    "delete": lambda row, _column: row.delete(),
    "delete of a queryset": lambda row, _column: type(row)._default_manager.filter(pk=row.pk).delete(),
    "DELETE": lambda row, _column: execute(f"DELETE FROM {table_of(type(row))} WHERE {_this(row)}"),
}


def _triggers(model: Model) -> set[str]:
    return {
        name for (name,) in rows("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::text::regclass", table_of(model))
    }


def _attempts(model: Model) -> Iterator[tuple[str, Edit, str]]:
    """Every edit that the model's mark says is refused: its way, and the column."""
    guard = GUARDS[model]
    for way, removal in REMOVALS.items():
        yield way, removal, ""
    for column in _columns(model):
        if column in guard.mutable:
            continue
        # Django finds a row by its key: only SQL can change that.
        is_key = column == model._meta.pk.column
        for way, edit in EDITS.items():
            if not is_key or way == "UPDATE":
                yield way, edit, column


def permitted(model: Model) -> list[str]:
    """The edits of a guarded model's sample that no trigger of its table refuses."""
    found = []
    sample = SAMPLES[model]()
    triggers = _triggers(model)
    for way, edit, column in _attempts(model):
        row = model._default_manager.get(pk=sample.pk)
        try:
            with undone():
                edit(row, column)
        except IntegrityError as refusal:
            # What is inserted over a row must first be a row that could be.
            if guard_of(refusal) in triggers or edit is _bulk_upsert:
                continue
        found.append(f"{way} of {model._meta.label} {column}".strip())
    return found


GUARDED: Final = [model for model, guard in GUARDS.items() if guard.kind != "editable"]
EDITABLE: Final = [model for model, guard in GUARDS.items() if guard.kind == "editable"]


@pytest.mark.django_db
@pytest.mark.usefixtures("as_the_owner")
class TestGuardedModels:
    """Guards bind the tables' owner, too; the application's role may not even try (test_database_roles)."""

    @pytest.mark.parametrize("model", GUARDED, ids=lambda model: model._meta.label)
    def test_refuse_every_edit(self, model: Model) -> None:
        assert permitted(model) == []

    @pytest.mark.parametrize("model", GUARDED, ids=lambda model: model._meta.label)
    def test_would_be_edited_without_their_triggers(self, model: Model) -> None:
        check_deferred()
        execute(f"ALTER TABLE {table_of(model)} DISABLE TRIGGER USER")
        assert len(permitted(model)) >= len(REMOVALS) + 1

    @pytest.mark.parametrize("model", GUARDED, ids=lambda model: model._meta.label)
    def test_are_never_truncated(self, model: Model, truncation_guards: None) -> None:
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            execute(f"TRUNCATE {table_of(model)} CASCADE")
        assert guard_of(refusal.value) == f"{table_of(model)}_is_never_truncated"

    @pytest.mark.parametrize(
        "model", [each for each in GUARDED if GUARDS[each].kind == "frozen"], ids=lambda model: model._meta.label
    )
    def test_name_only_columns_that_exist_as_mutable(self, model: Model) -> None:
        assert GUARDS[model].mutable <= set(_columns(model))
        assert GUARDS[model].mutable < set(_columns(model))


@pytest.mark.django_db
@pytest.mark.parametrize("model", EDITABLE, ids=lambda model: model._meta.label)
def test_editable_models_may_be_saved_and_deleted(model: Model) -> None:
    row = SAMPLES[model]()
    this = _this(row)
    with undone():
        row.save(force_update=True)
    for removal in REMOVALS.values():
        with undone():
            removal(model._default_manager.get(pk=row.pk), "")
            assert rows(f"SELECT FROM {table_of(model)} WHERE {this}") == []


# Admin.


def editors(registry: Mapping[Model, Any]) -> list[str]:
    """Admins over guarded models that answer yes to adding, changing or deleting, to a superuser."""
    request = HttpRequest()
    request.user = User(is_staff=True, is_superuser=True)
    return [
        f"{model._meta.label}: {right}"
        for model, each in registry.items()
        if model in GUARDED
        for right in ("add", "change", "delete")
        if getattr(each, f"has_{right}_permission")(request)
    ]


def test_no_admin_edits_a_guarded_model() -> None:
    assert editors(admin.site._registry) == []


def test_an_admin_that_would_is_found() -> None:
    model = GUARDED[0]
    assert len(editors({model: admin.ModelAdmin(model, admin.site)})) == 3


# Audited.

# What a person may do is told of the person, by functions of its own.
RIGHTS: Final = {"accounts_user_groups", "accounts_user_user_permissions", "auth_group", "auth_group_permissions"}
_INSERT, _DELETE, _UPDATE = 4, 8, 16


def unaudited(marks: Mapping[Model, frozenset[str]], triggers: Collection[tuple[str, int, set[str]]]) -> list[str]:
    """
    Tables whose audit triggers do not say the same as their marks.

    :param triggers: table, type bits and masked columns
    """
    found = []
    wanted = {table_of(model): masked for model, masked in marks.items()}
    for table, masked in wanted.items():
        theirs = [trigger for trigger in triggers if trigger[0] == table]
        events = 0
        for _table, bits, _masked in theirs:
            events |= bits
        if events & (_INSERT | _DELETE | _UPDATE) != _INSERT | _DELETE | _UPDATE:
            found.append(f"{table} is not told of at every change")
        if any(theirs_masked != masked for _table, _bits, theirs_masked in theirs):
            found.append(f"{table} masks other columns")
    return found + [f"{table} has no mark" for table, _bits, _masked in triggers if table not in {*wanted, *RIGHTS}]


def _audit_triggers() -> list[tuple[str, int, set[str]]]:
    found = rows(
        r"""
        SELECT tgrelid::regclass::text, tgtype, string_to_array(encode(tgargs, 'escape'), '\000')
        FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE proname = 'audit_record_row' AND tgenabled = 'O'
        """
    )
    return [(table, bits, {name for name in masked if name and name[0] not in "-@"}) for table, bits, masked in found]


@pytest.mark.django_db
def test_audited_models_are_those_with_audit_triggers() -> None:
    assert unaudited(AUDITED, _audit_triggers()) == []


@pytest.mark.django_db
def test_a_missing_half_or_foreign_audit_trigger_is_found() -> None:
    model = next(iter(AUDITED))
    others = [trigger for trigger in _audit_triggers() if trigger[0] != table_of(model)]
    assert unaudited(AUDITED, others) != []
    assert unaudited(AUDITED, [*others, (table_of(model), _INSERT, set(AUDITED[model]))]) != []
    assert unaudited(AUDITED, [*others, (table_of(model), 28, {*AUDITED[model], "more"})]) != []
    assert unaudited({}, [("core_job", 28, set())]) == ["core_job has no mark"]


# Related.


def loose(fields: Collection[models.ForeignKey[Any, Any]]) -> list[str]:
    """Foreign keys through which something with money or history, or toward it, would be lost."""
    found = []
    for field in fields:
        on_delete = field.remote_field.on_delete
        guarded = {field.model, field.related_model} & {*GUARDED}
        if on_delete is models.CASCADE or (guarded and on_delete is not models.PROTECT):
            found.append(str(field))
    return found


def _foreign_keys() -> list[models.ForeignKey[Any, Any]]:
    return [
        field for model in house_models() for field in model._meta.local_fields if isinstance(field, models.ForeignKey)
    ]


def test_nothing_cascades_and_money_and_history_are_protected() -> None:
    assert loose(_foreign_keys()) == []


def test_a_cascade_or_a_loose_end_is_found() -> None:
    field = next(field for field in _foreign_keys() if field.model in GUARDED)
    for on_delete in (models.CASCADE, models.SET_NULL):
        copied = field.clone()
        copied.set_attributes_from_name(field.name)
        copied.model = field.model
        copied.remote_field.model = field.related_model
        copied.remote_field.on_delete = on_delete
        assert len(loose([copied])) == 1


@pytest.mark.django_db
def test_no_foreign_key_of_the_database_does_anything_by_itself() -> None:
    """Deletions go through Django or are refused; PostgreSQL itself deletes and empties nothing."""
    assert (
        rows("SELECT conname FROM pg_constraint WHERE contype = 'f' AND (confdeltype <> 'a' OR confupdtype <> 'a')")
        == []
    )


@pytest.mark.django_db
def test_nothing_leads_into_the_audit_log_or_out_of_it() -> None:
    """So that nothing can cascade into history, and history keeps nobody from being forgotten."""
    assert (
        rows(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND (conrelid::regclass::text LIKE 'audit\\_%%' "
            "OR confrelid::regclass::text LIKE 'audit\\_%%')"
        )
        == []
    )
