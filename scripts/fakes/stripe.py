"""
A made-up Stripe: Checkout Sessions, PaymentIntents, refunds, disputes, lists, a till, and events that are signed.

What people do at the till and in the dashboard is done by forms, or by ``POST /stripe/_deeds``:
``{"deed": "pay", "session": id, "times": 2, "changes": {"amount_received": 1}}``, ``decline``, ``refund`` (made in the
dashboard; ``payment``, ``amount`` in minor units), ``refuse_refunds``, ``hold_refunds``, ``finish_refund``,
``fail_refund`` (``refund``, ``reason``; also one that had succeeded), ``decline_card`` (``method``), ``dispute``
(``payment``; ``is_inquiry``), ``judge`` (``dispute``, ``verdict``) and ``tell`` (any event).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from scripts.fakes import tills
from scripts.fakes.faults import Fault
from scripts.fakes.server import Answer, Request, Route, Service
from scripts.fakes.stripe_account import Account, Row, shown
from scripts.fakes.stripe_forms import RefusedError, check_payment, check_refund, check_session, unfolded

_NAME: Final = "Stripe"
_COLOUR: Final = "#635bff"
_KINDS: Final = {401: "invalid_request_error", 429: "rate_limit_error"}
_FILTERS: Final = {"limit", "starting_after", "payment_intent", "created[gte]"}


class Stripe(Service):
    """
    :param webhook: where events go; empty for nowhere: they are kept in the account
    :param webhook_secrets: what events are signed with; two during a rotation
    :param key: the only account's secret key; any by default. One that begins with ``sk_test_`` makes play money
    """

    name = "stripe"

    def __init__(self, *, webhook: str = "", webhook_secrets: Sequence[str] = ("whsec_x",), key: str = "") -> None:
        self.account = Account(webhook, webhook_secrets)
        self._key = key
        self._answered: dict[str, tuple[tuple[str, bytes], Answer]] = {}

    def routes(self) -> Sequence[Route]:
        till = r"/till/(?P<session>\w+)"
        return [
            Route("POST", "/v1/checkout/sessions", self._once(self._new_session)),
            Route("GET", r"/v1/checkout/sessions/(?P<named>\w+)", self._one("checkout.session")),
            Route("POST", "/v1/payment_intents", self._once(self._new_payment)),
            Route("GET", r"/v1/payment_intents/(?P<named>\w+)", self._one("payment_intent")),
            Route("POST", "/v1/refunds", self._once(self._new_refund)),
            Route("GET", "/v1/refunds", self._list("refund")),
            Route("GET", "/v1/disputes", self._list("dispute")),
            Route("GET", "/v1/charges", self._list("charge")),
            Route("GET", till, self._till),
            Route("POST", f"{till}/pay", self._pay_at_till),
            Route("POST", f"{till}/decline", self._decline_at_till),
            Route("POST", "/_deeds", self._deed),
        ]

    def refusal(self, fault: Fault) -> Answer:
        kind = _KINDS.get(fault.status, "invalid_request_error" if fault.status < 500 else "api_error")
        return _refused(RefusedError(fault.says or "made up", kind=kind, status=fault.status))

    def reset(self) -> None:
        with self.account.lock:
            self.account.forget()
            self._answered.clear()

    def close(self) -> None:
        self.account.close()

    def forget_keys(self) -> None:
        """As happens to each after a day."""
        with self.account.lock:
            self._answered.clear()

    # The account's requests.

    def _once(self, make: Callable[[Request, Mapping[str, Any]], Row]) -> Callable[[Request], Answer]:
        """The same key again gives the first answer back, be it a bank's refusal; with anything else, it is refused."""

        def answer(request: Request) -> Answer:
            key = request.headers.get("idempotency-key", "")
            asked = request.path, request.body
            with self.account.lock:
                try:
                    self._check_key(request)
                    first = self._answered.get(key) if key else None
                    if first is not None and first[0] != asked:
                        raise RefusedError("Keys for idempotent requests …", kind="idempotency_error")
                    if first is not None:
                        return first[1]
                    said = Answer.json(make(request, unfolded(request.form())))
                except RefusedError as refusal:
                    said = _refused(refusal)
                    # What was wrong with a request may be mended under its key; what a bank said stays said.
                    if refusal.kind != "card_error":
                        return said
                self._answered[key] = (asked, said)
                return said

        return answer

    def _new_session(self, request: Request, said: Mapping[str, Any]) -> Row:
        price = check_session(said)
        amount = int(price["unit_amount"])
        if request.fault and request.fault.kind == "wrong_amount":
            amount += request.fault.by
        session = self.account.row(
            "checkout.session",
            "cs",
            amount_total=amount,
            currency=price["currency"],
            client_reference_id=said.get("client_reference_id"),
            metadata=said.get("metadata", {}),
            mode="payment",
            payment_intent=None,
            payment_status="unpaid",
            status="open",
            success_url=said["success_url"],
            cancel_url=said["cancel_url"],
        )
        session["url"] = f"{request.host}/{self.name}/till/{session['id']}"
        # What Stripe itself does not show.
        session["_title"] = price["product_data"]["name"]
        session["_of_payment"] = said.get("payment_intent_data", {})
        return shown(session)

    def _new_payment(self, _request: Request, said: Mapping[str, Any]) -> Row:
        amount = check_payment(said)
        method = str(said.get("payment_method"))
        if method not in self.account.cards:
            raise RefusedError(f"No such PaymentMethod: {method}", code="resource_missing")
        if not self.account.cards[method]:
            raise RefusedError(
                "Your card was declined.", code="card_declined", kind="card_error", status=402, decline="stolen_card"
            )
        payment = self.account.payment(amount, str(said["currency"]), said.get("metadata", {}))
        payment |= {"customer": said.get("customer"), "payment_method": method}
        self.account.succeed(payment, {})
        return payment

    def _new_refund(self, _request: Request, said: Mapping[str, Any]) -> Row:
        check_refund(said)
        refund = self.account.refund(str(said.get("payment_intent")), said.get("amount"), said.get("metadata", {}))
        if self.account.refund_refusal:
            refund |= {"status": "failed", "failure_reason": self.account.refund_refusal}
        elif not self.account.refunds_wait:
            self.account.finish(refund)
        return refund

    def _one(self, kind: str) -> Callable[..., Answer]:
        def answer(request: Request, *, named: str) -> Answer:
            try:
                self._check_key(request)
                with self.account.lock:
                    if named not in self.account.kept[kind]:
                        raise RefusedError(f"No such {kind}: {named}", code="resource_missing", status=404)
                    return Answer.json(shown(self.account.kept[kind][named]))
            except RefusedError as refusal:
                return _refused(refusal)

        return answer

    def _list(self, kind: str) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            query = request.query
            try:
                self._check_key(request)
                if unknown := sorted(set(query) - _FILTERS):
                    raise RefusedError(f"Received unknown parameter: {unknown[0]}", code="parameter_unknown")
                limit = int(query.get("limit", "10"))
                if not 1 <= limit <= 100:
                    raise RefusedError("Limit must be 1 to 100")
            except RefusedError as refusal:
                return _refused(refusal)
            since, payment = int(query.get("created[gte]", "0")), query.get("payment_intent")
            with self.account.lock:
                kept = list(reversed(list(self.account.kept[kind].values())))
                rows = [each for each in kept if each["created"] >= since]
                rows = [copy.deepcopy(each) for each in rows if payment in (None, each.get("payment_intent"))]
            if after := query.get("starting_after"):
                rows = rows[[row["id"] for row in rows].index(after) + 1 :]
            found = {"object": "list", "url": request.path, "data": rows[:limit], "has_more": len(rows) > limit}
            return Answer.json(found)

        return answer

    def _check_key(self, request: Request) -> None:
        kind, _space, shown = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or not shown or (self._key and shown != self._key):
            raise RefusedError("Invalid API Key provided", status=401)
        self.account.is_live = not shown.startswith("sk_test_")

    # People.

    def _till(self, _request: Request, *, session: str) -> Answer:
        row = self.account.kept["checkout.session"].get(session)
        if row is None or row["status"] != "open":
            is_paid = row is not None and row["status"] == "complete"
            says = "This payment was made already." if is_paid else "There is nothing to pay here."
            return tills.ended(name=_NAME, colour=_COLOUR, says=says, onward=row["success_url"] if row else "")
        amount, is_kept = row["amount_total"], bool(row["_of_payment"].get("setup_future_usage"))
        return tills.till(
            name=_NAME,
            colour=_COLOUR,
            address=session,
            title=row["_title"],
            price=tills.shown(f"{amount // 100}.{amount % 100:02}", row["currency"]),
            note="The card is kept for renewals, until you cancel." if is_kept else "",
        )

    def _pay_at_till(self, request: Request, *, session: str) -> Answer:
        times = 2 if request.fault and request.fault.kind == "duplicate" else 1
        with self.account.lock:
            row = self.account.kept["checkout.session"].get(session)
            if row is not None and row["status"] == "open":
                self.account.pay(row, {}, times=times)
        return Answer.elsewhere(row["success_url"]) if row else self._till(request, session=session)

    def _decline_at_till(self, request: Request, *, session: str) -> Answer:
        row = self.account.kept["checkout.session"].get(session)
        # Whoever turns round there may come back: the session stays open.
        return Answer.elsewhere(row["cancel_url"]) if row else self._till(request, session=session)

    def _deed(self, request: Request) -> Answer:
        try:
            with self.account.lock:
                return Answer.json(shown(self.account.do(request.json())))
        except RefusedError as refusal:
            return _refused(refusal)
        except (ValueError, KeyError, TypeError) as error:
            return Answer.json({"error": f"{type(error).__name__}: {error}"}, status=400)


def _refused(refusal: RefusedError) -> Answer:
    error = {"type": refusal.kind, "message": refusal.says}
    error |= {name: value for name, value in (("code", refusal.code), ("decline_code", refusal.decline)) if value}
    return Answer.json({"error": error}, status=refusal.status)
