"""Companies and who belongs to them, for products that sell to teams."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from core.database import audited, editable
from core.ids import uuid7


@audited()
@editable(why="its name changes; deletion is refused by the foreign keys of money and history")
class Company(models.Model):
    """A team that pays together. It owns a wallet as a user does."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(_("name"), max_length=255)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("company")
        verbose_name_plural = _("companies")
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-created_at", "-id"], name="accounts_company_newest_first"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(name=""), name="accounts_company_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


@audited()
@editable(why="people join, change roles and leave; the audit log remembers")
class Membership(models.Model):
    """A person's place in a company."""

    class Role(models.TextChoices):
        ADMIN = "admin", _("administrator")
        MANAGER = "manager", _("manager")
        WORKER = "worker", _("worker")
        CLIENT = "client", _("client")

    company = models.ForeignKey(
        Company,
        verbose_name=_("company"),
        on_delete=models.PROTECT,
        related_name="memberships",
    )
    user = models.ForeignKey(
        "accounts.User",
        verbose_name=_("user"),
        on_delete=models.PROTECT,
        related_name="memberships",
    )
    role = models.CharField(_("role"), max_length=16, choices=Role, default=Role.WORKER)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["company", "user"],
                name="accounts_membership_is_one_per_company_and_user",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["admin", "manager", "worker", "client"]),
                name="accounts_membership_role_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.user_id}"
