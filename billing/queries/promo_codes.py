"""Promo codes as staff see them: valid now or not."""

from __future__ import annotations

from django.db.models import QuerySet

from billing import errors
from billing.models import PromoCode
from billing.rules.promo_codes import normalised


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
