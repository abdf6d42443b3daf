"""Whose wallet a body means."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.errors import UserNotFound
from accounts.models import User
from billing.errors import WalletNotFound
from billing.owners import Owner
from core.api.views import ApiView
from core.errors import ValidationFailed

EXACTLY_ONE: Final = _("Name the customer by exactly one of user and telegram_id.")

EXACTLY_ONE_PAYER: Final = _("Name the customer by exactly one of user, telegram_id and company.")


def owner_meant(view: ApiView, named: Owner | None, *, otherwise: Promise = EXACTLY_ONE) -> Owner:
    """
    The customer whom the caller's body means. Customers mean themselves, whether they say so or not.

    :param named: whom the body names
    :param otherwise: what is said where nobody is named
    :raises core.errors.ValidationFailed: a caller for whom there are many customers named none
    :raises billing.errors.WalletNotFound: a customer named somebody else; whether there is one is not told
    """
    only_of = view.admission.only_of
    if only_of is None:
        if named is None:
            raise ValidationFailed(fields={"user": [otherwise]})
        return named
    me = view.request.user
    own = (Owner.user(only_of), Owner.telegram(me.telegram_id) if isinstance(me, User) and me.telegram_id else None)
    if named is not None and named not in own:
        raise WalletNotFound(str(named))
    return Owner.user(only_of)


def person_meant(view: ApiView, named: UUID | None) -> UUID:
    """
    The customer whom the query means. Customers mean themselves, whether they say so or not.

    :param named: whom the query names
    :raises core.errors.ValidationFailed: a caller for whom there are many customers named none
    :raises accounts.errors.UserNotFound: a customer named somebody else; whether there is one is not told
    """
    only_of = view.admission.only_of
    if only_of is None:
        if named is None:
            raise ValidationFailed(fields={"user": [_("Name the customer.")]})
        return named
    if named is not None and named != only_of:
        raise UserNotFound
    return only_of
