"""Guessing at promo codes tells nothing, by what is answered or by when, and ends soon (RELIABILITY S20)."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from statistics import median
from typing import Any, Final

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.tests.factories import ADDRESS
from audit.models import AdminAlert
from billing.api.throttles import count_promo_code_try
from billing.limits import PROMO_CODE_TRIES
from billing.rules.promo_codes import new_code
from billing.tests.callers import Caller
from billing.tests.factories import PromoCodeFactory, TariffFactory, WalletFactory
from conftest import TestClock
from core import clock as database_clock
from core.actors import Actor
from core.errors import RateLimited
from core.models import Throttle
from core.tests.buckets import forget
from core.tests.racing import race

pytestmark = pytest.mark.django_db(transaction=True)

TRIES: Final = 150
WITHIN: Final = 0.1
GUESSER: Final = Actor(kind="api_key", id=ADDRESS, label="guesser")


def codes() -> dict[str, str]:
    """Codes that may not be used now, by why not."""
    now, day = database_clock.now(), timedelta(days=1)
    return {
        "unknown": "NOBODYHASTHIS",
        "switched off": PromoCodeFactory.create(is_active=False).code,
        "ended": PromoCodeFactory.create(valid_from=now - 2 * day, valid_until=now - day).code,
        "not begun": PromoCodeFactory.create(valid_from=now + day).code,
    }


class Guesser:
    def __init__(self) -> None:
        self.caller = Caller("billing:write")
        self.body = {"user": str(WalletFactory.create().user_id), "tariff": TariffFactory.create().slug}

    def tries(self, code: str) -> Any:
        return self.caller.post("promo-codes/quote", {**self.body, "code": code})


def test_codes_that_may_not_be_used_are_answered_alike() -> None:
    guesser, told, asked = Guesser(), set(), set()
    guesser.tries("WARM")
    for code in codes().values():
        with CaptureQueriesContext(connection) as captured:
            answer = guesser.tries(code)
        body = {name: value for name, value in answer.json().items() if name != "request_id"}
        headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
        told.add((answer.status_code, json.dumps(body), json.dumps(headers)))
        # Once in a second the key is looked up, too.
        asked.add(len([query for query in captured if "billing_" in query["sql"]]))
    assert len(told) == len(asked) == 1
    assert json.loads(next(iter(told))[1])["code"] == "billing.promo_code_not_valid"


def differences(guesser: Guesser, kinds: Mapping[str, str], tries: int) -> dict[str, float]:
    took: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _try in range(tries):
        for kind, code in kinds.items():
            Throttle.objects.all().delete()
            begun = time.perf_counter()
            guesser.tries(code)
            took[kind].append(time.perf_counter() - begun)
    unknown = median(took["unknown"])
    return {kind: abs(median(each) - unknown) / unknown for kind, each in took.items()}


@pytest.mark.timeout(600)
def test_codes_that_may_not_be_used_take_equally_long() -> None:
    """Those that differ are measured once more, of three times as many tries: a true difference stays."""
    guesser, kinds = Guesser(), codes()
    differences(guesser, kinds, 3)  # to warm up
    apart = [kind for kind, part in differences(guesser, kinds, TRIES).items() if part >= WITHIN]
    if apart:
        again = differences(guesser, {kind: kinds[kind] for kind in ("unknown", *apart)}, 3 * TRIES)
        assert max(again.values()) < WITHIN, again


def _passes() -> bool:
    try:
        count_promo_code_try(GUESSER)
    except RateLimited:
        return False
    return True


@pytest.mark.timeout(300)
def test_of_ten_thousand_guesses_as_many_count_as_an_hour_permits(clock: TestClock) -> None:
    forget()
    clock.stop()

    def guess_on() -> int:
        return sum(_passes() for _guess in range(1_250))

    assert sum(race(*[guess_on] * 8)) == PROMO_CODE_TRIES.in_force()
    assert AdminAlert.objects.get().fingerprint == "core.limit_reached:billing.promo_code"


def test_a_code_made_by_the_house_is_not_guessed_in_that_time() -> None:
    """Of 39 bits: one of a thousand that are good at one time is met after decades, and the operators know by then."""
    letters = len({letter for _code in range(1_000) for letter in new_code()})
    years = letters ** len(new_code()) / 1_000 / 2 / PROMO_CODE_TRIES.in_force() / 24 / 365
    assert years > 50
