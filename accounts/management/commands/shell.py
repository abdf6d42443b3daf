"""
``manage.py shell --as LOGIN --reason TEXT``: the support desk's door.

It offers the operations and queries of every app by their sentence names, and the models. Whoever says who they are
and why may write, and the audit log names them; whoever does not may only look.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import shell
from django.db import connection
from django.db.backends.signals import connection_created
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import queries
from core.actors import Actor, under
from core.commands import InBothLanguages
from core.database import tell_session
from core.errors import DomainError


class Command(InBothLanguages, shell.Command):
    summary = gettext_lazy("Open the support shell: read-only, or with --as and --reason as somebody who may write.")

    actor: Actor | None = None

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--as", dest="login", metavar="LOGIN", help=_("who you are: your login as staff"))
        parser.add_argument("--reason", metavar="TEXT", help=_("why you are here; the audit log keeps it"))

    def handle(self, **options: Any) -> None:
        login, reason = (options.pop(name) for name in ("login", "reason"))
        if not login and not reason:
            self._say(_("Read-only. To write, say who you are and why: --as LOGIN --reason TEXT."), options)
            with under(door="shell"), _on_each_connection(_make_read_only, _make_writable):
                super().handle(**options)
            return
        if not login or not (reason or "").strip():
            raise CommandError(_("Say both who you are (--as LOGIN) and why (--reason TEXT)."))
        self.actor = _person_at_the_shell(login)
        self._say(_("You act as %(login)s. Pass by=me to operations.") % {"login": login}, options)
        with (
            under(door="shell", reason=reason.strip(), actor=self.actor),
            _on_each_connection(lambda: tell_session(self.actor), lambda: tell_session(None)),
        ):
            super().handle(**options)

    def get_auto_imports(self) -> list[str]:
        """The models, then the operations and queries, so that a sentence wins over a noun."""
        return [*(super().get_auto_imports() or ()), "core.money.Money", *sentences()]

    def get_namespace(self, **options: Any) -> dict[str, Any]:
        """What the shell offers, with ``me``: whoever has said who they are."""
        namespace: dict[str, Any] = super().get_namespace(**options)
        return namespace | ({"me": self.actor} if self.actor else {})

    def _say(self, text: str, options: dict[str, Any]) -> None:
        # Code given by -c is a script: its output is its own.
        if not options["command"]:
            self.stderr.write(text, self.style.NOTICE)


def _person_at_the_shell(login: str) -> Actor:
    try:
        person = queries.get_staff(login)
    except DomainError as refusal:
        said = _("Nobody active among the staff has the login %(login)s.") % {"login": login}
        raise CommandError(said) from refusal
    return Actor(kind="shell", id=str(person.pk), label=login, user_id=str(person.pk))


def sentences() -> Iterator[str]:
    """Import paths of each app's operation modules (``users``) and query functions (``find_user``)."""
    for app in apps.get_app_configs():
        yield from _modules(f"{app.name}.operations")
        for path in _modules(f"{app.name}.queries"):
            module = import_module(path)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if not name.startswith("_") and function.__module__ == module.__name__:
                    yield f"{path}.{name}"


def _modules(path: str) -> Iterator[str]:
    spec = find_spec(path)
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        # django.contrib.postgres.operations and its like are no operations of ours.
        if path.endswith(".queries"):
            yield path
        return
    for inner in pkgutil.iter_modules(spec.submodule_search_locations, f"{path}."):
        import_module(inner.name)
        yield inner.name


@contextmanager
def _on_each_connection(begin: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    """Prepare this connection, and each that replaces it when it breaks."""

    def prepare(**_sent: Any) -> None:
        begin()

    connection.ensure_connection()
    begin()
    connection_created.connect(prepare)
    try:
        yield
    finally:
        connection_created.disconnect(prepare)
        end()


def _make_read_only() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")


def _make_writable() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
