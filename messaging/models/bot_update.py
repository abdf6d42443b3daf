"""One thing that Telegram told one of the house's bots."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import append_only
from core.ids import uuid7


@append_only
class BotUpdate(models.Model):
    """
    An update as it came. It comes again until it is acknowledged, and is kept once.

    Whether it was handled is told by its job; what it did, by the things that it touched.
    """

    class Bot(models.TextChoices):
        MAIN = "main", _("main bot")
        AUTH = "auth", _("bot of logins")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    bot = models.CharField(_("bot"), max_length=20, choices=Bot, editable=False)
    # Telegram's number, which grows within one bot.
    update_id = models.BigIntegerField(_("number"), editable=False)
    # Of messages with a meaning of their own, that one: successful_payment, refunded_payment. Empty when unknown.
    kind = models.CharField(_("kind"), max_length=40, editable=False)
    payload = models.JSONField(_("update"), editable=False)
    received_at = models.DateTimeField(_("received"), db_default=CoreNow(), editable=False)

    class Meta:
        verbose_name = _("update of a bot")
        verbose_name_plural = _("updates of bots")
        db_table = "bot_updates"
        ordering: ClassVar[list[str]] = ["-id"]
        permissions: ClassVar[list[tuple[str, Any]]] = [("manage_bots", "Can connect bots")]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["bot", "update_id"], name="bot_updates_is_stored_once"),
        ]

    def __str__(self) -> str:
        return f"{self.bot} {self.update_id}"
