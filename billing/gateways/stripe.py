"""
Stripe, by its official SDK (the extra ``stripe``). Its events are signed; what they name is asked for all the same.

A payment is a PaymentIntent, from the till to the last dispute; the till itself is a Checkout Session, which knows its
PaymentIntent once somebody has paid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from billing.gateways.amounts import from_minor
from billing.gateways.notices import Notice, SignatureWrong
from billing.gateways.provider import (
    Movement,
    NoticeOfNothing,
    Order,
    Provider,
    ProviderRefused,
    ProviderUnavailable,
    Repayment,
    Started,
)
from billing.gateways.returning import address_after
from billing.gateways.stripe_client import Said, asked_of, client, found, is_signed, paged
from billing.rules.payment_events import Fact, Kind
from core.api import strict_json
from core.api.errors import BodyMalformed
from core.money import Money

_ID: Final = re.compile(r"[a-z]{2,4}_[0-9A-Za-z_]{1,250}", re.ASCII)
_PAGE: Final = 100
# What is told of a payment, a refund or a dispute, and of nothing else.
_EVENTS: Final = ("checkout.session.", "payment_intent.", "charge.", "refund.")
# What opens what belongs to whoever pays.
_PRIVATE: Final = frozenset(
    {
        *("client_secret", "receipt_email", "shipping", "billing_details"),
        *("customer_details", "customer_email", "collected_information", "shipping_details"),
    }
)
# A refund that is none.
_FAILED: Final = frozenset({"failed", "canceled"})
_VERDICTS: Final = {"won": Kind.DISPUTE_WON, "lost": Kind.DISPUTE_LOST}


class Stripe:
    """One account's payments, refunds and disputes."""

    code = "stripe"
    sends_refunds = True
    refunds_parts = True
    charges_agreements = True
    is_local = False

    def start(self, order: Order) -> Started:
        bound = {"invoice": str(order.invoice_id)}
        product = {"name": order.title, "description": order.description or order.title}
        price = {
            "currency": order.amount.currency.lower(),
            "unit_amount": order.amount.amount,
            "product_data": product,
        }
        asked: dict[str, Any] = {
            "mode": "payment",
            "client_reference_id": str(order.invoice_id),
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": address_after(order),
            "cancel_url": address_after(order),
            "metadata": bound,
            "payment_intent_data": {"metadata": bound},
        }
        if order.saves_method:
            asked["customer_creation"] = "always"
            asked["payment_intent_data"]["setup_future_usage"] = "off_session"
        session = asked_of(
            lambda: client().v1.checkout.sessions.create(asked, {"idempotency_key": order.key})  # type: ignore[arg-type]  # its words are typed one by one
        )
        url = session.get("url") or ""
        if not str(url).startswith(("https://", "http://")) and session.get("status") == "open":
            raise ProviderUnavailable("no address to pay at came")
        return Started(url=url, payment_id=_id(session, "id"))

    def charge(self, order: Order, *, agreement: str) -> Sequence[Fact]:
        customer, _colon, method = agreement.partition(":")
        asked: dict[str, Any] = {
            "amount": order.amount.amount,
            "currency": order.amount.currency.lower(),
            "customer": customer,
            "payment_method": method,
            "off_session": True,
            "confirm": True,
            "description": order.description,
            "metadata": {"invoice": str(order.invoice_id)},
        }
        payment = asked_of(
            lambda: client().v1.payment_intents.create(asked, {"idempotency_key": order.key})  # type: ignore[arg-type]  # as above
        )
        if payment.get("status") not in {"succeeded", "processing"}:
            raise ProviderRefused(str(payment.get("status"))[:64])
        return self._facts_of_payment(payment, "checkout")

    def read_notice(self, body: bytes, *, signature: str) -> Notice | None:
        if not any(is_signed(body, signature, secret) for secret in settings.STRIPE_WEBHOOK_SECRETS):
            raise SignatureWrong
        event = strict_json.loads(body)
        if not isinstance(event, dict):
            raise BodyMalformed
        named = event.get("id")
        if not isinstance(named, str) or not _ID.fullmatch(named):
            return None
        return Notice(event_id=named, payload=event)

    def renew(self, *, agreement: str, details: Mapping[str, Any], is_on: bool) -> None:
        """It renews nothing by itself."""

    def facts_of(self, notice: Said) -> Sequence[Fact]:
        data = notice.get("data")
        told = data.get("object") if isinstance(data, Mapping) else None
        if not str(notice.get("type", "")).startswith(_EVENTS) or not isinstance(told, Mapping):
            return ()
        if notice.get("type") == "checkout.session.expired":
            return self._facts_of_session(str(told.get("id")), "webhook")
        payment_id = told.get("id") if told.get("object") == "payment_intent" else told.get("payment_intent")
        if not isinstance(payment_id, str) or not payment_id.startswith("pi_"):
            return ()
        at = notice.get("created")
        facts = self._everything(payment_id, "webhook", told_at=at if isinstance(at, int) else None)
        if not facts:
            raise NoticeOfNothing(payment_id[:64])
        return facts

    def look_up(self, payment_id: str) -> Sequence[Fact]:
        if payment_id.startswith("cs_"):
            return self._facts_of_session(payment_id, "poll")
        return self._everything(payment_id, "poll") if payment_id.startswith("pi_") else ()

    def refund(self, repayment: Repayment) -> Sequence[Fact]:
        # Keys are kept for a day, and an answer may be waited for longer: first look for what was done already.
        done = self._refunds_of(repayment.payment_id)
        refund = next((each for each in done if _metadata(each).get("refund") == repayment.key), None)
        if refund is None:
            asked: dict[str, Any] = {
                "payment_intent": repayment.payment_id,
                "amount": repayment.amount.amount,
                "metadata": {"refund": repayment.key},
            }
            try:
                refund = asked_of(
                    lambda: client().v1.refunds.create(asked, {"idempotency_key": repayment.key})  # type: ignore[arg-type]  # as above
                )
            except ProviderRefused as refusal:
                # By somebody in Stripe's own dashboard, then: if it is of this amount, it is what we are asked for.
                elsewhere = (
                    each
                    for each in self._refunds_of(repayment.payment_id)
                    if not _metadata(each).get("refund") and each.get("status") not in _FAILED
                )
                refund = next((each for each in elsewhere if each.get("amount") == repayment.amount.amount), None)
                if refusal.code != "charge_already_refunded" or refund is None:
                    raise
        if refund.get("status") in _FAILED:
            raise ProviderRefused(_failure(refund))
        return self._facts_of_refund(refund, "checkout")

    def movements(self, since: datetime) -> Iterator[Movement]:
        created: Any = {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}
        for charge in paged(lambda: client().v1.charges.list(created)):
            if charge.get("status") == "succeeded" and charge.get("captured") is True and charge.get("payment_intent"):
                common = self._common(charge, _id(charge, "payment_intent"), "books")
                yield Movement(self._success(common, _money(charge, "amount_captured"), _moment(charge)))
        for refund in paged(lambda: client().v1.refunds.list(created)):
            for fact in self._facts_of_refund(refund, "books"):
                if fact.kind == Kind.REFUNDED:
                    yield Movement(fact)
        for dispute in paged(lambda: client().v1.disputes.list(created)):
            for fact in self._facts_of_dispute(dispute, "books"):
                yield Movement(fact)

    def _everything(self, payment_id: str, source: str, *, told_at: int | None = None) -> Sequence[Fact]:
        """All that Stripe says of a payment now: messages come in any order, and each leads here."""
        if not _ID.fullmatch(payment_id):
            return ()
        payment = found(lambda: client().v1.payment_intents.retrieve(payment_id))
        if payment is None:
            return ()
        facts = list(self._facts_of_payment(payment, source))
        if payment.get("status") == "succeeded":
            of_it: Any = {"payment_intent": payment_id, "limit": _PAGE}
            for refund in self._refunds_of(payment_id):
                facts.extend(self._facts_of_refund(refund, source, told_at=told_at))
            for dispute in paged(lambda: client().v1.disputes.list(of_it)):
                facts.extend(self._facts_of_dispute(dispute, source, told_at=told_at))
        return facts

    def _facts_of_session(self, session_id: str, source: str) -> Sequence[Fact]:
        """What became of a till: the payment that it led to, or that nobody can pay there any more."""
        if not session_id.startswith("cs_") or not _ID.fullmatch(session_id):
            return ()
        session = found(lambda: client().v1.checkout.sessions.retrieve(session_id))
        if session is None:
            return ()
        payment_id = str(session.get("payment_intent") or "")
        facts = list(self._everything(payment_id, source)) if payment_id.startswith("pi_") else []
        if session.get("status") == "expired":
            # It does not say when.
            at, common = _moment(session), self._common(session, session_id, source)
            facts.append(Fact(event_id=f"{session_id}:expired", kind=Kind.CANCELLED, occurred_at=at, **common))
        return facts

    def _refunds_of(self, payment_id: str) -> list[Said]:
        of_it: Any = {"payment_intent": payment_id, "limit": _PAGE}
        return list(paged(lambda: client().v1.refunds.list(of_it)))

    def _common(self, said: Said, payment_id: str, source: str) -> dict[str, Any]:
        return {
            "provider": self.code,
            "payment_id": payment_id,
            "source": source,
            "invoice_id": _invoice(said),
            "is_test": said.get("livemode") is not True,
            "payload": {name: value for name, value in said.items() if name not in _PRIVATE},
        }

    def _success(self, common: dict[str, Any], amount: Money, at: datetime, agreement: str = "") -> Fact:
        details = {"agreement": agreement} if agreement else {}
        named = f"{common['payment_id']}:succeeded"
        return Fact(event_id=named, kind=Kind.SUCCEEDED, amount=amount, occurred_at=at, details=details, **common)

    def _facts_of_payment(self, payment: Said, source: str) -> Sequence[Fact]:
        named, at = _id(payment, "id"), _moment(payment)
        common, amount = self._common(payment, named, source), _money(payment, "amount")
        facts = [Fact(event_id=f"{named}:created", kind=Kind.CREATED, amount=amount, occurred_at=at, **common)]
        if payment.get("status") == "succeeded":
            facts.append(self._success(common, _money(payment, "amount_received"), at, _agreement(payment)))
        elif payment.get("status") == "canceled":
            cancelled = Fact(
                event_id=f"{named}:cancelled", kind=Kind.CANCELLED, amount=amount, occurred_at=at, **common
            )
            facts.append(cancelled)
        return facts

    def _facts_of_refund(self, refund: Said, source: str, *, told_at: int | None = None) -> Sequence[Fact]:
        if refund.get("status") not in {"succeeded", *_FAILED} or not refund.get("payment_intent"):
            return ()
        named, begun = _id(refund, "id"), _moment(refund)
        if refund["status"] == "succeeded":
            return (self._outward(refund, Kind.REFUNDED, named, source, begun),)
        # Also after it had succeeded: the payer's bank may send the money back for weeks.
        at = begun if told_at is None else max(begun, datetime.fromtimestamp(told_at, UTC))
        failed = self._outward(refund, Kind.REFUND_FAILED, f"{named}:failed", source, at)
        return (replace(failed, details={"failure": _failure(refund)}),)

    def _facts_of_dispute(self, dispute: Said, source: str, *, told_at: int | None = None) -> Sequence[Fact]:
        status = str(dispute.get("status"))
        # An inquiry is a question, and no money moves for it.
        if status.startswith("warning_") or not dispute.get("payment_intent"):
            return ()
        named, begun = _id(dispute, "id"), _moment(dispute)
        facts = [self._outward(dispute, Kind.DISPUTE_OPENED, f"{named}:opened", source, begun)]
        if verdict := _VERDICTS.get(status):
            # The dispute does not say when; whoever told of it does.
            at = begun if told_at is None else max(begun, datetime.fromtimestamp(told_at, UTC))
            facts.append(self._outward(dispute, verdict, f"{named}:{status}", source, at))
        return facts

    def _outward(self, said: Said, kind: Kind, event_id: str, source: str, at: datetime) -> Fact:
        return Fact(
            provider=self.code,
            event_id=event_id,
            kind=kind,
            payment_id=_id(said, "payment_intent"),
            occurred_at=at,
            source=source,
            amount=_money(said, "amount"),
            reference=_id(said, "id"),
            payload=said,
        )


def make() -> Provider:
    return Stripe()


def _money(said: Said, name: str) -> Money:
    try:
        return from_minor(said.get(name), said.get("currency"))
    except ValueError as error:
        raise ProviderUnavailable(str(error)) from error


def _id(said: Said, name: str) -> str:
    named = said.get(name)
    if not isinstance(named, str) or not _ID.fullmatch(named):
        raise ProviderUnavailable(f"{name} is none")
    return named


def _moment(said: Said) -> datetime:
    created = said.get("created")
    if isinstance(created, bool) or not isinstance(created, int) or not 0 < created < 2**34:
        raise ProviderUnavailable("created is no moment")
    return datetime.fromtimestamp(created, UTC)


def _metadata(said: Said) -> Said:
    metadata = said.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _failure(refund: Said) -> str:
    return str(refund.get("failure_reason") or refund["status"])[:64]


def _invoice(payment: Said) -> UUID | None:
    try:
        return UUID(str(_metadata(payment).get("invoice")))
    except ValueError:
        return None


def _agreement(payment: Said) -> str:
    """Whom and what to charge later: ``<customer>:<method>``."""
    if payment.get("setup_future_usage") != "off_session":
        return ""
    customer, method = payment.get("customer"), payment.get("payment_method")
    return f"{customer}:{method}" if isinstance(customer, str) and isinstance(method, str) else ""
