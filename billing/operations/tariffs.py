"""Tariffs: created, changed by somebody who saw what they change, archived."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from billing import errors, locks
from billing.models import Tariff
from core.actors import Actor
from core.database import operation
from core.errors import ValidationFailed
from core.validation import save_checked

EDITABLE: Final = frozenset(
    {
        "slug",
        "name",
        "description",
        "audience",
        "price",
        "currency",
        "price_stars",
        "tokens",
        "token_validity_days",
        "subscription_days",
        "trial_days",
        "period_kind",
        "period_months",
        "change_policy",
        "grace_days",
        "family",
        "limits",
        "sort_order",
        "is_active",
    }
)


@operation
def create(*, by: Actor, **fields: object) -> Tariff:
    """
    Put a tariff on sale.

    :param fields: any of :data:`EDITABLE`; ``price`` in minor units
    :raises errors.TariffSlugTaken: another tariff has this slug
    :raises core.errors.ValidationFailed: a field is not valid, by name
    """
    tariff = Tariff(**_known(fields))
    if Tariff.objects.filter(slug=tariff.slug).exists():
        raise errors.TariffSlugTaken(fields={"slug": [errors.TariffSlugTaken.title]})
    save_checked(tariff, partial(tariff.save, force_insert=True))
    return tariff


@operation
def change(*, slug: str, seen_version: int, by: Actor, **fields: object) -> Tariff:
    """
    Change a tariff that its editor has seen in its present version. Issued invoices keep what they froze.

    :param slug: which tariff; it stays what it is
    :param seen_version: the version the editor saw; the row's lock makes sure only one of two succeeds
    :raises errors.TariffChanged: somebody else changed it since
    :raises errors.TariffNotFound: there is no such tariff
    :raises core.errors.ValidationFailed: a field is not valid, by name
    """
    tariff = locks.tariff(slug)
    if tariff.version != seen_version:
        raise errors.TariffChanged(version=tariff.version, seen=seen_version)
    known = _known(fields)
    for name, value in known.items():
        setattr(tariff, name, value)
    save_checked(tariff, partial(tariff.save, update_fields=[*known, "updated_at"]))
    # The trigger counted the version.
    tariff.refresh_from_db()
    return tariff


@operation
def archive(*, slug: str, by: Actor) -> Tariff:
    """
    Take a tariff off sale. Archiving an archived one changes nothing; invoices issued before can still be paid.

    :raises errors.TariffNotFound: there is no such tariff
    """
    tariff = locks.tariff(slug)
    if tariff.is_active:
        tariff.is_active = False
        tariff.save(update_fields=["is_active", "updated_at"])
        tariff.refresh_from_db()
    return tariff


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    if unknown := sorted(set(fields) - EDITABLE):
        raise ValidationFailed(fields={name: ["unknown"] for name in unknown})
    # A model's field would cut a float off: 149.50 typed into a shell must not become 149 kopecks.
    if floats := [name for name, value in fields.items() if isinstance(value, float)]:
        raise ValidationFailed(fields={name: ["not an integer"] for name in floats})
    return dict(fields)
