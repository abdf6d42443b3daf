"""Servers that take money and send it back and, whatever happens, ask with the same key until they know."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import requests

from tests.fault.purchases import STEPS, Purchases, Step, Told

# Longer than any outage: whoever is still unanswered then has found a defect.
_PATIENCE_SECONDS = 60


@dataclass
class Payer(threading.Thread):
    """
    Buys a package again and again: an invoice, its payment and, of every third, all money back.

    :param tariff: the package's code
    :param stop: ends the making of new purchases; what was begun is brought to its end
    """

    api: str
    api_key: str
    users: Sequence[str]
    tariff: str
    purchases: Purchases
    stop: threading.Event
    label: str
    random: Random
    failure: BaseException | None = None
    _session: requests.Session = field(default_factory=requests.Session)
    _given_up: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name=self.label, daemon=True)
        self._session.headers["Authorization"] = f"Api-Key {self.api_key}"

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Buy until told to stop."""
        number = 0
        try:
            while not self.stop.is_set() and not self._given_up.is_set():
                self._buy(number)
                number += 1
        except BaseException as failure:
            self.failure = failure
            raise

    def _buy(self, number: int) -> None:
        user = self.random.choice(self.users)
        steps = {kind: Step(kind, f"{self.label}-{number}-{kind}", user) for kind in STEPS}
        invoice = self._settle(steps["invoice"], "/invoices", {"user": user, "tariff": self.tariff})
        if invoice is None:
            return
        receipt = {"provider": "manual", "provider_payment_id": steps["payment"].key, "amount": invoice["amount"]}
        payment = self._settle(steps["payment"], f"/invoices/{invoice['id']}/payments", receipt)
        if payment is not None and number % 3 == 0:
            returned = {"policy": "full", "reason": "crash test"}
            self._settle(steps["refund"], f"/payments/{payment['id']}/refunds", returned)

    def _settle(self, step: Step, path: str, body: Mapping[str, Any]) -> Any:
        """What was made, in the end; None when it was refused, or nobody ever answered."""
        self.purchases.attempt(step)
        patience = threading.Timer(_PATIENCE_SECONDS, self._given_up.set)
        patience.daemon = True
        patience.start()
        answer = None
        while answer is None and not self._given_up.is_set():
            answer = self._ask(step, path, body)
            if answer is None:
                # Everybody at once would only prolong what keeps them waiting.
                self._given_up.wait(self.random.uniform(0.02, 0.2))
        if answer is not None and self.random.random() < 0.1:
            # An answered question, asked again: the first answer must come.
            self._ask(step, path, body)
        patience.cancel()
        return answer.json() if answer is not None and answer.status_code == 201 else None

    def _ask(self, step: Step, path: str, body: Mapping[str, Any]) -> requests.Response | None:
        """The answer, unless there is none yet."""
        try:
            response = self._session.post(
                f"{self.api}{path}", json=body, headers={"Idempotency-Key": step.key}, timeout=(3, 20)
            )
        except requests.RequestException:
            return None
        content_type = response.headers.get("Content-Type", "")
        said = response.json() if "json" in content_type else {}
        told = Told(step, response.status_code, content_type, str(said.get("id", "")), str(said.get("code", "")))
        self.purchases.answer(told)
        return None if response.status_code == 503 else response
