"""Requests of servers that billing refuses, one for each refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from accounts.models import User
from accounts.tests.factories import StaffFactory
from billing.models import Wallet
from billing.operations import subscriptions, tariffs, wallets, webhook_endpoints
from billing.owners import Owner
from billing.tests import deeds
from billing.tests.callers import Answer, Caller
from billing.tests.factories import (
    TESTER,
    CreditRequestFactory,
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PlanFactory,
    PromoCodeFactory,
    SubscriptionFactory,
    TariffFactory,
    TrialFactory,
    WalletFactory,
    WebhookDeliveryFactory,
    funded_wallet,
)
from core import clock as database_clock
from core.api.moments import as_rfc3339
from core.money import Money
from core.operations import settings
from core.runtime_settings import forget_cached


@dataclass(frozen=True)
class Ask:
    """
    A request that is refused.

    :param data: the refusal's own facts
    :param fields: the fields that it names
    :param owner: of the key that asks
    """

    method: str
    path: str
    body: object = None
    key: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    owner: User | None = None

    def send(self, caller: Caller, language: str) -> Answer:
        return caller.send(self.method, self.path, self.body, key=self.key, language=language)


def charging(wallet: Wallet, tokens: int = 1, key: str = "k", **data: Any) -> Ask:
    return Ask("post", "charges", {"user": str(wallet.user_id), "tokens": tokens}, key, data)


def ordering(wallet: Wallet, tariff: str, code: str | None = None, **more: Any) -> Ask:
    fields = more.pop("fields", ())
    data = more.pop("data", {})
    body = {"user": str(wallet.user_id), "tariff": tariff} | ({"promo_code": code} if code else {}) | more
    return Ask("post", "invoices", body, "k", data, fields)


def wallet_not_found() -> Ask:
    return Ask("post", "charges", {"user": str(uuid4()), "tokens": 1}, "k")


def insufficient_tokens() -> Ask:
    return charging(funded_wallet(tokens=2), 5, required=5, available=2)


def wallet_frozen() -> Ask:
    wallet = funded_wallet(tokens=2)
    wallets.freeze(owner=Owner.wallet(wallet.pk), reason="a dispute", by=TESTER)
    return charging(wallet, required=1, available=2)


def idempotency_mismatch() -> Ask:
    wallet = funded_wallet(tokens=5)
    deeds.charge(wallet, 1, key="k")
    return charging(wallet, 2)


def batch_too_large() -> Ask:
    charges = [{"telegram_id": 1, "tokens": 1, "idempotency_key": f"k{number}"} for number in range(1001)]
    return Ask("post", "charges/batch", {"charges": charges}, data={"items": 1001, "maximum": 1000})


def hold_not_found() -> Ask:
    return Ask("post", f"holds/{uuid4()}/release", None, "k")


def hold_closed() -> Ask:
    hold = HoldFactory.create()
    Caller().post(f"holds/{hold.pk}/release", key="first")
    return Ask("post", f"holds/{hold.pk}/capture", {}, "k", {"state": "released"})


def capture_exceeds_hold() -> Ask:
    hold = HoldFactory.create(tokens=10)
    return Ask("post", f"holds/{hold.pk}/capture", {"tokens": 11}, "k", {"required": 11, "held": 10})


def expiry_in_the_past() -> Ask:
    passed = (database_clock.now() - timedelta(seconds=1)).isoformat()
    body = {"user": str(WalletFactory.create().user_id), "tokens": 1, "reason": "x", "expires_at": passed}
    return Ask("post", "grants", body, "k", fields=("expires_at",))


def credit_limit_reached() -> Ask:
    settings.change(key="billing.credit_daily_limit_api_key", value=5, reason="a test", by=TESTER)
    forget_cached()
    today = database_clock.now().astimezone(ZoneInfo("Europe/Moscow"))
    midnight = datetime.combine(today.date() + timedelta(days=1), time.min, tzinfo=today.tzinfo)
    facts = {"required": 6, "limit": 5, "used": 0, "resets_at": as_rfc3339(midnight)}
    return Ask("post", "grants", granting(WalletFactory.create(), 6), "k", facts)


def credit_too_large() -> Ask:
    facts = {"required": 2_000, "maximum": 1_000}
    owner = StaffFactory.create(role="support")
    return Ask("post", "grants", granting(WalletFactory.create(), 2_000), "k", facts, owner=owner)


def credit_request_pending() -> Ask:
    """The owner of the key has asked before, by hand."""
    owner = StaffFactory.create(role="operator")
    waiting = CreditRequestFactory.create(by=owner)
    return Ask("post", "grants", granting(waiting.wallet, 2_000), "k", {"request": str(waiting.pk)}, owner=owner)


def granting(wallet: Wallet, tokens: int) -> dict[str, Any]:
    return {"user": str(wallet.user_id), "tokens": tokens, "reason": "An apology"}


def tariff_not_found() -> Ask:
    return Ask("get", "tariffs/nothing")


def tariff_changed() -> Ask:
    tariff = TariffFactory.create()
    tariffs.change(slug=tariff.slug, seen_version=1, price=1_000, by=TESTER)
    body = {"version": 1, "price": {"amount": 2_000, "currency": "RUB"}}
    return Ask("patch", f"tariffs/{tariff.slug}", body, data={"version": 2, "seen": 1})


def tariff_slug_taken() -> Ask:
    price = {"amount": 1, "currency": "RUB"}
    body = {"slug": TariffFactory.create().slug, "name": "Twin", "price": price, "tokens": 1}
    return Ask("post", "tariffs", body, fields=("slug",))


def tariff_not_on_sale() -> Ask:
    tariff = TariffFactory.create()
    tariffs.archive(slug=tariff.slug, by=TESTER)
    return ordering(WalletFactory.create(), tariff.slug)


def tariff_not_for_owner() -> Ask:
    return ordering(WalletFactory.create(), TariffFactory.create(audience="company").slug)


def currency_not_offered() -> Ask:
    tariff = TariffFactory.create(price_stars=None)
    return ordering(WalletFactory.create(), tariff.slug, currency="XTR", fields=("currency",))


def amount_below_minimum() -> Ask:
    tariff = TariffFactory.create(price=1_000)
    code = PromoCodeFactory.create(discount_value=91)
    money = {"amount": {"amount": 90, "currency": "RUB"}, "minimum": {"amount": 100, "currency": "RUB"}}
    return ordering(WalletFactory.create(), tariff.slug, code.code, data=money)


def promo_code_not_valid() -> Ask:
    return ordering(WalletFactory.create(), TariffFactory.create().slug, "NOTHING", fields=("promo_code",))


def promo_code_exhausted() -> Ask:
    code = PromoCodeFactory.create(max_uses=1)
    invoice = InvoiceFactory.create(promo_code=code)
    return ordering(WalletFactory.create(), invoice.tariff.slug, code.code)


def promo_code_already_used() -> Ask:
    code = PromoCodeFactory.create()
    invoice = InvoiceFactory.create(promo_code=code)
    return ordering(invoice.wallet, invoice.tariff.slug, code.code)


def promo_code_not_for_tariff() -> Ask:
    code = PromoCodeFactory.create(tariff=TariffFactory.create())
    return ordering(WalletFactory.create(), TariffFactory.create().slug, code.code)


def promo_code_currency_mismatch() -> Ask:
    code = PromoCodeFactory.create(discount_type="fixed", discount_value=100, currency="USD")
    return ordering(WalletFactory.create(), TariffFactory.create().slug, code.code)


def promo_code_without_effect() -> Ask:
    code = PromoCodeFactory.create(discount_value=1)
    return ordering(WalletFactory.create(), TariffFactory.create(price=49).slug, code.code)


def promo_code_taken() -> Ask:
    code = PromoCodeFactory.create()
    body = {"code": code.code.lower(), "discount_type": "percent", "discount_value": 1}
    return Ask("post", "promo-codes", body, fields=("code",))


def invoice_not_found() -> Ask:
    return Ask("get", f"invoices/{uuid4()}")


def invoice_not_pending() -> Ask:
    payment = PaymentFactory.create()
    return Ask("post", f"invoices/{payment.invoice_id}/cancel", data={"invoice_status": "paid"})


def payment_mismatch() -> Ask:
    invoice = InvoiceFactory.create()
    payment = deeds.pay(invoice, Money(1, "RUB"), provider_payment_id="receipt", key="k").payment
    one = {"amount": 1, "currency": "RUB"}
    body = {"provider": "manual", "provider_payment_id": "receipt", "amount": one}
    facts = {"payment": str(payment.pk), "expected": {"amount": 14_900, "currency": "RUB"}, "received": one}
    return Ask("post", f"invoices/{invoice.pk}/payments", body, "k", facts)


def payment_of_another_invoice() -> Ask:
    paid = PaymentFactory.create()
    invoice = InvoiceFactory.create()
    body = {
        "provider": "manual",
        "provider_payment_id": paid.provider_payment_id,
        "amount": {"amount": invoice.amount, "currency": "RUB"},
    }
    return Ask("post", f"invoices/{invoice.pk}/payments", body, "k")


def provider_not_offered() -> Ask:
    return Ask("post", f"invoices/{InvoiceFactory.create().pk}/checkout", {"provider": "stripe"})


def webhook_endpoint_not_found() -> Ask:
    return Ask("get", f"webhook-endpoints/{uuid4()}")


def webhook_endpoint_inactive() -> Ask:
    delivery = WebhookDeliveryFactory.create()
    webhook_endpoints.change(endpoint_id=delivery.endpoint_id, is_active=False, by=TESTER)
    return Ask("post", f"webhook-deliveries/{delivery.pk}/replay")


def webhook_delivery_not_found() -> Ask:
    return Ask("post", f"webhook-deliveries/{uuid4()}/replay")


def subscribing(wallet: Wallet, tariff: str, *, route: str = "trials", **data: Any) -> Ask:
    return Ask("post", route, {"user": str(wallet.user_id), "tariff": tariff}, "k", data)


def subscription_not_found() -> Ask:
    return Ask("get", f"subscriptions/{uuid4()}")


def subscription_over() -> Ask:
    begun = subscriptions.start(
        owner=Owner.wallet(WalletFactory.create().pk), tariff=PlanFactory.create().slug, key="k", by=TESTER
    )
    over = subscriptions.cancel(subscription_id=begun.subscription.pk, by=TESTER)
    assert over.ended_at is not None
    return Ask("post", f"subscriptions/{over.pk}/cancel", data={"ended_at": as_rfc3339(over.ended_at)})


def subscription_exists() -> Ask:
    there = SubscriptionFactory.create()
    return subscribing(there.wallet, there.tariff.slug, subscription=str(there.pk))


def tariff_without_subscription() -> Ask:
    return subscribing(WalletFactory.create(), TariffFactory.create().slug, route="subscriptions")


def trial_not_offered() -> Ask:
    return subscribing(WalletFactory.create(), PlanFactory.create(trial_days=0).slug)


def trial_used() -> Ask:
    trial = TrialFactory.create()
    return subscribing(trial.wallet, trial.tariff.slug)


CASES: Final[dict[str, Callable[[], Ask]]] = {
    f"billing.{case.__name__}": case
    for case in (
        wallet_not_found,
        insufficient_tokens,
        wallet_frozen,
        idempotency_mismatch,
        batch_too_large,
        hold_not_found,
        hold_closed,
        capture_exceeds_hold,
        expiry_in_the_past,
        credit_limit_reached,
        credit_too_large,
        credit_request_pending,
        tariff_not_found,
        tariff_changed,
        tariff_slug_taken,
        tariff_not_on_sale,
        tariff_not_for_owner,
        currency_not_offered,
        amount_below_minimum,
        promo_code_not_valid,
        promo_code_exhausted,
        promo_code_already_used,
        promo_code_not_for_tariff,
        promo_code_currency_mismatch,
        promo_code_without_effect,
        promo_code_taken,
        invoice_not_found,
        invoice_not_pending,
        payment_mismatch,
        payment_of_another_invoice,
        provider_not_offered,
        subscription_not_found,
        subscription_over,
        subscription_exists,
        tariff_without_subscription,
        trial_not_offered,
        trial_used,
        webhook_endpoint_not_found,
        webhook_endpoint_inactive,
        webhook_delivery_not_found,
    )
}
