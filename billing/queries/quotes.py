"""What a customer would pay, and why not."""

from __future__ import annotations

from django.db.models import Q

from billing import errors
from billing.models import PromoCode, PromoRedemption, Tariff, Wallet
from billing.owners import Owner
from billing.queries import balances
from billing.rules import pricing
from billing.rules.pricing import Price
from billing.rules.promo_codes import normalised
from billing.runtime_settings import MINIMUM_AMOUNTS
from core.clock import CoreNow
from core.money import Money


def get_tariff_on_sale(slug: str, *, wallet: Wallet) -> Tariff:
    """
    A tariff that this wallet's owner can buy.

    :raises errors.TariffNotFound: there is no such tariff
    :raises errors.TariffNotOnSale: it is archived
    :raises errors.TariffNotForOwner: it is for companies, or for people
    """
    tariff = Tariff.objects.filter(slug=slug).first()
    if tariff is None:
        raise errors.TariffNotFound(slug)
    if not tariff.is_active:
        raise errors.TariffNotOnSale(slug)
    audience = Tariff.Audience.USER if wallet.user_id else Tariff.Audience.COMPANY
    if tariff.audience != audience:
        raise errors.TariffNotForOwner(slug)
    return tariff


def get_valid_promo_code(code: str, *, field: str = "code") -> PromoCode:
    """
    A promo code that may be used now, by the database's clock.

    :param field: what the caller calls it, for the refusal
    :raises errors.PromoCodeNotValid: unknown, switched off, not begun or ended: answered alike
    """
    found = (
        PromoCode.objects.filter(code=normalised(code), is_active=True)
        .filter(Q(valid_from__isnull=True) | Q(valid_from__lte=CoreNow()))
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gt=CoreNow()))
        .select_related("tariff")
        .first()
    )
    if found is None:
        raise errors.PromoCodeNotValid(fields={field: [errors.PromoCodeNotValid.title]})
    return found


def get_quote_for(owner: Owner, *, tariff: str, promo_code: str | None) -> Price:
    """
    The price of a tariff with a code, by their names.

    :param tariff: its slug
    :param promo_code: None asks for the price without one
    :raises errors.WalletNotFound: there is no such customer; also what :func:`get_tariff_on_sale`,
        :func:`get_valid_promo_code` and :func:`get_quote` raise
    """
    wallet = balances.get_wallet(owner)
    return get_quote(
        wallet=wallet,
        tariff=get_tariff_on_sale(tariff, wallet=wallet),
        promo_code=get_valid_promo_code(promo_code) if promo_code else None,
    )


def get_quote(
    *, wallet: Wallet, tariff: Tariff, promo_code: PromoCode | None = None, currency: str | None = None
) -> Price:
    """
    The price of a tariff for a wallet's owner, with a code. Reads only: reserving a use is
    ``operations.promo_codes.reserve``, which decides again.

    :param currency: the tariff's own, or ``XTR`` to be quoted in Telegram Stars; the tariff's own by default
    :raises errors.CurrencyNotOffered: the tariff is not sold in this currency
    :raises errors.PromoCodeExhausted: all uses are taken
    :raises errors.PromoCodeAlreadyUsed: this wallet has had its share
    :raises errors.PromoCodeNotForTariff: the code is for another tariff
    :raises errors.PromoCodeCurrencyMismatch: a fixed discount in another currency
    :raises errors.PromoCodeWithoutEffect: the code would change nothing
    :raises errors.AmountBelowMinimum: less is left than can be paid
    """
    list_price = _list_price(tariff, currency)
    price_stars = tariff.price_stars
    if promo_code is None:
        return pricing.quoted(list_price, price_stars=price_stars)
    _refuse_unusable(promo_code, wallet=wallet, tariff=tariff)
    price = _discounted(promo_code, list_price, price_stars)
    _refuse_too_little(price.amount)
    return price


def _refuse_too_little(amount: Money) -> None:
    definition = MINIMUM_AMOUNTS.get(amount.currency)
    minimum = definition.get() if definition else Money(1, amount.currency)
    if amount and amount.amount < minimum.amount:
        raise errors.AmountBelowMinimum(
            amount={"amount": amount.amount, "currency": amount.currency},
            minimum={"amount": minimum.amount, "currency": amount.currency},
        )


def _list_price(tariff: Tariff, currency: str | None) -> Money:
    if currency in (None, tariff.currency):
        return tariff.price_money
    if currency == "XTR" and tariff.price_stars is not None:
        return Money(tariff.price_stars, "XTR")
    raise errors.CurrencyNotOffered(fields={"currency": [errors.CurrencyNotOffered.title]})


def _refuse_unusable(promo_code: PromoCode, *, wallet: Wallet, tariff: Tariff) -> None:
    if promo_code.tariff_id not in (None, tariff.pk):
        raise errors.PromoCodeNotForTariff()
    if promo_code.max_uses is not None and promo_code.uses_count >= promo_code.max_uses:
        raise errors.PromoCodeExhausted()
    if count_uses(promo_code, wallet) >= promo_code.max_uses_per_wallet:
        raise errors.PromoCodeAlreadyUsed()


def count_uses(promo_code: PromoCode, wallet: Wallet) -> int:
    """How many times a wallet has used a code, reservations included."""
    uses = PromoRedemption.objects.filter(promo_code=promo_code, wallet=wallet)
    return uses.exclude(state=PromoRedemption.State.RELEASED).count()


def _discounted(promo_code: PromoCode, list_price: Money, price_stars: int | None) -> Price:
    kind = promo_code.discount_type
    if kind == PromoCode.DiscountType.BONUS_TOKENS:
        return pricing.quoted(list_price, price_stars=price_stars, bonus_tokens=promo_code.discount_value)
    if kind == PromoCode.DiscountType.FIXED:
        if promo_code.currency != list_price.currency:
            raise errors.PromoCodeCurrencyMismatch()
        discount = pricing.fixed_off(list_price, Money(promo_code.discount_value, promo_code.currency))
    else:
        discount = pricing.percent_off(list_price, promo_code.discount_value)
    if not discount:
        raise errors.PromoCodeWithoutEffect()
    return pricing.quoted(list_price, discount=discount, price_stars=price_stars)
