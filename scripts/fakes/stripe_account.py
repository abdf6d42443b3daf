"""What a made-up Stripe keeps of an account, what happens to it, and what is told of that."""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Mapping, Sequence
from threading import RLock
from typing import Any, Final

from scripts.fakes.courier import Courier, Parcel
from scripts.fakes.stripe_forms import RefusedError
from scripts.fakes.stripe_signing import now, signed

Row = dict[str, Any]

KINDS: Final = ("checkout.session", "payment_intent", "charge", "refund", "dispute")


class Account:
    """
    Used with :attr:`lock` held.

    :param webhook: where events go; empty for nowhere: they are kept in :attr:`told`
    :param webhook_secrets: what events are signed with; two during a rotation
    """

    def __init__(self, webhook: str, webhook_secrets: Sequence[str]) -> None:
        self.lock = RLock()
        self.webhook_secrets = list(webhook_secrets)
        self._webhook = webhook
        self._courier = Courier()
        self.forget()

    def forget(self) -> None:
        """Forget everything but what is signed with."""
        self._courier.clear()
        # The oldest first.
        self.kept: dict[str, dict[str, Row]] = {kind: {} for kind in KINDS}
        # Bodies and signatures.
        self.told: list[tuple[bytes, str]] = []
        # Those that may be charged without their owners, and whether they still may.
        self.cards: dict[str, bool] = {}
        self.refund_refusal = ""
        self.refunds_wait = False
        self.is_live = True

    def close(self) -> None:
        self._courier.close()

    def pay(self, session: Row, changes: Mapping[str, Any], *, times: int = 1) -> Row:
        asked = session["_of_payment"]
        payment = self.payment(session["amount_total"], session["currency"], asked.get("metadata", {}))
        payment["payment_method"] = f"pm_{secrets.token_hex(8)}"
        if asked.get("setup_future_usage"):
            payment |= {"setup_future_usage": asked["setup_future_usage"], "customer": f"cus_{secrets.token_hex(6)}"}
            self.cards[payment["payment_method"]] = True
        session |= {"payment_intent": payment["id"], "payment_status": "paid", "status": "complete", "url": None}
        self.succeed(payment, changes, times=times)
        self._tell("checkout.session.completed", session, times=times)
        return payment

    def payment(self, amount: int, currency: str, metadata: Mapping[str, str]) -> Row:
        return self.row(
            "payment_intent",
            "pi",
            amount=amount,
            amount_received=0,
            client_secret=f"secret_{secrets.token_hex(8)}",
            currency=currency,
            customer=None,
            latest_charge=None,
            metadata=dict(metadata),
            payment_method=None,
            setup_future_usage=None,
            status="requires_payment_method",
        )

    def succeed(self, payment: Row, changes: Mapping[str, Any], *, times: int = 1) -> None:
        payment |= {"status": "succeeded", "amount_received": payment["amount"], **changes}
        charge = self.row(
            "charge",
            "ch",
            amount=payment["amount_received"],
            amount_captured=payment["amount_received"],
            amount_refunded=0,
            captured=True,
            currency=payment["currency"],
            metadata=payment["metadata"],
            payment_intent=payment["id"],
            status="succeeded",
        )
        payment["latest_charge"] = charge["id"]
        self._tell("charge.succeeded", charge, times=times)
        self._tell("payment_intent.succeeded", payment, times=times)

    def row(self, kind: str, prefix: str, **fields: Any) -> Row:
        named = f"{prefix}_{secrets.token_hex(12)}"
        row: Row = {"id": named, "object": kind, "created": now(), "livemode": self.is_live, **fields}
        self.kept[kind][named] = row
        return row

    def _tell(self, type: str, row: Mapping[str, Any], *, times: int = 1) -> None:
        event = {
            "id": f"evt_{secrets.token_hex(12)}",
            "object": "event",
            "created": now(),
            "data": {"object": shown(row)},
            "livemode": self.is_live,
            "type": type,
        }
        self.tell(event, times=times)

    def tell(self, event: Mapping[str, Any], *, times: int = 1) -> None:
        """Send an event, or keep it where nobody listens."""
        body = json.dumps(event).encode()
        signature = signed(body, *self.webhook_secrets)
        self.told.append((body, signature))
        if self._webhook:
            self._courier.send(Parcel(self._webhook, body, {"Stripe-Signature": signature}, times))

    def refund(self, payment_id: str, amount: Any, metadata: Mapping[str, str]) -> Row:
        payment = self.kept["payment_intent"].get(payment_id)
        if payment is None or payment["status"] != "succeeded":
            raise RefusedError(f"No such payment_intent: {payment_id}", code="resource_missing")
        known = [each for each in self.kept["refund"].values() if each["payment_intent"] == payment_id]
        left = payment["amount_received"] - sum(each["amount"] for each in known if each["status"] != "failed")
        if not left:
            raise RefusedError("Charge has already been refunded.", code="charge_already_refunded")
        wanted = left if amount is None else int(amount)
        if wanted > left:
            raise RefusedError("Refund amount is greater than unrefunded amount", code="amount_too_large")
        return self.row(
            "refund",
            "re",
            amount=wanted,
            currency=payment["currency"],
            charge=payment["latest_charge"],
            payment_intent=payment_id,
            metadata=dict(metadata),
            status="pending",
        )

    def finish(self, refund: Row, *, times: int = 1) -> None:
        refund["status"] = "succeeded"
        charge = self.kept["charge"][refund["charge"]]
        charge["amount_refunded"] += refund["amount"]
        self._tell("charge.refunded", charge, times=times)
        self._tell("refund.updated", refund, times=times)

    def fail(self, refund: Row, reason: str, *, times: int = 1) -> None:
        """The payer's bank sends the money back, be it weeks later."""
        if refund["status"] == "succeeded":
            self.kept["charge"][refund["charge"]]["amount_refunded"] -= refund["amount"]
        refund |= {"status": "failed", "failure_reason": reason}
        self._tell("refund.failed", refund, times=times)

    def do(self, said: Mapping[str, Any]) -> Row:
        """
        What somebody does at the till, in the dashboard or at their bank.

        :raises KeyError: there is no such thing
        :raises RefusedError: it cannot be done
        """
        times = int(said.get("times", 1))
        match said["deed"]:
            case "pay":
                return self.pay(self.kept["checkout.session"][said["session"]], said.get("changes", {}), times=times)
            case "decline":
                session = self.kept["checkout.session"][said["session"]]
                session["status"] = "expired"
                self._tell("checkout.session.expired", session, times=times)
                return session
            case "refund":
                refund = self.refund(said["payment"], said.get("amount"), {})
                self.finish(refund, times=times)
                return refund
            case "finish_refund":
                self.finish(self.kept["refund"][said["refund"]], times=times)
            case "fail_refund":
                self.fail(self.kept["refund"][said["refund"]], str(said["reason"]), times=times)
            case "refuse_refunds":
                self.refund_refusal = str(said["reason"])
            case "hold_refunds":
                self.refunds_wait = True
            case "decline_card":
                self.cards[said["method"]] = False
            case "dispute":
                return self._dispute(said["payment"], is_inquiry=bool(said.get("is_inquiry")), times=times)
            case "judge":
                dispute = self.kept["dispute"][said["dispute"]]
                dispute["status"] = str(said["verdict"])
                self._tell("charge.dispute.closed", dispute, times=times)
                return dispute
            case "tell":
                self.tell(said["event"], times=times)
            case other:
                raise ValueError(f"{other!r} is no deed")
        return {"ok": True}

    def _dispute(self, payment_id: str, *, is_inquiry: bool, times: int) -> Row:
        payment = self.kept["payment_intent"][payment_id]
        dispute = self.row(
            "dispute",
            "dp",
            amount=payment["amount_received"],
            charge=payment["latest_charge"],
            currency=payment["currency"],
            metadata={},
            payment_intent=payment_id,
            reason="fraudulent",
            status="warning_needs_response" if is_inquiry else "needs_response",
        )
        self._tell("charge.dispute.created", dispute, times=times)
        return dispute


def shown(row: Mapping[str, Any]) -> Row:
    """A row as it is told: without what its name hides."""
    return {name: copy.deepcopy(value) for name, value in row.items() if not name.startswith("_")}
