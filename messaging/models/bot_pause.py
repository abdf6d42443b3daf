"""How long one of the house's bots says nothing."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import editable
from messaging.models.bot_update import BotUpdate


@editable(why="Telegram's newest word counts; that a token is refused is told by an alert")
class BotPause(models.Model):
    """
    A bot's last pause, which is over once its moment has passed. It is the token's: another token is another bot to
    Telegram, and has none.
    """

    class Cause(models.TextChoices):
        FLOOD = "flood", _("Telegram has asked for it")
        TOKEN = "token", _("Telegram refuses the token")

    bot = models.CharField(_("bot"), max_length=20, choices=BotUpdate.Bot, primary_key=True, editable=False)
    cause = models.CharField(_("cause"), max_length=5, choices=Cause, editable=False)
    # Of the token with which it was met; the first half of its SHA-256, as hexadecimal digits.
    token_digest = models.CharField(_("token's digest"), max_length=32, editable=False)
    until_at = models.DateTimeField(_("until"), editable=False)
    updated_at = models.DateTimeField(_("changed"), db_default=CoreNow(), editable=False)

    class Meta:
        verbose_name = _("pause of a bot")
        verbose_name_plural = _("pauses of bots")
        db_table = "bot_pauses"
        default_permissions = ()
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(cause__in=["flood", "token"]), name="bot_pauses_cause_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.bot} {self.until_at}"
