"""Whoever changes an audited thing, through whichever door: the log tells who, through which door and with what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from django.test import Client

from accounts.models import ApiKey, Session, User
from accounts.operations import api_keys, second_factors, sessions, users
from accounts.scopes import SCOPES
from accounts.tests.factories import StaffFactory, UserFactory, api_key_header, opened
from accounts.tests.phones import Phone, backup_codes, enrolled
from audit.models import AuditLog
from audit.operations import alerts
from billing.models import Refund
from billing.operations import (
    credit_requests,
    grants,
    invoices,
    payment_events,
    payments,
    promo_codes,
    provider_statements,
    refunds,
    subscriptions,
    tariffs,
    wallets,
    webhook_endpoints,
)
from billing.owners import Owner
from billing.tests.factories import (
    CreditRequestFactory,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    SubscriptionFactory,
    TariffFactory,
    WalletFactory,
    new_key,
)
from billing.tests.facts import Storyteller, tell, told_of
from billing.tests.statement_factories import StatementLineFactory
from core.actors import Actor, under
from core.database import AUDITED, operation
from core.operations import settings

pytestmark = pytest.mark.django_db

OLGA: Final = Actor(kind="user", id="01980f2a-3b4c-7d5e-8f90-123456789abc", label="olga")
REQUEST: Final = "request-of-olga"

# Audited, and changed by no operation yet.
WITHOUT_OPERATIONS: Final = {
    "accounts.company": "its models only, until there is a product that sells to teams",
    "accounts.membership": "the same",
}


@dataclass(frozen=True)
class Change:
    """
    :param told: the rows' actions that must be told
    :param prepare: makes what is needed before; given to ``run``
    """

    told: tuple[str, ...]
    run: Callable[[Any], object]
    prepare: Callable[[], Any] = lambda: None


def _key() -> ApiKey:
    return api_keys.create(name="Bot", scopes=["staff"], by=OLGA)[0]


def _with_a_factor() -> User:
    user: User = StaffFactory.create()
    enrolled(user)
    backup_codes(user)
    return user


def _olga() -> User:
    made: User = StaffFactory.create(id=OLGA.id, login=OLGA.label, role="operator")
    return made


def _paid() -> Storyteller:
    of = told_of(InvoiceFactory.create())
    tell(of.succeeded())
    return of


def _trouble() -> Any:
    return alerts.raise_alert("test.trouble", severity="warning", title="Trouble")


CHANGES: Final = {
    "a customer is registered": Change(
        ("accounts.user.created",), lambda _: users.get_or_create_from_telegram(telegram_id=7, by=OLGA)
    ),
    "a customer is renamed": Change(
        ("accounts.user.updated",),
        lambda user: users.update(user_id=user.pk, language_code="ru", by=OLGA),
        lambda: UserFactory.create(language_code="en"),
    ),
    "a key is issued": Change(("accounts.apikey.created",), lambda _: _key()),
    "a key is revoked": Change(
        ("accounts.apikey.updated",), lambda key: api_keys.revoke(key_id=key.pk, by=OLGA, reason="leaked"), _key
    ),
    "a session is opened": Change(
        ("accounts.session.created",),
        lambda user: sessions.open(user_id=user.pk, way=Session.Way.TELEGRAM, user_agent="", by=OLGA),
        UserFactory.create,
    ),
    "a session is revoked": Change(
        ("accounts.session.updated",),
        lambda session: sessions.revoke(
            session_id=session.pk, user_id=session.user_id, ending=Session.Ending.CLOSED, by=OLGA
        ),
        lambda: opened(UserFactory.create()).session,
    ),
    "a person is kept out, and their sessions end": Change(
        ("accounts.user.updated", "accounts.session.updated"),
        lambda session: users.set_active(user_id=session.user_id, is_active=False, by=OLGA, reason="fraud"),
        lambda: opened(UserFactory.create()).session,
    ),
    "a phone is enrolled": Change(
        ("accounts.secondfactor.created", "accounts.backupcode.created"),
        lambda made: second_factors.enrol(user_id=made[0].pk, secret=made[1].secret, code=made[1].shows(), by=OLGA),
        lambda: (StaffFactory.create(), Phone()),
    ),
    "backup codes are made anew": Change(
        ("accounts.backupcode.deleted", "accounts.backupcode.created"),
        lambda user: second_factors.renew_backup_codes(user_id=user.pk, by=OLGA),
        _with_a_factor,
    ),
    "a second factor is shown in a session": Change(
        ("accounts.session.updated",),
        lambda made: sessions.verify(session_id=made[0].pk, user_id=made[0].user_id, code=made[1].shows(), by=OLGA),
        lambda: (opened(user := StaffFactory.create()).session, enrolled(user)),
    ),
    "trouble is seen": Change(("audit.adminalert.created",), lambda _: _trouble()),
    "trouble is acknowledged": Change(
        ("audit.adminalert.updated",), lambda alert: alerts.acknowledge(alert_id=alert.pk, by=OLGA), _trouble
    ),
    "a tariff is made": Change(
        ("billing.tariff.created",),
        lambda _: tariffs.create(slug="s", name="S", price=100, currency="RUB", tokens=5, by=OLGA),
    ),
    "a tariff is changed": Change(
        ("billing.tariff.updated",),
        lambda tariff: tariffs.change(slug=tariff.slug, seen_version=tariff.version, name="T", by=OLGA),
        TariffFactory.create,
    ),
    "a code is made": Change(
        ("billing.promocode.created",),
        lambda _: promo_codes.create(code="SUMMER", discount_type="percent", discount_value=10, by=OLGA),
    ),
    "a code is switched off": Change(
        ("billing.promocode.updated",),
        lambda code: promo_codes.switch_off(code=code.code, by=OLGA),
        PromoCodeFactory.create,
    ),
    "an invoice is made": Change(
        ("billing.invoice.created",),
        lambda made: invoices.create(
            owner=Owner.wallet(made[0].pk), tariff=made[1].slug, promo_code=None, key=new_key(), by=OLGA
        ),
        lambda: (WalletFactory.create(), TariffFactory.create()),
    ),
    "an invoice is cancelled": Change(
        ("billing.invoice.updated",),
        lambda invoice: invoices.cancel(invoice_id=invoice.pk, by=OLGA),
        InvoiceFactory.create,
    ),
    "an invoice is paid": Change(
        ("billing.payment.created", "billing.invoice.updated"),
        lambda invoice: payments.record_success(
            invoice_id=invoice.pk,
            provider="manual",
            provider_payment_id="receipt",
            amount=invoice.amount_money,
            key=new_key(),
            by=OLGA,
        ),
        InvoiceFactory.create,
    ),
    "money is sent back": Change(
        ("billing.refund.created", "billing.payment.updated"),
        lambda payment: refunds.issue(
            payment_id=payment.pk, policy=Refund.Policy.FULL, reason="bought twice", key=new_key(), by=OLGA
        ),
        PaymentFactory.create,
    ),
    "a payment is contested": Change(
        ("billing.dispute.created", "billing.payment.updated"),
        lambda of: payment_events.record(fact=of.opened(), by=OLGA),
        _paid,
    ),
    "a subscription is cancelled": Change(
        ("billing.subscription.updated",),
        lambda subscription: subscriptions.cancel(subscription_id=subscription.pk, by=OLGA),
        SubscriptionFactory.create,
    ),
    "somebody is brought by somebody": Change(
        ("billing.referral.created",),
        lambda code: users.get_or_create_from_telegram(telegram_id=7, referral_code=code, by=OLGA),
        lambda: UserFactory.create().referral_code,
    ),
    "an endpoint of webhooks is made": Change(
        ("billing.webhookendpoint.created",),
        lambda _: webhook_endpoints.create(url="https://shop.example/hooks", events=["invoice.paid"], by=OLGA),
    ),
    "a difference to a provider's books is left": Change(
        ("billing.statementline.updated",),
        lambda line: provider_statements.ignore(line_id=line.pk, reason="of another shop", by=OLGA),
        StatementLineFactory.create,
    ),
    "a wallet is frozen": Change(
        ("billing.wallet.updated",),
        lambda wallet: wallets.freeze(owner=Owner.wallet(wallet.pk), reason="fraud", by=OLGA),
        WalletFactory.create,
    ),
    "a large credit is asked for": Change(
        ("billing.creditrequest.created",),
        lambda wallet: grants.give(
            owner=Owner.wallet(wallet.pk), tokens=2_000, reason="a lost week", key=new_key(), by=OLGA
        ),
        lambda: (_olga(), WalletFactory.create())[1],
    ),
    "a large credit is approved": Change(
        ("billing.creditrequest.updated", "audit.adminalert.updated"),
        lambda request: credit_requests.approve(request_id=request.pk, by=OLGA),
        lambda: (_olga(), CreditRequestFactory.create())[1],
    ),
    "a setting is changed": Change(
        ("core.setting.created",),
        lambda _: settings.change(key="billing.invoice_lifetime_minutes", value=30, by=OLGA, reason="slow banks"),
    ),
    "a setting is changed again": Change(
        ("core.setting.updated",),
        lambda _: settings.change(key="billing.invoice_lifetime_minutes", value=40, by=OLGA, reason="slower banks"),
        lambda: settings.change(key="billing.invoice_lifetime_minutes", value=30, by=OLGA, reason="slow banks"),
    ),
    "a setting is reset": Change(
        ("core.setting.deleted",),
        lambda _: settings.reset(key="billing.invoice_lifetime_minutes", by=OLGA, reason="fast banks"),
        lambda: settings.change(key="billing.invoice_lifetime_minutes", value=30, by=OLGA, reason="slow banks"),
    ),
}


def told_since(last: int) -> list[AuditLog]:
    return list(AuditLog.objects.filter(id__gt=last).order_by("id"))


def last_told() -> int:
    return AuditLog.objects.order_by("-id").values_list("id", flat=True).first() or 0


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_tells_who_through_which_door_and_with_what(change: Change) -> None:
    prepared = change.prepare()
    last = last_told()

    with under(door="admin", request_id=REQUEST, ip="192.0.2.7", actor=OLGA):
        change.run(prepared)

    told = told_since(last)
    assert set(change.told) <= {row.action for row in told}
    for row in told:
        assert row.actor == {"kind": "user", "id": OLGA.id, "label": "olga"}, row.action
        assert str(row.user_id) == OLGA.id
        named = {name: row.metadata.get(name) for name in ("door", "request_id", "ip")}
        assert named == {"door": "admin", "request_id": REQUEST, "ip": "192.0.2.7"}, row.action


def test_no_audited_model_is_left_out() -> None:
    audited = {model._meta.label_lower for model in AUDITED}
    assert {action.rpartition(".")[0] for change in CHANGES.values() for action in change.told} == (
        audited - WITHOUT_OPERATIONS.keys()
    )
    assert WITHOUT_OPERATIONS.keys() <= audited


def test_nothing_would_be_told_outside_an_operation() -> None:
    # The negative control: it is the operation that tells the database who acts.
    user = UserFactory.create()
    last = last_told()
    with under(door="admin", request_id=REQUEST, actor=OLGA):
        User.objects.filter(pk=user.pk).update(language_code="de")
        (untold,) = told_since(last)
        operation(lambda: User.objects.filter(pk=user.pk).update(language_code="fr"))()
    (_untold, told) = told_since(last)
    assert (untold.actor["kind"], untold.metadata) == ("system", {})
    assert (told.actor["kind"], told.metadata["request_id"]) == ("user", REQUEST)


@pytest.mark.django_db(transaction=True)
def test_requests_are_told_with_their_ids() -> None:
    client = Client(headers={**api_key_header(*SCOPES, name="Shop"), "Content-Type": "application/json"})
    bot = ApiKey.objects.get(name="Shop")
    tariff, user = TariffFactory.create(), UserFactory.create()
    WalletFactory.create(user=user)
    invoice: dict[str, Any] = {}

    def asks() -> Iterator[tuple[str, str, dict[str, Any], str]]:
        yield "PUT", "users/by-telegram/42", {"language_code": "ru"}, "accounts.user.created"
        yield "PATCH", f"users/{user.pk}", {"language_code": "ru"}, "accounts.user.updated"
        yield "PATCH", f"tariffs/{tariff.slug}", {"version": 1, "name": "N"}, "billing.tariff.updated"
        yield (
            *("POST", "promo-codes", {"code": "AB", "discount_type": "percent", "discount_value": 5}),
            "billing.promocode.created",
        )
        yield "POST", "invoices", {"user": str(user.pk), "tariff": tariff.slug}, "billing.invoice.created"
        paid = {"provider": "manual", "provider_payment_id": "r", "amount": invoice["amount"]}
        yield "POST", f"invoices/{invoice['id']}/payments", paid, "billing.payment.created"

    for number, (method, path, body, action) in enumerate(asks()):
        last = last_told()
        sane = f"request-{number}"
        answer = client.generic(
            method,
            f"/api/v1/{path}",
            json.dumps(body),
            content_type="application/json",
            headers={"X-Request-ID": sane, "Idempotency-Key": new_key()},
        )
        assert answer.status_code in {200, 201}, answer.content
        if path == "invoices":
            invoice.update(answer.json())
        told = told_since(last)
        assert action in {row.action for row in told}
        for row in told:
            assert row.actor == {"kind": "api_key", "id": str(bot.pk), "label": "Shop"}, row.action
            named = {name: row.metadata.get(name) for name in ("door", "request_id", "ip")}
            assert named == {"door": "api", "request_id": sane, "ip": "127.0.0.1"}, row.action
