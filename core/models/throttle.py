"""How often somebody has done something lately."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.database import editable


@editable(why="each hit moves it, and what has run full again is deleted")
class Throttle(models.Model):
    """
    One bucket of the generic cell rate algorithm (ITU-T I.371): the moment at which it will be empty again.

    No index but the unique one: updates then stay inside their page.
    """

    # What is limited: ``auth.login``.
    scope = models.CharField(_("scope"), max_length=100, editable=False)
    # Who is limited: an address, a user's id, a key's id.
    subject = models.CharField(_("subject"), max_length=200, editable=False)
    # The theoretical arrival time: until then, earlier hits weigh on the limit.
    empty_at = models.DateTimeField(_("free at"), editable=False)
    # The moment of the last hit that was counted, before which no later one counts. Unknown of an earlier release's.
    counted_at = models.DateTimeField(_("last counted"), null=True, editable=False)

    class Meta:
        verbose_name = _("throttle")
        verbose_name_plural = _("throttles")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["scope", "subject"], name="core_throttle_is_one_per_scope_and_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.subject}"
