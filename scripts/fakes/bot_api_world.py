"""The made-up Telegram behind the Bot API: bots, people who pay, Stars that come and go."""

from __future__ import annotations

import json
import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, Final

from scripts.fakes.bot_api_checks import MONTH, BadRequestError
from scripts.fakes.courier import Courier, Parcel

PRE_CHECKOUT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Payer:
    """Somebody with Telegram."""

    id: int
    first_name: str = "Anna"
    language_code: str = "en"

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "is_bot": False,
            "first_name": self.first_name,
            "language_code": self.language_code,
        }


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a link leads to."""

    slug: str
    title: str
    description: str
    payload: str
    currency: str
    total: int
    period: int | None = None


@dataclass(slots=True)
class Charge:
    """Money that somebody paid."""

    id: str
    invoice: Invoice
    payer: Payer
    amount: int
    currency: str
    expires: int | None = None
    is_refunded: bool = False
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Paid:
    """
    How an attempt to pay ended.

    :param status: ``paid``, ``declined`` or ``timeout``
    :param says: what the bot told the payer
    """

    status: str
    says: str = ""
    charge_id: str = ""

    def as_json(self) -> dict[str, str]:
        return {"status": self.status, "error_message": self.says, "charge_id": self.charge_id}


@dataclass
class World:
    """Everything that one bot sees of Telegram. Its lock is :attr:`turn`."""

    token: str
    webhook: dict[str, Any] = field(default_factory=dict)
    waiting: deque[dict[str, Any]] = field(default_factory=deque)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    charges: dict[str, Charge] = field(default_factory=dict)
    transactions: list[dict[str, Any]] = field(default_factory=list)
    blocked: set[int] = field(default_factory=set)
    turn: Condition = field(default_factory=Condition)
    courier: Courier = field(default_factory=Courier)
    _asked: dict[str, tuple[bool, str] | None] = field(default_factory=dict)
    _number: int = 0

    @property
    def bot_id(self) -> int:
        return int(self.token.partition(":")[0])

    def add(self, invoice: Invoice) -> None:
        with self.turn:
            self.invoices[invoice.slug] = invoice

    def find(self, link: str) -> Invoice:
        """
        The invoice behind a link or its last part.

        :raises BadRequestError: there is none
        """
        invoice = self.invoices.get(link.rstrip("/").rpartition("/")[2])
        if invoice is None:
            raise BadRequestError("INVOICE_NOT_FOUND")
        return invoice

    def charge(self, charge_id: str) -> Charge:
        """
        :raises BadRequestError: nothing was paid under this id
        """
        charge = self.charges.get(charge_id)
        if charge is None:
            raise BadRequestError("CHARGE_NOT_FOUND")
        return charge

    def pay(self, invoice: Invoice, payer: Payer, changes: Mapping[str, Any]) -> Paid:
        """
        What happens when somebody presses "Pay": the bot is asked first, and told afterwards.

        :param changes: ``amount``, ``currency`` and ``payload`` instead of the invoice's; ``times`` for how often the
            bot is told; ``unasked`` to skip the question; ``expires`` for the end of the subscription's period
        """
        amount = int(changes.get("amount", invoice.total))
        currency = str(changes.get("currency", invoice.currency))
        payload = str(changes.get("payload", invoice.payload))
        if not changes.get("unasked"):
            refused = self._ask(payer, amount, currency, payload)
            if refused is not None:
                return refused
        charge = Charge(f"stx{secrets.token_urlsafe(24)}", invoice, payer, amount, currency)
        if invoice.period:
            charge.expires = int(changes.get("expires") or time.time() + invoice.period)
        self._take(charge, payload, times=int(changes.get("times", 1)), is_first=True)
        return Paid("paid", charge_id=charge.id)

    def renew(self, charge: Charge, changes: Mapping[str, Any]) -> Paid:
        """The next month of a subscription: the old payload, a new charge."""
        if charge.expires is None or charge.is_cancelled:
            return Paid("declined", "SUBSCRIPTION_NOT_ACTIVE")
        following = Charge(
            f"stx{secrets.token_urlsafe(24)}", charge.invoice, charge.payer, charge.amount, charge.currency
        )
        following.expires = int(changes.get("expires") or charge.expires + MONTH)
        self._take(following, charge.invoice.payload, times=int(changes.get("times", 1)), is_first=False)
        return Paid("paid", charge_id=following.id)

    def turn_subscription(self, charge: Charge, state: str, changes: Mapping[str, Any]) -> int:
        """
        What a payer does to a subscription in Telegram, or what becomes of it there.

        :param charge: the first one
        :param state: ``canceled``, ``active`` or ``failed``, which leaves it as it is
        :param changes: ``user`` instead of the payer; ``times`` for how often the bot is told
        :raises BadRequestError: it is no subscription
        """
        if charge.expires is None:
            raise BadRequestError("SUBSCRIPTION_NOT_FOUND")
        if state != "failed":
            charge.is_cancelled = state == "canceled"
        user = Payer(int(changes["user"])) if "user" in changes else charge.payer
        told = {"user": user.as_json(), "invoice_payload": charge.invoice.payload, "state": state}
        return self.tell({"subscription": told}, times=int(changes.get("times", 1)))

    def give_back(self, charge: Charge, *, is_told: bool = True) -> None:
        """
        Return a payment's Stars.

        :param is_told: whether the bot hears of it; of what stores take back it does not
        :raises BadRequestError: they went back already
        """
        with self.turn:
            if charge.is_refunded:
                raise BadRequestError("CHARGE_ALREADY_REFUNDED")
            charge.is_refunded = True
            # The same id as the payment's.
            self._note(charge, charge.invoice.payload, "receiver")
        if is_told:
            body = {
                "currency": charge.currency,
                "total_amount": charge.amount,
                "invoice_payload": charge.invoice.payload,
                "telegram_payment_charge_id": charge.id,
            }
            self.tell({"message": self.message(charge.payer, refunded_payment=body)})

    def answer(self, query_id: str, *, ok: bool, says: str) -> None:
        """
        The bot's answer to a question before a payment.

        :raises BadRequestError: nobody waits for it any more
        """
        with self.turn:
            if query_id not in self._asked or self._asked[query_id] is not None:
                raise BadRequestError("query is too old and response timeout expired or query ID is invalid")
            self._asked[query_id] = (ok, says)
            self.turn.notify_all()

    def tell(self, update: Mapping[str, Any], *, times: int = 1) -> int:
        """Send the bot an update, or keep it until the bot asks; its number."""
        with self.turn:
            # A bot's numbers go on from where they were, also after this process began anew.
            self._number = max(self._number + 1, int(time.time() * 1000))
            whole = {**update, "update_id": self._number}
            url = self.webhook.get("url")
            if url:
                secret = {"X-Telegram-Bot-Api-Secret-Token": self.webhook.get("secret_token", "")}
                self.courier.send(Parcel(url, json.dumps(whole).encode(), secret, times))
            else:
                self.waiting.extend([whole] * times)
                self.turn.notify_all()
            return self._number

    def close(self) -> None:
        with self.turn:
            self.turn.notify_all()
        self.courier.close()

    def _ask(self, payer: Payer, amount: int, currency: str, payload: str) -> Paid | None:
        query_id = str(secrets.randbelow(10**18))
        query = {
            "id": query_id,
            "from": payer.as_json(),
            "currency": currency,
            "total_amount": amount,
            "invoice_payload": payload,
        }
        with self.turn:
            self._asked[query_id] = None
        self.tell({"pre_checkout_query": query})
        with self.turn:
            self.turn.wait_for(lambda: self._asked[query_id] is not None, PRE_CHECKOUT_SECONDS)
            answer = self._asked.pop(query_id)
        if answer is None:
            return Paid("timeout", "BOT_PRECHECKOUT_TIMEOUT")
        ok, says = answer
        return None if ok else Paid("declined", says)

    def _take(self, charge: Charge, payload: str, *, times: int, is_first: bool) -> None:
        body: dict[str, Any] = {
            "currency": charge.currency,
            "total_amount": charge.amount,
            "invoice_payload": payload,
            "telegram_payment_charge_id": charge.id,
            "provider_payment_charge_id": "" if charge.currency == "XTR" else f"prov-{charge.id[3:19]}",
        }
        if charge.expires is not None:
            body |= {"subscription_expiration_date": charge.expires, "is_recurring": True}
            body |= {"is_first_recurring": True} if is_first else {}
        with self.turn:
            self.charges[charge.id] = charge
            self._note(charge, payload, "source")
        self.tell({"message": self.message(charge.payer, successful_payment=body)}, times=times)

    def _note(self, charge: Charge, payload: str, side: str) -> None:
        if charge.currency != "XTR":
            return
        partner: dict[str, Any] = {
            "type": "user",
            "transaction_type": "invoice_payment",
            "user": {name: value for name, value in charge.payer.as_json().items() if name != "language_code"},
            "invoice_payload": payload,
        }
        if charge.expires is not None:
            partner["subscription_period"] = MONTH
        line = {"id": charge.id, "amount": charge.amount, "date": int(time.time()), side: partner}
        self.transactions.append(line)

    def message(self, payer: Payer, **content: Any) -> dict[str, Any]:
        """A message of a private chat."""
        chat = {"id": payer.id, "type": "private", "first_name": payer.first_name}
        head = {"message_id": secrets.randbelow(10**9), "date": int(time.time()), "chat": chat}
        return {**head, "from": payer.as_json(), **content}
