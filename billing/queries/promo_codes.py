"""Promo codes as staff see them: valid now or not."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing import errors
from billing.models import PromoCode
from billing.rules.promo_codes import normalised
from core import clock


def list_promo_codes() -> QuerySet[PromoCode]:
    """All promo codes, with their tariffs."""
    return PromoCode.objects.select_related("tariff")


def get_promo_code(code: str) -> PromoCode:
    """
    A promo code in any letter case.

    :raises errors.PromoCodeNotValid: there is no such code
    """
    found = list_promo_codes().filter(code=normalised(code)).first()
    if found is None:
        raise errors.PromoCodeNotValid()
    return found


def why_not_valid(promo_code: PromoCode | None) -> str:
    """
    What callers are not told apart, for staff: why a code may not be used now.

    :param promo_code: None when there is none
    :returns: a sentence; empty when the code is valid
    """
    if promo_code is None:
        return _("There is no such code.")
    moment = clock.now()
    if not promo_code.is_active:
        return _("The code is switched off.")
    if promo_code.valid_from is not None and promo_code.valid_from > moment:
        return _("The code is not valid yet.")
    if promo_code.valid_until is not None and promo_code.valid_until <= moment:
        return _("The code has ended.")
    return ""
