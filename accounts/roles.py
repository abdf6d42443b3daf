"""
Staff roles: who may do what. This is the one definition; groups in the database are made to equal it after each
``migrate`` (docs/adr/0003).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from django.apps import AppConfig
from django.apps import apps as installed
from django.apps.registry import Apps
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.actors import SYSTEM
from core.database import told_to_database

# Whose permissions a pattern never reaches: sessions are secrets, and groups come from this file.
FRAMEWORK: Final = frozenset({"admin", "auth", "contenttypes", "sessions"})


@dataclass(frozen=True, slots=True)
class Role:
    """
    :param name: the group's name
    :param title: how people call it
    :param may: permissions as ``app.codename``; ``*`` stands for anything within
    """

    name: str
    title: Promise
    may: tuple[str, ...]

    def allows(self, app: str, codename: str) -> bool:
        """Whether the role has a permission."""
        return app not in FRAMEWORK and any(fnmatchcase(f"{app}.{codename}", pattern) for pattern in self.may)


_READ: Final = ("*.view_*",)

ROLES: Final[Mapping[str, Role]] = {
    role.name: role
    for role in (
        Role("superadmin", _("superadmin: everything"), ("*",)),
        Role(
            "operator",
            _("operator: tariffs, promo codes, payments, manual credits"),
            (
                *_READ,
                "accounts.change_user",
                "audit.change_adminalert",
                "billing.add_creditrequest",
                "billing.approve_creditrequest",
                "billing.*_tariff",
                "billing.*_promocode",
                "billing.*_invoice",
                "billing.*_payment",
                "billing.*_subscription",
                "billing.*_trial",
                "billing.*_wallet",
                "billing.issue_refund",
                "billing.change_statementline",
                "billing.change_webhookdelivery",
                "core.change_job",
                "core.export_invoices",
                "core.export_kpis",
                "core.export_ledger",
            ),
        ),
        Role(
            "support",
            _("support: reads everything, runs jobs again, gives small credits"),
            (
                *_READ,
                "audit.change_adminalert",
                "billing.change_webhookdelivery",
                "billing.credit_wallet",
                "core.change_job",
            ),
        ),
        Role("viewer", _("viewer: reads"), _READ),
    )
}


def sync_after_migrate(sender: AppConfig, apps: Apps = installed, **_sent: Any) -> None:
    """
    A receiver of ``post_migrate``, which is sent for one app after another and makes each app's permissions: the
    groups can be right only after the last.
    """
    last = [app for app in installed.get_app_configs() if app.models_module][-1]
    # Migrated back to nothing, there are no groups to sync.
    if sender.label == last.label and "auth" in apps.all_models and apps.all_models["auth"]:
        sync_groups()


def sync_groups() -> None:
    """Make the groups equal this file. Safe to run at any time: what is right already is not written."""
    permissions = {
        row.pk: (row.content_type.app_label, row.codename)
        for row in Permission.objects.select_related("content_type").order_by("pk")
    }
    with transaction.atomic(), told_to_database(SYSTEM):
        for role in ROLES.values():
            group, _is_new = Group.objects.get_or_create(name=role.name)
            wanted = {pk for pk, named in permissions.items() if role.allows(*named)}
            _equalise(group, wanted)


def _equalise(group: Group, wanted: Iterable[int]) -> None:
    had = set(group.permissions.values_list("pk", flat=True))
    if surplus := had.difference(wanted):
        group.permissions.remove(*surplus)
    if lacking := set(wanted) - had:
        group.permissions.add(*lacking)
