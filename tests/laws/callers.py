"""Everybody who knocks on the API, one thing of each kind that an address can name, and requests about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.test import Client

from accounts.models import User
from accounts.operations import sessions
from accounts.roles import ROLES
from accounts.scopes import SCOPES
from accounts.tests.factories import StaffFactory, UserFactory, api_key_header, bearer_header, opened
from audit.tests.factories import AdminAlertFactory
from billing.tests.factories import (
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    PromoCodeFactory,
    SubscriptionFactory,
    TariffFactory,
    WebhookDeliveryFactory,
    WebhookEndpointFactory,
    brought,
    funded_wallet,
    new_key,
)
from billing.tests.snapshots import snapshot
from core.actors import SYSTEM
from core.clock import CoreNow

# By the name of an address's parameter, or in braces in a body, what it means.
World = Mapping[str, str]


def furnished(*, is_all_of_one: bool = False) -> World:
    """
    One thing of each kind that an address can name, a customer's where it can be somebody's.

    :param is_all_of_one: whether the session, too, is the customer's, and not one of somebody of the staff
    """
    wallet = funded_wallet()
    assert wallet.user is not None
    brought(wallet.user)
    person = wallet.user if is_all_of_one else StaffFactory.create()
    return {
        "user": str(wallet.user_id),
        "uuid:user_id": str(wallet.user_id),
        "str:telegram_id": str(wallet.user.telegram_id),
        "str:key": "billing.invoice_lifetime_minutes",
        "slug": TariffFactory.create().slug,
        "slug:slug": TariffFactory.create().slug,
        "promo_code:code": PromoCodeFactory.create().code,
        # Of another family than the subscription there is.
        "plan": PlanFactory.create(family="another").slug,
        "uuid:subscription_id": str(SubscriptionFactory.create(wallet=wallet).pk),
        "uuid:invoice_id": str(InvoiceFactory.create(wallet=wallet).pk),
        "uuid:payment_id": str(PaymentFactory.create(invoice=InvoiceFactory.create(wallet=wallet)).pk),
        "int:alert_id": str(AdminAlertFactory.create().pk),
        "uuid:hold_id": str(HoldFactory.create(wallet=wallet).pk),
        "uuid:endpoint_id": str(WebhookEndpointFactory.create().pk),
        "uuid:delivery_id": str(WebhookDeliveryFactory.create().pk),
        "uuid:admin_id": str(StaffFactory.create(role="support").pk),
        "person": str(person.pk),
        "uuid:session_id": str(opened(person).session.pk),
    }


def owner_of(world: World) -> User:
    """The customer whose things they are."""
    return User.objects.get(pk=world["user"])


def filled(value: Any, world: World) -> Any:
    """A body with the world's names in the place of braces."""
    if isinstance(value, Mapping):
        return {name: filled(each, world) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, world) for each in value]
    return world.get(value[1:-1], value) if isinstance(value, str) else value


def address(route: str, world: World) -> str:
    """A route's path with the world's names in the place of its parameters."""
    path = route.partition(" ")[2]
    for name, value in world.items():
        path = path.replace(f"<{name}>", value)
    assert "<" not in path, f"the world lacks something for {path}"
    return path


def ask(route: str, world: World, client: Client, body: Any = None) -> Any:
    """
    The answer to a request.

    :param body: names in braces are the world's; where nothing is sent, it is the query
    """
    path = address(route, world)
    method = route.partition(" ")[0].lower()
    sent = filled(body or {}, world)
    if method == "get":
        return client.get(path, query_params=sent)
    return getattr(client, method)(
        path, sent, content_type="application/json", headers={"Idempotency-Key": new_key(), "Accept-Language": "en"}
    )


def unmoved_tables() -> Mapping[str, list[str]]:
    """Every row of every table, but that a key was used is noted on the key itself."""
    return {table: rows for table, rows in snapshot().items() if table != "accounts_apikey"}


def key(*scopes: str, **fields: Any) -> Client:
    """A server."""
    return Client(headers=api_key_header(*scopes, **fields))


def in_session(user: User) -> Client:
    """A person in a session of theirs in which, if they are staff, they may act as such."""
    return Client(headers=bearer_header(user))


def _logged_out() -> Client:
    user = StaffFactory.create(is_superuser=True)
    client = in_session(user)
    sessions.revoke_all(user_id=user.pk, by=SYSTEM)
    return client


def _kept_out() -> Client:
    user = StaffFactory.create(is_superuser=True)
    client = in_session(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    return client


def _colleague() -> Client:
    client = Client()
    client.force_login(StaffFactory.create(is_superuser=True))
    return client


# Whom no route knows, whatever they could do before.
STRANGERS: Final[Mapping[str, Callable[[], Client]]] = {
    "nobody": Client,
    "a made-up key": lambda: Client(headers={"Authorization": "Api-Key dv_aaaaaaaaaaaa_" + "a" * 43}),
    "a revoked key": lambda: key(*SCOPES, revoked_at=CoreNow()),
    "an expired key": lambda: key(*SCOPES, expires_at=CoreNow() - timedelta(seconds=1)),
    "a colleague in Admin without a token": _colleague,
    "somebody whose session was revoked": _logged_out,
    "somebody who is kept out": _kept_out,
}


def staff() -> dict[str, Client]:
    """People of each role, in sessions of theirs."""
    return {role: in_session(StaffFactory.create(role=role)) for role in ROLES}


def _demoted() -> Client:
    user = StaffFactory.create(role="superadmin")
    client = in_session(user)
    user.groups.clear()
    return client


def _dismissed() -> Client:
    user = StaffFactory.create(role="superadmin", is_superuser=True)
    client = in_session(user)
    User.objects.filter(pk=user.pk).update(is_staff=False)
    return client


# People to whom nothing here belongs, and who are no staff, or no staff any more.
OTHERS: Final[Mapping[str, Callable[[], Client]]] = {
    "another customer": lambda: in_session(UserFactory.create()),
    "a colleague without a role": lambda: in_session(StaffFactory.create()),
    "a superadmin whose role was taken away": _demoted,
    "a superuser who is staff no more": _dismissed,
}


def everybody() -> Mapping[str, Client]:
    """One of each kind of caller to whom nothing in a world belongs, by what they are."""
    people = {name: client() for name, client in {**STRANGERS, **OTHERS}.items()}
    return people | staff() | {f"a key for {scope}": key(scope) for scope in SCOPES}
