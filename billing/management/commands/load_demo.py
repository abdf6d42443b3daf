"""``manage.py load_demo [--once]``: demo data, and the credentials that go with it."""

import json
import os
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.operations import demo
from billing.rules import demo_story
from core.actors import under
from core.commands import InBothLanguages
from core.database_roles import as_owner
from core.errors import DomainError


class Command(InBothLanguages, BaseCommand):
    summary = gettext_lazy(
        "Load demo data: tariffs, promo codes, customers with sixty days of history, an operator and an API key."
    )
    tell = staticmethod(demo_story.tell)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            help=_("change nothing where demo data does not belong or is loaded already; print the credentials again"),
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"] and (operator_id := demo.find_operator_id()):
            self._say_again(str(operator_id))
            return
        password = secrets.token_urlsafe(12)
        try:
            # Only the owner can move the clock that the story is told by.
            with as_owner(), under(door="command"):
                loaded = demo.load(password=password, keep=lambda made: _keep(made, password), tell=self.tell)
        except demo.DemoRefusedError as refusal:
            if not options["once"]:
                raise CommandError(str(refusal)) from refusal
            self.stdout.write(_("No demo data is loaded: %(why)s") % {"why": refusal})
            return
        except DomainError as refusal:
            raise CommandError(str(refusal)) from refusal
        figures = loaded.figures
        self.stdout.write(
            _(
                "Demo data: %(customers)d customers, %(invoices)d invoices, %(payments)d payments, "
                "%(charges)d charges, %(holds)d holds."
            )
            % {
                "customers": figures["Registers"],
                "invoices": figures["Orders"],
                "payments": figures["Pays"],
                "charges": figures["Spends"],
                "holds": figures["SetsAside"],
            }
        )
        self._say(password, loaded.api_key)

    def _say_again(self, operator_id: str) -> None:
        kept = _kept()
        if kept.get("operator_id") == operator_id:
            self._say(kept["password"], kept["api_key"])
            return
        self.stdout.write(
            _(
                "Demo data is loaded, but %(file)s does not have its credentials. New ones: "
                "manage.py changepassword %(login)s; manage.py create_api_key --name Demo --scope users:read"
            )
            % {"file": _file(), "login": demo.LOGIN}
        )

    def _say(self, password: str, api_key: str) -> None:
        self.stdout.write(
            _("Demo operator (Admin): %(login)s / %(password)s") % {"login": demo.LOGIN, "password": password}
        )
        self.stdout.write(_("Demo API key: %(key)s") % {"key": api_key})
        if invoice_id := demo.offer_purchase():
            page = reverse("admin:billing_invoice_change", args=[invoice_id])
            self.stdout.write(
                _("An invoice that waits to be paid, with the button “Payment link”: %(page)s") % {"page": page}
            )


def _file() -> Path:
    home: Path = settings.HOME
    return home / "demo.json"


def _keep(loaded: demo.Loaded, password: str) -> None:
    """Write the credentials where only the installation's owner reads them, in one step."""
    kept = {"operator_id": str(loaded.operator_id), "password": password, "api_key": loaded.api_key}
    path = _file()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(kept, file)
    partial.replace(path)


def _kept() -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(_file().read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return kept
