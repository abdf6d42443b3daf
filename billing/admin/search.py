"""What a search term means to billing's lists: each meaning is answered by an index."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q

from accounts.queries import find_user
from billing.models import Wallet


def by_id(term: str) -> Q:
    """The row with this id."""
    found = _uuid(term)
    return Q(pk=found) if found else Q(pk__in=[])


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


def _uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None
