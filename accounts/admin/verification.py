"""What a session of Admin remembers of the second factor, and the forms that ask for it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import segno
from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts import queries
from accounts.api import throttles
from accounts.models import User
from accounts.operations import admin_logins, second_factors
from accounts.people import actor_of
from accounts.rules import second_factors as rules
from accounts.runtime_settings import STEP_UP_MINUTES
from core import clock
from core.admin.forms import DeedForm, text_widget
from core.errors import RateLimited

ISSUER: Final = "Dvorik"
_VERIFIED: Final = "dvorik.second_factor_at"
_KEPT: Final = "_dvorik_factor_since"


class CodeForm(DeedForm):
    """
    Asks for a code.

    :param backup: whether one of the backup codes is expected, which have letters
    """

    code = forms.CharField(label=_("code"), max_length=rules.LONGEST_CODE)

    def __init__(self, *args: Any, backup: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.backup = backup
        field = self.fields["code"]
        attrs = {"autofocus": "", "autocomplete": "one-time-code", "spellcheck": "false"}
        if backup:
            field.label = _("Backup code")
            field.widget = text_widget(**attrs, autocapitalize="none")
        else:
            field.label = _("Code from the app")
            field.widget = text_widget(**attrs, inputmode="numeric")

    def is_right_for(self, user: User) -> bool:
        """Take the code, once. Where it is wrong, or there were too many, the form says so."""
        try:
            throttles.count_code(user.pk)
            is_right = second_factors.use(user_id=user.pk, code=self.cleaned_data["code"], by=actor_of(user))
        except RateLimited as refusal:
            self.add_error("code", too_many(refusal))
            return False
        if not is_right:
            wrong = _("The code is wrong, or was used before.")
            self.add_error(
                "code", wrong if self.backup else _("The code is wrong, or was used before. Try the next one.")
            )
        return is_right

    @property
    def way(self) -> admin_logins.Way:
        """What was shown: either is taken, whichever was asked for."""
        return "backup_code" if rules.backup_digest(self.cleaned_data["code"]) else "code"


def too_many(refusal: RateLimited) -> str:
    """What somebody is told who tried too often."""
    return _("Too many tries. Try again in %(seconds)s s.") % {"seconds": refusal.retry_after}


def picture(secret: bytes, user: User) -> dict[str, str]:
    """What a phone needs to learn a secret: a QR code as an image's address, and the same in letters."""
    code = segno.make(rules.address(secret, account=user.login or str(user.pk), issuer=ISSUER), error="m", micro=False)
    return {"qr": code.svg_data_uri(scale=5, border=4, light="#fff"), "secret": rules.spelled(secret)}


def note_shown(request: HttpRequest) -> None:
    """Remember that a second factor has just been shown in this session."""
    request.session[_VERIFIED] = clock.now().isoformat()
    vars(request)[_KEPT] = queries.find_factor_since(request.user.pk)  # type: ignore[arg-type]  # our users have a UUID


def is_let_in(request: HttpRequest) -> bool:
    """Whether a colleague who has logged in has shown their second factor, or needs none."""
    return rules.acts_as_staff(
        verified_at=_shown_at(request), factor_since=factor_since(request), is_required=settings.REQUIRE_STAFF_2FA
    )


def is_shown_lately(request: HttpRequest) -> bool:
    """Whether grave deeds need not ask for it again. Who has none is not asked."""
    since = factor_since(request)
    return since is None or rules.is_recent(
        verified_at=_shown_at(request),
        factor_since=since,
        now=clock.now(),
        within=timedelta(minutes=STEP_UP_MINUTES.get()),
    )


def factor_since(request: HttpRequest) -> datetime | None:
    """Since when whoever is logged in has their second factor. It was read with them (accounts.backends)."""
    kept = vars(request)
    if _KEPT not in kept:
        user: Any = request.user
        is_read = hasattr(user, "factor_since")
        kept[_KEPT] = user.factor_since if is_read else queries.find_factor_since(user.pk)
    since: datetime | None = kept[_KEPT]
    return since


def _shown_at(request: HttpRequest) -> datetime | None:
    stored = request.session.get(_VERIFIED)
    return datetime.fromisoformat(stored) if stored else None
