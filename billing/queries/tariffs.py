"""Tariffs as they are listed."""

from __future__ import annotations

from django.db.models import QuerySet

from billing import errors
from billing.models import Tariff


def list_tariffs(*, with_archived: bool = False) -> QuerySet[Tariff]:
    """
    Tariffs on sale.

    :param with_archived: also those taken off sale, for staff
    """
    return Tariff.objects.all() if with_archived else Tariff.objects.filter(is_active=True)


def get_tariff(slug: str, *, with_archived: bool = False) -> Tariff:
    """
    One of :func:`list_tariffs`.

    :raises errors.TariffNotFound: there is no such tariff
    """
    found = list_tariffs(with_archived=with_archived).filter(slug=slug).first()
    if found is None:
        raise errors.TariffNotFound(slug)
    return found
