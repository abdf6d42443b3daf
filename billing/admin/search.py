"""What a search term means to billing's lists: each meaning is answered by an index."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from accounts.queries import find_user
from billing.models import Payment, Wallet


def by_id(term: str, column: str = "pk") -> Q:
    """The rows with this id, their own or in another column."""
    found = _uuid(term)
    return Q(**{column: found}) if found else Q(pk__in=[])


def by_number(term: str) -> Q:
    """The invoice with this number, like ``2026-000042``."""
    year, dash, number_in_year = term.partition("-")
    if dash and year.isdecimal() and number_in_year.isdecimal() and len(term) < 20:
        return Q(number_year=int(year), number_in_year=int(number_in_year))
    return Q(pk__in=[])


def owner(term: str) -> Q:
    """The wallet, as a person, a company or its own id names it."""
    person, found = find_user(term), _uuid(term)
    named = Q(user=person) if person else Q(pk__in=[])
    return named | Q(pk=found) | Q(company=found) if found else named


def of_customer(term: str) -> Q:
    """The rows of the wallet that a term names."""
    return Q(wallet__in=list(Wallet.objects.filter(owner(term)).values_list("pk", flat=True)[:2]))


def of_payment(term: str) -> Q:
    """The rows of the payment that a term names: by its id, or the provider's."""
    return Q(
        payment__in=list(Payment.objects.filter(by_provider_id(term) | by_id(term)).values_list("pk", flat=True)[:9])
    )


def by_provider_id(term: str) -> Q:
    """What a provider knows by this id, whichever provider it is."""
    return Q(provider__in=Payment.Provider.values, provider_payment_id=term) if term else Q(pk__in=[])


def _uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None
