"""
YooKassa. Its notifications are not signed: what one names is asked for, and that alone is believed.

Own thin client: the official SDK has no time-outs and keeps its credentials per process.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from billing.gateways.amounts import as_decimal, from_decimal
from billing.gateways.answers import Answer, ask
from billing.gateways.notices import Notice
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
from billing.rules.payment_events import Fact, Kind
from core.api import strict_json
from core.api.errors import BodyMalformed
from core.money import Money

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_PAGE: Final = "100"
_LONGEST_DESCRIPTION: Final = 128
# Refusals after which a repetition may do better: wrong credentials are mended, and the others say so themselves.
_PASSING: Final = frozenset({401, 408, 409, 425, 429})

Said = Mapping[str, Any]


class YooKassa:
    """One shop's payments and refunds."""

    code = "yookassa"
    sends_refunds = True
    refunds_parts = True
    charges_agreements = True
    is_local = False

    def start(self, order: Order) -> Started:
        asked = {
            **_asked(order),
            "confirmation": {"type": "redirect", "return_url": address_after(order)},
            "save_payment_method": order.saves_method,
        }
        payment = self._post("/payments", asked, key=order.key)
        confirmation = payment.get("confirmation")
        url = confirmation.get("confirmation_url", "") if isinstance(confirmation, Mapping) else ""
        facts = self._facts_of_payment(payment, "checkout")
        # A repetition after it was paid has nowhere to go any more.
        if not _is_address(url) and payment.get("status") == "pending":
            raise ProviderUnavailable("no address to pay at came")
        return Started(url=url if _is_address(url) else "", payment_id=facts[0].payment_id, facts=facts)

    def charge(self, order: Order, *, agreement: str) -> Sequence[Fact]:
        payment = self._post("/payments", {**_asked(order), "payment_method_id": agreement}, key=order.key)
        if payment.get("status") == "canceled":
            raise ProviderRefused(_reason(payment))
        return self._facts_of_payment(payment, "checkout")

    def read_notice(self, body: bytes, *, signature: str) -> Notice | None:
        payload = strict_json.loads(body)
        if not isinstance(payload, dict):
            raise BodyMalformed
        if _named(payload) is None:
            return None
        # By all that it says: whoever sends a false one first does not make the true one a repetition of it.
        return Notice(event_id=hashlib.sha256(body).hexdigest(), payload=payload)

    def renew(self, *, agreement: str, details: Mapping[str, Any], is_on: bool) -> None:
        """It renews nothing by itself."""

    def facts_of(self, notice: Said) -> Sequence[Fact]:
        found = _named(notice)
        if found is None:
            return ()
        kind, named = found
        if kind not in {"payment", "refund"}:
            return ()
        told = self._find(f"/{kind}s/{named}")
        if not told:
            raise NoticeOfNothing(f"{kind} {named}")
        if kind == "payment":
            return self._facts_of_payment(told, "webhook")
        payment = self._find(f"/payments/{_id(told, 'payment_id')}")
        return [
            *(self._facts_of_payment(payment, "webhook") if payment else ()),
            *self._facts_of_refund(told, "webhook"),
        ]

    def look_up(self, payment_id: str) -> Sequence[Fact]:
        if not _ID.fullmatch(payment_id):
            return ()
        payment = self._find(f"/payments/{payment_id}")
        if not payment:
            return ()
        facts = list(self._facts_of_payment(payment, "poll"))
        if payment.get("status") == "succeeded":
            for refund in self._list("/refunds", payment_id=payment_id):
                facts.extend(self._facts_of_refund(refund, "poll"))
        return facts

    def refund(self, repayment: Repayment) -> Sequence[Fact]:
        # Its keys are good for a day, and an answer may be waited for longer: first look for what was done already.
        done = self._list("/refunds", payment_id=repayment.payment_id)
        refund = next((each for each in done if _metadata(each).get("refund") == repayment.key), None)
        if refund is None:
            asked = {
                "payment_id": repayment.payment_id,
                "amount": _amount(repayment.amount),
                "description": repayment.reason[:250],
                "metadata": {"refund": repayment.key},
            }
            refund = self._post("/refunds", asked, key=repayment.key)
        if refund.get("status") == "canceled":
            raise ProviderRefused(_reason(refund))
        return self._facts_of_refund(refund, "checkout")

    def movements(self, since: datetime) -> Iterator[Movement]:
        moment = since.isoformat()
        for payment in self._list("/payments", status="succeeded", **{"captured_at.gte": moment}):
            for fact in self._facts_of_payment(payment, "books"):
                if fact.kind == Kind.SUCCEEDED:
                    yield Movement(fact)
        for refund in self._list("/refunds", status="succeeded", **{"created_at.gte": moment}):
            for fact in self._facts_of_refund(refund, "books"):
                yield Movement(fact)

    def _facts_of_payment(self, payment: Said, source: str) -> Sequence[Fact]:
        named = _id(payment, "id")
        begun = _moment(payment, "created_at")
        common: dict[str, Any] = {
            "provider": self.code,
            "payment_id": named,
            "source": source,
            "amount": _money(payment),
            "invoice_id": _invoice(payment),
            "is_test": payment.get("test") is not False,
            "payload": payment,
        }
        facts = [Fact(event_id=f"{named}:created", kind=Kind.CREATED, occurred_at=begun, **common)]
        if payment.get("status") == "succeeded" and payment.get("paid") is True:
            at = _moment(payment, "captured_at") if payment.get("captured_at") else begun
            agreement = _agreement(payment)
            common["details"] = {"agreement": agreement} if agreement else {}
            facts.append(Fact(event_id=f"{named}:succeeded", kind=Kind.SUCCEEDED, occurred_at=at, **common))
        elif payment.get("status") == "canceled":
            # It does not say when.
            facts.append(Fact(event_id=f"{named}:cancelled", kind=Kind.CANCELLED, occurred_at=begun, **common))
        return facts

    def _facts_of_refund(self, refund: Said, source: str) -> Sequence[Fact]:
        if refund.get("status") != "succeeded":
            return ()
        named = _id(refund, "id")
        fact = Fact(
            provider=self.code,
            event_id=named,
            kind=Kind.REFUNDED,
            payment_id=_id(refund, "payment_id"),
            occurred_at=_moment(refund, "created_at"),
            source=source,
            amount=_money(refund),
            reference=named,
            payload=refund,
        )
        return (fact,)

    def _list(self, path: str, **query: str) -> Iterator[Said]:
        """All of a list, page by page."""
        asked = {**query, "limit": _PAGE}
        seen = set()
        while True:
            page = self._get(path, **asked)
            items = page.get("items")
            if not isinstance(items, list):
                raise ProviderUnavailable("a list without items came")
            yield from (each for each in items if isinstance(each, Mapping))
            cursor = page.get("next_cursor")
            if not cursor:
                return
            if not isinstance(cursor, str) or cursor in seen:
                raise ProviderUnavailable("a list goes round in a circle")
            seen.add(cursor)
            asked["cursor"] = cursor

    def _find(self, path: str) -> Said | None:
        try:
            return self._get(path)
        except ProviderRefused as refusal:
            if refusal.code != "not_found":
                raise
            return None

    def _get(self, path: str, **query: str) -> Said:
        return _judged(ask("GET", _url(path), auth=_credentials(), query=query))

    def _post(self, path: str, body: Said, *, key: str) -> Said:
        headers = {"Idempotence-Key": key}
        return _judged(ask("POST", _url(path), auth=_credentials(), body=body, headers=headers))


def make() -> Provider:
    return YooKassa()


def _url(path: str) -> str:
    return f"{settings.YOOKASSA_API_BASE}{path}"


def _credentials() -> tuple[str, str]:
    return settings.YOOKASSA_SHOP_ID, settings.YOOKASSA_SECRET_KEY


def _judged(answer: Answer) -> Said:
    """What it says, if it says anything: a page of some proxy between does not."""
    if answer.status == 200 and answer.value:
        return answer.value
    is_refusal = 400 <= answer.status < 500 and answer.status not in _PASSING and answer.value.get("type") == "error"
    if is_refusal:
        said = str(answer.value.get("description", ""))[:500]
        raise ProviderRefused(str(answer.value.get("code", answer.status))[:64], said)
    raise ProviderUnavailable(f"it answered {answer.status}")


def _named(notice: Said) -> tuple[str, str] | None:
    """What a notification is about: ``payment`` or ``refund`` or another word, and an id."""
    event, told = notice.get("event"), notice.get("object")
    named = told.get("id") if isinstance(told, Mapping) else None
    if not isinstance(event, str) or not isinstance(named, str) or not _ID.fullmatch(named):
        return None
    return event.partition(".")[0], named


def _asked(order: Order) -> dict[str, Any]:
    return {
        "amount": _amount(order.amount),
        "capture": True,
        "description": order.description[:_LONGEST_DESCRIPTION],
        "metadata": {"invoice": str(order.invoice_id)},
    }


def _amount(money: Money) -> dict[str, str]:
    return {"value": as_decimal(money), "currency": money.currency}


def _money(said: Said) -> Money:
    amount = said.get("amount")
    told = amount if isinstance(amount, Mapping) else {}
    try:
        return from_decimal(told.get("value"), told.get("currency"))
    except ValueError as error:
        raise ProviderUnavailable(str(error)) from error


def _id(said: Said, name: str) -> str:
    named = said.get(name)
    if not isinstance(named, str) or not _ID.fullmatch(named):
        raise ProviderUnavailable(f"{name} is none")
    return named


def _moment(said: Said, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(said.get(name)))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ProviderUnavailable(f"{name} is no moment")
    return moment


def _metadata(said: Said) -> Said:
    metadata = said.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _invoice(payment: Said) -> UUID | None:
    try:
        return UUID(str(_metadata(payment).get("invoice")))
    except ValueError:
        return None


def _agreement(payment: Said) -> str:
    method = payment.get("payment_method")
    if not isinstance(method, Mapping) or method.get("saved") is not True:
        return ""
    return _id(method, "id")


def _reason(said: Said) -> str:
    details = said.get("cancellation_details")
    told = details.get("reason") if isinstance(details, Mapping) else None
    return str(told or "canceled")[:64]


def _is_address(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("https://", "http://")) and len(url) <= 2048
