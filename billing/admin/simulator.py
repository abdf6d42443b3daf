"""What a customer would pay, and why not: the answer that the API gives, and what staff may know besides."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import User
from billing import errors
from billing.admin.display import discount
from billing.models import PromoCode, Tariff
from billing.owners import Owner
from billing.queries import promo_codes, quotes
from billing.rules.pricing import Price
from core.errors import DomainError
from core.money import Money


@dataclass(frozen=True, slots=True)
class Simulated:
    """
    :param price: what would be paid; None when refused
    :param refusal: why not, as the API says it
    :param inside: what the API keeps to itself: why a code that exists is not valid
    """

    customer: User
    tariff: Tariff
    code: str
    gives: str
    price: Price | None
    refusal: DomainError | None
    inside: str

    @property
    def stars(self) -> Money | None:
        """The price in Telegram Stars, where there is one."""
        stars = self.price.amount_stars if self.price else None
        return None if stars is None else Money(stars, "XTR")


def simulate(*, customer: User, tariff: Tariff, code: str) -> Simulated:
    """
    Quote a tariff to a customer, by the same path as the API.

    :param code: as typed; empty for none
    """
    price, refusal = None, None
    try:
        price = quotes.get_quote_for(Owner.user(customer.pk), tariff=tariff.slug, promo_code=code or None)
    except DomainError as refused:
        refusal = refused
    found = _find(code)
    inside = promo_codes.why_not_valid(found) if isinstance(refusal, errors.PromoCodeNotValid) else ""
    return Simulated(customer, tariff, code, discount(found) if found else "", price, refusal, inside)


def _find(code: str) -> PromoCode | None:
    try:
        return promo_codes.get_promo_code(code) if code else None
    except errors.PromoCodeNotValid:
        return None
