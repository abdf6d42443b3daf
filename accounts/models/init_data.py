"""Mini App logins that have been seen: each works once."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.database import editable


@editable(why="it is deleted when what it remembers would be too old to be accepted anyway")
class SpentInitData(models.Model):
    """The SHA-256 of the data that Telegram signed, whatever its order and spelling."""

    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    expires_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = _("spent Mini App login")
        verbose_name_plural = _("spent Mini App logins")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["expires_at"], name="accounts_spentinitdata_by_end"),
        ]

    def __str__(self) -> str:
        return str(self.pk)
