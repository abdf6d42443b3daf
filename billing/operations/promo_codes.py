"""Promo codes: made, changed, and their uses reserved, applied and released."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Final
from uuid import UUID

from django.db.models import F, Q

from audit.operations import records
from billing import errors
from billing.models import Invoice, PromoCode, PromoRedemption
from billing.queries import tariffs
from billing.rules import keys
from billing.rules.promo_codes import new_code, normalised
from core.actors import Actor
from core.clock import CoreNow
from core.database import operation
from core.errors import ValidationFailed
from core.operations import idempotency
from core.operations.idempotency import StoredAnswer
from core.validation import save_checked

EDITABLE: Final = frozenset(
    {
        "discount_type",
        "discount_value",
        "currency",
        "max_uses",
        "max_uses_per_wallet",
        "valid_from",
        "valid_until",
        "tariff",
        "is_active",
    }
)
MAX_BATCH: Final = 1_000


@operation
def create(*, code: str, by: Actor, **fields: object) -> PromoCode:
    """
    Make a promo code. It is stored normalised and found in any letter case.

    :param fields: any of :data:`EDITABLE`; ``discount_value`` in percents, minor units or tokens; ``tariff`` as a
        Tariff or its slug
    :raises errors.PromoCodeTaken: the code exists
    :raises errors.TariffNotFound: there is no tariff with this slug
    :raises core.errors.ValidationFailed: a field is not valid, by name
    """
    promo_code = PromoCode(code=normalised(code), **_known(fields))
    if PromoCode.objects.filter(code=promo_code.code).exists():
        raise errors.PromoCodeTaken(fields={"code": [errors.PromoCodeTaken.title]})
    save_checked(promo_code, partial(promo_code.save, force_insert=True))
    return promo_code


@operation
def create_batch(*, count: int, prefix: str = "", key: str, by: Actor, **fields: object) -> list[PromoCode]:
    """
    Make many codes of one kind, each random after a common prefix. The same key gives the first batch again;
    ``core_idempotencyrecord_is_one_per_caller_and_key`` sees to it.

    :param count: how many, 1 to 1 000
    :param fields: as for :func:`create`
    :raises core.errors.ValidationFailed: a field is not valid, by name
    :raises core.errors.IdempotencyKeyInvalid: the key is not 1 to 255 printable ASCII characters
    :raises core.errors.IdempotencyMismatch: the key was used for another batch
    """
    if not 1 <= count <= MAX_BATCH:
        raise ValidationFailed(fields={"count": [f"1 … {MAX_BATCH}"]})
    asked = keys.request_hash("promo_codes", count=count, prefix=prefix, **fields)
    answer, _replayed = idempotency.run_once(
        caller=f"{by.kind}:{by.id}",
        key=keys.checked(key),
        request_hash=asked.hex(),
        route="billing.promo_codes.create_batch",
        effect=lambda: StoredAnswer(201, json.dumps(_make_batch(count, normalised(prefix), _known(fields), by))),
        by=by,
    )
    return list(PromoCode.objects.filter(code__in=json.loads(answer.body)).order_by("code"))


def _make_batch(count: int, prefix: str, known: Mapping[str, object], by: Actor) -> list[str]:
    wanted = {new_code(prefix) for _number in range(count)}
    while len(wanted) < count:
        wanted.add(new_code(prefix))
    made = [PromoCode(code=code, **known) for code in sorted(wanted)]
    save_checked(made[0], partial(PromoCode.objects.bulk_create, made))
    records.record("billing.promo_code.batch_created", entity=made[0], by=by, count=count, prefix=prefix)
    return [each.code for each in made]


@operation
def change(*, code: str, by: Actor, **fields: object) -> PromoCode:
    """
    Change a code. Uses that are already reserved keep what they froze.

    :param fields: as for :func:`create`
    :raises errors.PromoCodeNotValid: there is no such code
    :raises errors.TariffNotFound: there is no tariff with this slug
    :raises core.errors.ValidationFailed: a field is not valid, by name
    """
    promo_code = PromoCode.objects.select_for_update().filter(code=normalised(code)).first()
    if promo_code is None:
        raise errors.PromoCodeNotValid()
    known = _known(fields)
    for name, value in known.items():
        setattr(promo_code, name, value)
    save_checked(promo_code, partial(promo_code.save, update_fields=[*known, "updated_at"]))
    return promo_code


@operation
def switch_off(*, code: str, by: Actor) -> PromoCode:
    """
    End a code. Ending an ended one changes nothing.

    :raises errors.PromoCodeNotValid: there is no such code
    """
    return change(code=code, by=by, is_active=False)


@operation
def reserve(*, promo_code: PromoCode, invoice: Invoice, by: Actor) -> PromoRedemption:
    """
    Take one use for an invoice, in one conditional statement. The promo code's row lock makes racing invoices
    line up, ``billing_promocode_is_not_overused`` is the wall behind it, and the invoice's wallet, which the caller
    has locked, guards the share of one customer.

    :raises errors.PromoCodeExhausted: all uses are taken
    :raises errors.PromoCodeNotValid: it ended, or was switched off, in the meantime
    """
    taken = (
        PromoCode.objects.filter(pk=promo_code.pk, is_active=True)
        .filter(Q(max_uses__isnull=True) | Q(uses_count__lt=F("max_uses")))
        .filter(Q(valid_from__isnull=True) | Q(valid_from__lte=CoreNow()))
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gt=CoreNow()))
        .update(uses_count=F("uses_count") + 1)
    )
    if not taken:
        promo_code.refresh_from_db()
        used_up = promo_code.max_uses is not None and promo_code.uses_count >= promo_code.max_uses
        raise errors.PromoCodeExhausted() if used_up else errors.PromoCodeNotValid()
    return PromoRedemption.objects.create(promo_code=promo_code, wallet_id=invoice.wallet_id, invoice=invoice)


@operation
def release(*, invoice_id: UUID, by: Actor) -> bool:
    """
    Give an invoice's reserved use back, once: only the step from reserved to released counts.

    :returns: whether a use was given back
    """
    released = PromoRedemption.objects.filter(invoice_id=invoice_id, state=PromoRedemption.State.RESERVED).update(
        state=PromoRedemption.State.RELEASED, closed_at=CoreNow()
    )
    if released:
        PromoCode.objects.filter(redemptions__invoice_id=invoice_id).update(uses_count=F("uses_count") - 1)
    return bool(released)


@operation
def apply(*, invoice: Invoice, by: Actor) -> None:
    """
    Settle an invoice's use when it is paid. A use that was released before a late payment stays released: the
    frozen quote is honoured all the same, and that is put on record.
    """
    applied = PromoRedemption.objects.filter(invoice=invoice, state=PromoRedemption.State.RESERVED).update(
        state=PromoRedemption.State.APPLIED, closed_at=CoreNow()
    )
    if not applied and invoice.promo_code_id is not None:
        records.record("billing.promo_code.honoured_late", entity=invoice, by=by)


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    if unknown := sorted(set(fields) - EDITABLE):
        raise ValidationFailed(fields={name: ["unknown"] for name in unknown})
    # A model's field would cut a float off.
    if floats := [name for name, value in fields.items() if isinstance(value, float)]:
        raise ValidationFailed(fields={name: ["not an integer"] for name in floats})
    slug = fields.get("tariff")
    return {**fields, "tariff": tariffs.get_tariff(slug, with_archived=True)} if isinstance(slug, str) else dict(fields)
