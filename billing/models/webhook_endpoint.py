"""Where announcements are sent."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.rules.webhook_addresses import LONGEST_URL
from core.clock import CoreNow
from core.database import audited, frozen
from core.ids import uuid7


@audited(masked=("secret", "previous_secret"))
@frozen(
    mutable=(
        "url",
        "events",
        "description",
        "is_active",
        "secret",
        "previous_secret",
        "previous_secret_ends_at",
        "removed_at",
    )
)
class WebhookEndpoint(models.Model):
    """
    An address of somebody's own server, and what it is told of. Its secrets are sealed; a new one is shown once. During
    a rotation both sign. A removed endpoint stays for the sake of its deliveries.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    url = models.CharField(_("address"), max_length=LONGEST_URL)
    # Types of announcements.
    events = models.JSONField(_("events"), default=list)
    description = models.CharField(_("description"), max_length=255, blank=True, default="")
    is_active = models.BooleanField(_("active"), default=True)
    secret = models.BinaryField(editable=False)
    previous_secret = models.BinaryField(null=True, editable=False)
    previous_secret_ends_at = models.DateTimeField(_("previous secret signs until"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow(), editable=False)
    removed_at = models.DateTimeField(_("removed"), null=True, editable=False)

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering: ClassVar[list[str]] = ["-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(url=""), name="billing_webhookendpoint_has_an_address"),
            models.CheckConstraint(condition=~Q(events=[]), name="billing_webhookendpoint_is_told_of_something"),
            models.CheckConstraint(
                condition=Q(previous_secret__isnull=True, previous_secret_ends_at__isnull=True)
                | Q(previous_secret__isnull=False, previous_secret_ends_at__isnull=False),
                name="billing_webhookendpoint_previous_secret_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True) | Q(is_active=False),
                name="billing_webhookendpoint_removed_is_not_active",
            ),
        ]

    def __str__(self) -> str:
        return self.url
