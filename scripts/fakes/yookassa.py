"""
A made-up YooKassa: payments, refunds, lists, saved methods, a till, a cabinet, and notifications that nobody signs.

What people do at the till and in the cabinet is done by forms, or by ``POST /yookassa/_deeds``:
``{"deed": "pay", "payment": id, "times": 2, "changes": {"test": true}}``, ``decline``, ``refund`` (made in the
cabinet; ``amount`` as a decimal), ``refuse_refunds``, ``hold_refunds``, ``finish_refund``, ``cancel_refund``,
``revoke_method`` and ``forge`` (a notification of ``body`` that nothing stands behind).
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from threading import RLock
from typing import Any, Final
from uuid import uuid4

from scripts.fakes import tills
from scripts.fakes.courier import Courier, Parcel
from scripts.fakes.faults import Fault
from scripts.fakes.server import Answer, Request, Route, Service
from scripts.fakes.yookassa_checks import BadRequestError, check_amount, check_payment, check_refund

_NAME: Final = "YooKassa"
_COLOUR: Final = "#8b3ffd"
_CODES: Final = {401: "invalid_credentials", 403: "forbidden", 404: "not_found", 429: "too_many_requests"}
_FILTERS: Final = {"status", "payment_id", "created_at.gte", "captured_at.gte", "limit", "cursor"}


class YooKassa(Service):
    """
    :param webhook: where notifications go; empty for nowhere: they are kept in :attr:`told`
    :param shop: the only shop's id and secret key; any by default
    """

    name = "yookassa"

    def __init__(self, *, webhook: str = "", shop: tuple[str, str] | None = None) -> None:
        self._webhook, self._shop = webhook, shop
        self._lock = RLock()
        self.courier = Courier()
        self._forget()

    def _forget(self) -> None:
        # The oldest first.
        self.payments: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []
        self._answered: dict[str, tuple[str, Answer]] = {}
        self._methods: dict[str, bool] = {}
        self._returns: dict[str, str] = {}
        self._refund_refusal = ""
        self._refunds_wait = False

    def routes(self) -> Sequence[Route]:
        till = r"/till/(?P<payment>[\w-]+)"
        return [
            Route("POST", "/v3/payments", self._new_payment),
            Route("GET", "/v3/payments", self._list_payments),
            Route("GET", r"/v3/payments/(?P<named>[\w-]+)", self._one_payment),
            Route("POST", "/v3/refunds", self._new_refund),
            Route("GET", "/v3/refunds", self._list_refunds),
            Route("GET", r"/v3/refunds/(?P<named>[\w-]+)", self._one_refund),
            Route("GET", till, self._till),
            Route("POST", f"{till}/pay", self._pay_at_till),
            Route("POST", f"{till}/decline", self._decline_at_till),
            Route("POST", "/_deeds", self._deed),
        ]

    def refusal(self, fault: Fault) -> Answer:
        return _refused(fault.status, fault.says)

    def reset(self) -> None:
        self.courier.clear()
        with self._lock:
            self._forget()

    def close(self) -> None:
        self.courier.close()

    def forget_keys(self) -> None:
        """As happens to each after a day."""
        with self._lock:
            self._answered.clear()

    # The shop's requests.

    def _new_payment(self, request: Request) -> Answer:
        return self._once(request, self._made_payment)

    def _made_payment(self, request: Request) -> Answer:
        said = check_payment(request.json())
        amount = dict(said["amount"])
        if request.fault and request.fault.kind == "wrong_amount":
            amount["value"] = str(Decimal(amount["value"]) + Decimal(request.fault.by).scaleb(-2))
        payment: dict[str, Any] = {
            "id": _new_id(),
            "status": "pending",
            "amount": amount,
            "description": said.get("description", ""),
            "recipient": {"account_id": _shop_of(request)[0], "gateway_id": "1"},
            "created_at": _now(),
            "paid": False,
            "refundable": False,
            "test": False,
            "metadata": dict(said.get("metadata", {})),
        }
        named = payment["id"]
        if "payment_method_id" in said:
            self._charge(payment, said["payment_method_id"])
            return Answer.json(payment)
        payment["confirmation"] = {
            "type": "redirect",
            "return_url": said["confirmation"]["return_url"],
            "confirmation_url": f"{request.host}/{self.name}/till/{named}",
        }
        # Which of them may be charged later is decided when it is paid.
        payment["payment_method"] = {"type": "bank_card", "id": named, "saved": False}
        self._returns[named] = said["confirmation"]["return_url"]
        self._methods[named] = bool(said.get("save_payment_method"))
        self.payments[named] = payment
        return Answer.json(payment)

    def _charge(self, payment: dict[str, Any], method: str) -> None:
        if method not in self._methods:
            raise BadRequestError("Payment method doesn't exist", parameter="payment_method_id")
        payment["payment_method"] = {"type": "bank_card", "id": method, "saved": True}
        self.payments[payment["id"]] = payment
        if self._methods[method]:
            self._pay(payment, {})
        else:
            self._cancel(payment, "permission_revoked")

    def _new_refund(self, request: Request) -> Answer:
        return self._once(request, self._made_refund)

    def _made_refund(self, request: Request) -> Answer:
        said = check_refund(request.json())
        payment = self.payments.get(str(said.get("payment_id")))
        if payment is None:
            raise BadRequestError("Payment doesn't exist", parameter="payment_id")
        refund = self._refund(payment, said["amount"], said)
        if self._refund_refusal:
            _give_up(refund, self._refund_refusal)
        elif not self._refunds_wait:
            self._finish(refund)
        return Answer.json(refund)

    def _refund(self, payment: dict[str, Any], amount: Mapping[str, str], said: Mapping[str, Any]) -> dict[str, Any]:
        wanted = check_amount(amount)
        if payment["status"] != "succeeded":
            raise BadRequestError("Payment is not refundable", parameter="payment_id")
        kept = [each for each in self.refunds.values() if each["payment_id"] == payment["id"]]
        gone = sum((Decimal(each["amount"]["value"]) for each in kept if each["status"] != "canceled"), Decimal())
        left = Decimal(payment["amount"]["value"]) - gone
        if wanted > left or amount["currency"] != payment["amount"]["currency"]:
            raise BadRequestError(f"Not more than {left} can be refunded", parameter="amount.value")
        refund: dict[str, Any] = {
            "id": _new_id(),
            "payment_id": payment["id"],
            "status": "pending",
            "created_at": _now(),
            "amount": dict(amount),
            "description": said.get("description", ""),
            "metadata": dict(said.get("metadata", {})),
        }
        self.refunds[refund["id"]] = refund
        return refund

    def _finish(self, refund: dict[str, Any], *, times: int = 1) -> None:
        refund["status"] = "succeeded"
        self._tell("refund.succeeded", refund, times=times)

    def _once(self, request: Request, make: Any) -> Answer:
        """The same key again gives the first answer back."""
        key = request.headers.get("idempotence-key", "")
        try:
            self._check_shop(request)
            if not 0 < len(key) <= 64:
                raise BadRequestError("Idempotence key is required", parameter="Idempotence-Key")
            with self._lock:
                first = self._answered.get(f"{request.path} {key}")
                body = json.dumps(request.json(), sort_keys=True)
                if first is not None and first[0] != body:
                    raise BadRequestError("Idempotence key duplicated", parameter="Idempotence-Key")
                answer: Answer = first[1] if first else make(request)
                self._answered[f"{request.path} {key}"] = (body, answer)
                return answer
        except BadRequestError as refusal:
            return _refused(refusal.status, refusal.says, refusal.parameter)
        except ValueError:
            return _refused(400, "Body is no JSON")

    def _list_payments(self, request: Request) -> Answer:
        return self._page(request, self.payments)

    def _list_refunds(self, request: Request) -> Answer:
        return self._page(request, self.refunds)

    def _page(self, request: Request, kept: Mapping[str, dict[str, Any]]) -> Answer:
        try:
            self._check_shop(request)
            if unknown := sorted(set(request.query) - _FILTERS):
                raise BadRequestError("Unknown parameter", parameter=unknown[0])
            limit = int(request.query.get("limit", "10"))
            if not 1 <= limit <= 100:
                raise BadRequestError("1 to 100", parameter="limit")
        except BadRequestError as refusal:
            return _refused(refusal.status, refusal.says, refusal.parameter)
        with self._lock:
            rows = [copy.deepcopy(row) for row in reversed(list(kept.values())) if _passes(row, request.query)]
        if cursor := request.query.get("cursor"):
            rows = rows[[row["id"] for row in rows].index(cursor) :]
        more = {"next_cursor": rows[limit]["id"]} if len(rows) > limit else {}
        return Answer.json({"type": "list", "items": rows[:limit], **more})

    def _one_payment(self, request: Request, *, named: str) -> Answer:
        return self._one(request, self.payments, named)

    def _one_refund(self, request: Request, *, named: str) -> Answer:
        return self._one(request, self.refunds, named)

    def _one(self, request: Request, kept: Mapping[str, dict[str, Any]], named: str) -> Answer:
        try:
            self._check_shop(request)
        except BadRequestError as refusal:
            return _refused(refusal.status, refusal.says)
        with self._lock:
            return Answer.json(kept[named]) if named in kept else _refused(404, "Doesn't exist")

    def _check_shop(self, request: Request) -> None:
        shown = _shop_of(request)
        if not all(shown) or (self._shop is not None and shown != self._shop):
            raise BadRequestError("Error in shopId or secret key", status=401)

    # People.

    def _till(self, _request: Request, *, payment: str) -> Answer:
        row = self.payments.get(payment)
        if row is None:
            return tills.ended(name=_NAME, colour=_COLOUR, says="There is no such payment.")
        if row["status"] != "pending":
            says = "This payment was made already." if row["status"] == "succeeded" else "This payment was cancelled."
            return tills.ended(name=_NAME, colour=_COLOUR, says=says, onward=self._returns[payment])
        return tills.till(
            name=_NAME,
            colour=_COLOUR,
            address=payment,
            title=row["description"] or "A payment",
            price=tills.shown(row["amount"]["value"], row["amount"]["currency"]),
            note="The card is kept for renewals, until you cancel." if self._methods[payment] else "",
        )

    def _pay_at_till(self, request: Request, *, payment: str) -> Answer:
        times = 2 if request.fault and request.fault.kind == "duplicate" else 1
        return self._leave(payment, lambda row: self._pay(row, {}, times=times))

    def _decline_at_till(self, _request: Request, *, payment: str) -> Answer:
        return self._leave(payment, lambda row: self._cancel(row, "canceled_by_payer"))

    def _leave(self, payment: str, do: Any) -> Answer:
        with self._lock:
            row = self.payments.get(payment)
            if row is None:
                return tills.ended(name=_NAME, colour=_COLOUR, says="There is no such payment.")
            if row["status"] == "pending":
                do(row)
        return Answer.elsewhere(self._returns[payment])

    def _pay(self, payment: dict[str, Any], changes: Mapping[str, Any], *, times: int = 1) -> None:
        payment.update({"status": "succeeded", "paid": True, "refundable": True, "captured_at": _now()})
        payment["payment_method"]["saved"] = self._methods[payment["payment_method"]["id"]]
        payment.update(copy.deepcopy(dict(changes)))
        payment.pop("confirmation", None)
        self._tell("payment.succeeded", payment, times=times)

    def _cancel(self, payment: dict[str, Any], reason: str, *, times: int = 1) -> None:
        payment.update({"status": "canceled", "cancellation_details": {"party": "yoo_money", "reason": reason}})
        payment.pop("confirmation", None)
        self._tell("payment.canceled", payment, times=times)

    def _tell(self, event: str, row: Mapping[str, Any], *, times: int = 1) -> None:
        self._send({"type": "notification", "event": event, "object": copy.deepcopy(dict(row))}, times=times)

    def _send(self, notification: dict[str, Any], *, times: int = 1) -> None:
        self.told.append(notification)
        if self._webhook:
            self.courier.send(Parcel(self._webhook, json.dumps(notification).encode(), {}, times))

    def _deed(self, request: Request) -> Answer:
        try:
            with self._lock:
                return Answer.json(self.do(request.json()))
        except (BadRequestError, ValueError, KeyError, TypeError) as error:
            return Answer.json({"error": f"{type(error).__name__}: {error}"}, status=400)

    def do(self, said: Mapping[str, Any]) -> object:
        """
        What somebody does at the till or in the cabinet.

        :raises KeyError: there is no such payment
        :raises BadRequestError: it cannot be done
        """
        times = int(said.get("times", 1))
        match said["deed"]:
            case "pay":
                self._pay(self.payments[said["payment"]], said.get("changes", {}), times=times)
            case "decline":
                self._cancel(self.payments[said["payment"]], str(said.get("reason", "canceled_by_payer")), times=times)
            case "refund":
                payment = self.payments[said["payment"]]
                value = str(said.get("amount", payment["amount"]["value"]))
                refund = self._refund(payment, {**payment["amount"], "value": value}, {})
                self._finish(refund, times=times)
                return refund
            case "refuse_refunds":
                self._refund_refusal = str(said["reason"])
            case "hold_refunds":
                self._refunds_wait = True
            case "finish_refund":
                self._finish(self.refunds[said["refund"]], times=times)
            case "cancel_refund":
                # Of which nobody is told.
                _give_up(self.refunds[said["refund"]], str(said["reason"]))
            case "revoke_method":
                self._methods[said["method"]] = False
            case "forge":
                self._send(said["body"], times=times)
            case other:
                raise ValueError(f"{other!r} is no deed")
        return {"ok": True}


def _give_up(refund: dict[str, Any], reason: str) -> None:
    refund["status"] = "canceled"
    refund["cancellation_details"] = {"party": "yoo_money", "reason": reason}


def _passes(row: Mapping[str, Any], query: Mapping[str, str]) -> bool:
    for name in ("status", "payment_id"):
        if name in query and row.get(name) != query[name]:
            return False
    for name in ("created_at", "captured_at"):
        since = query.get(f"{name}.gte")
        if since and (name not in row or datetime.fromisoformat(row[name]) < datetime.fromisoformat(since)):
            return False
    return True


def _shop_of(request: Request) -> tuple[str, str]:
    kind, _space, shown = request.headers.get("authorization", "").partition(" ")
    try:
        shop, _colon, key = base64.b64decode(shown if kind == "Basic" else "").decode().partition(":")
    except ValueError:
        return "", ""
    return shop, key


def _refused(status: int, says: str, parameter: str = "") -> Answer:
    code = _CODES.get(status, "invalid_request" if status < 500 else "internal_server_error")
    body = {"type": "error", "id": str(uuid4()), "code": code, "description": says or "made up"}
    return Answer.json({**body, "parameter": parameter} if parameter else body, status=status)


def _new_id() -> str:
    """As YooKassa's look: ``2b8e4a3c-000f-5000-9000-1f0c5a6b7d8e``."""
    return f"{secrets.token_hex(4)}-000f-5000-9000-{secrets.token_hex(6)}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
