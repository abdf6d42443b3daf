"""Servers that charge tokens and, whatever happens, ask with the same key until they know."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import requests

from tests.fault.history import Answer, Charge, History

# Longer than any outage: whoever is still unanswered then has found a defect.
_PATIENCE_SECONDS = 60


@dataclass
class Client(threading.Thread):
    """
    One client. ``batch`` of more than one sends so many charges together.

    :param stop: ends the making of new charges; what was begun is asked about until it is settled
    """

    api: str
    api_key: str
    users: Sequence[str]
    history: History
    stop: threading.Event
    label: str
    random: Random
    batch: int = 1
    failure: BaseException | None = None
    _session: requests.Session = field(default_factory=requests.Session)
    _given_up: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(name=self.label, daemon=True)
        self._session.headers["Authorization"] = f"Api-Key {self.api_key}"

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """Charge until told to stop."""
        number = 0
        try:
            while not self.stop.is_set():
                charges = [self._charge(number + offset) for offset in range(self.batch)]
                number += self.batch
                for charge in charges:
                    self.history.attempt(charge)
                self._settle(charges)
                if self.random.random() < 0.1:
                    # An answered question, asked again: the first answer must come.
                    self._settle(charges)
        except BaseException as failure:
            self.failure = failure
            raise

    def _charge(self, number: int) -> Charge:
        return Charge(f"{self.label}-{number}", self.random.choice(self.users), self.random.randrange(1, 4))

    def _settle(self, charges: Sequence[Charge]) -> None:
        patience = threading.Timer(_PATIENCE_SECONDS, self._given_up.set)
        patience.daemon = True
        patience.start()
        open_charges = list(charges)
        while open_charges and not self._given_up.is_set():
            settled = self._ask(open_charges)
            open_charges = [charge for charge in open_charges if charge.key not in settled]
            if open_charges:
                # Everybody at once would only prolong what keeps them waiting.
                self._given_up.wait(self.random.uniform(0.02, 0.2))
        patience.cancel()

    def _ask(self, charges: Sequence[Charge]) -> set[str]:
        try:
            if self.batch == 1:
                return self._ask_one(charges[0])
            return self._ask_many(charges)
        except requests.RequestException:
            self.history.drop()
            return set()

    def _ask_one(self, charge: Charge) -> set[str]:
        response = self._post(
            "/charges", {"user": charge.user, "tokens": charge.tokens}, {"Idempotency-Key": charge.key}
        )
        told = response.json() if response.status_code == 201 else {}
        self._note(charge.key, response, response.status_code, told.get("id", ""))
        return set() if response.status_code == 503 else {charge.key}

    def _ask_many(self, charges: Sequence[Charge]) -> set[str]:
        items = [{"user": each.user, "tokens": each.tokens, "idempotency_key": each.key} for each in charges]
        response = self._post("/charges/batch", {"charges": items}, {})
        if response.status_code != 200:
            for charge in charges:
                self._note(charge.key, response, response.status_code)
            return set() if response.status_code == 503 else {charge.key for charge in charges}
        settled = set()
        for result in response.json()["results"]:
            status = 201 if result["status"] in ("charged", "replayed") else result["error"]["status"]
            if status != 503:
                self._note(result["idempotency_key"], response, status, (result.get("transaction") or {}).get("id", ""))
                settled.add(result["idempotency_key"])
        return settled

    def _post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> requests.Response:
        return self._session.post(f"{self.api}{path}", json=body, headers=dict(headers), timeout=(3, 20))

    def _note(self, key: str, response: requests.Response, status: int, transaction: str = "") -> None:
        self.history.answer(Answer(key, status, response.headers.get("Content-Type", ""), transaction))
