"""
The shape of an operation, and the marks that say how a model's table is guarded.

A mark only declares; the guard itself is a trigger in the app's ``sql/``. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar

import psycopg
from django.db import IntegrityError, connection, models, transaction

from core import errors
from core.actors import Actor, as_database_context, circumstances, under

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=type[models.Model])

_CONTEXT_ATTRIBUTE: Final = "_dvorik_context"


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """
    Make a function one unit of change: all of it happens, or nothing.

    It opens a transaction or joins its caller's without a savepoint, so a refusal raised inside dooms the
    whole of it. The keyword arguments ``by`` (an :class:`~core.actors.Actor`) and ``reason``, where the
    function has them, are told to PostgreSQL for the length of the call, so that audit triggers can name them.

    :raises core.errors.DomainError: a constraint that maps to a domain error was violated
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        by = kwargs.get("by")
        reason = kwargs.get("reason")
        actor = by if isinstance(by, Actor) else None
        # An empty reason says nothing, and leaves the one under which the whole request or shell runs.
        with under(actor=actor, reason=reason if isinstance(reason, str) and reason else None):
            try:
                with transaction.atomic(savepoint=False), told_to_database(actor):
                    return function(*args, **kwargs)
            except IntegrityError as violation:
                if refusal := refusal_for(violation):
                    raise refusal from violation
                raise

    return run


def refusal_for(violation: IntegrityError) -> errors.DomainError | None:
    """The domain error that a violated constraint means, or None when the violation is a defect."""
    cause = violation.__cause__
    name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    error = errors.by_constraint().get(name or "")
    return error() if error else None


@contextmanager
def told_to_database(actor: Actor | None) -> Iterator[None]:
    """
    Tell PostgreSQL, for the rest of the block, who acts. Needs an open transaction.

    The setting is local to the transaction. A nested block of the same actor costs no statement; another
    actor's block puts the outer one back when it ends well (after a refusal the transaction is doomed anyway).
    """
    before: str = getattr(connection, _CONTEXT_ATTRIBUTE, "")
    context = as_database_context(actor, circumstances())
    _tell(context, before)
    try:
        yield
    except BaseException:
        setattr(connection, _CONTEXT_ATTRIBUTE, before)
        raise
    _tell(before, context)


def tell_session(actor: Actor | None) -> None:
    """
    Tell PostgreSQL who acts on this connection from now on, outside operations as well: for shells.

    :param actor: None to take it back
    """
    context = as_database_context(actor, circumstances()) if actor else ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('dvorik.context', %s::text, false)", [context])
    setattr(connection, _CONTEXT_ATTRIBUTE, context)


def _tell(context: str, before: str) -> None:
    if context != before:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('dvorik.context', %s::text, true)", [context])
        setattr(connection, _CONTEXT_ATTRIBUTE, context)


@dataclass(frozen=True, slots=True)
class Guard:
    """
    How a table is protected.

    :param kind: ``append_only`` rows never change; ``frozen`` rows change in ``mutable`` columns only;
        ``editable`` rows change freely
    :param mutable: the columns of a frozen row that may change
    :param why: for an editable model, why nothing stronger is needed
    """

    kind: str
    mutable: frozenset[str] = frozenset()
    why: str = ""


GUARDS: Final[dict[type[models.Model], Guard]] = {}
AUDITED: Final[dict[type[models.Model], frozenset[str]]] = {}
# Functions of the database that run with their owner's rights and that the application may call, and why.
LENT: Final[dict[str, str]] = {}


def append_only(model: M) -> M:
    """Declare that rows are inserted and never changed, deleted or truncated."""
    GUARDS[model] = Guard("append_only")
    return model


def frozen(*, mutable: tuple[str, ...]) -> Callable[[M], M]:
    """Declare that rows are never deleted and change in the named columns only."""

    def mark(model: M) -> M:
        GUARDS[model] = Guard("frozen", mutable=frozenset(mutable))
        return model

    return mark


def editable(*, why: str) -> Callable[[M], M]:
    """Declare that rows may be edited and deleted, and say why that is right."""

    def mark(model: M) -> M:
        GUARDS[model] = Guard("editable", why=why)
        return model

    return mark


def audited(*, masked: tuple[str, ...] = ()) -> Callable[[M], M]:
    """Declare that a trigger writes old and new values of each change into the audit log, secrets masked."""

    def mark(model: M) -> M:
        AUDITED[model] = frozenset(masked)
        return model

    return mark


def lend(function: str, *, why: str) -> None:
    """
    Let the application's role call a function that runs with its owner's rights (``SECURITY DEFINER``). Nobody else
    may; each migrate sees to both (core.database_roles). Called in an app's ``ready()``.

    :param function: its signature: ``audit_keep_systemlog()``
    """
    LENT[function] = why
