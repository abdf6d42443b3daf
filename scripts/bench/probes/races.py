"""A thousand racers for keys, tokens and promo codes, and how many effects there were too many."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import django

django.setup()

from django.db import connection  # noqa: E402 (Django first)

from billing import errors  # noqa: E402 (Django first)
from billing.models import PromoRedemption, Transaction, Wallet  # noqa: E402 (Django first)
from billing.operations import charges, invoices, promo_codes, reconciliation, tariffs  # noqa: E402 (Django first)
from billing.owners import Owner  # noqa: E402 (Django first)
from core.actors import SYSTEM  # noqa: E402 (Django first)
from scripts.bench.fill import GRANTED, user_id, wallet_id  # noqa: E402 (Django first)

RACERS = 1_000
AT_ONCE = 32
KEYS = 20
USES = 10
LEFT = 500


def race(runners: Sequence[Callable[[], object]]) -> Counter[object]:
    """Run them all, 32 at a time from a common start, and count what they answered."""
    start = Barrier(AT_ONCE)

    def work(share: Sequence[Callable[[], object]]) -> list[object]:
        connection.ensure_connection()
        start.wait(timeout=60)
        try:
            return [runner() for runner in share]
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pool.submit(work, runners[number::AT_ONCE]) for number in range(AT_ONCE)]
        return Counter(answer for each in answers for answer in each.result(300))


def charge(number: int, key: str) -> object:
    """The id of the ledger row, or the code of the refusal."""
    try:
        done = charges.charge(owner=Owner.user(user_id(number)), tokens=1, key=key, by=SYSTEM)
    except errors.InsufficientTokens as refusal:
        return refusal.code
    return done.transaction.pk


def equal_keys() -> int:
    """Each of twenty keys fifty times on one wallet: twenty charges, and no other answer."""
    answers = race([lambda key=key: charge(2, key) for key in [f"equal-{n}" for n in range(KEYS)] * (RACERS // KEYS)])  # type: ignore[misc]  # a default binds the loop's value
    rows = Transaction.objects.filter(wallet_id=wallet_id(2), type="charge").count()
    return abs(rows - KEYS) + abs(len(answers) - KEYS)


def last_tokens() -> int:
    """A thousand charges for the last 500 tokens: 500 are served, the others refused."""
    charges.charge(owner=Owner.user(user_id(3)), tokens=GRANTED - LEFT, key="all but the last", by=SYSTEM)
    answers = race([lambda key=f"last-{n}": charge(3, key) for n in range(RACERS)])  # type: ignore[misc]  # as above
    left = Wallet.objects.get(pk=wallet_id(3)).token_balance
    return abs(left) + abs(answers[errors.InsufficientTokens.code] - (RACERS - LEFT))


def promo_caps() -> int:
    """A thousand customers for a code with ten uses: ten invoices have it."""
    tariffs.create(slug="race", name="Race", price=14900, currency="RUB", tokens=50, by=SYSTEM)
    promo_codes.create(code="RACE", discount_type="percent", discount_value=10, max_uses=USES, by=SYSTEM)

    def order(number: int) -> object:
        try:
            invoices.create(
                owner=Owner.user(user_id(number)), tariff="race", promo_code="RACE", key=f"race-{number}", by=SYSTEM
            )
        except errors.PromoCodeExhausted as refusal:
            return refusal.code
        return "reserved"

    answers = race([lambda number=number: order(number) for number in range(1, RACERS + 1)])  # type: ignore[misc]  # as above
    reserved = PromoRedemption.objects.count()
    return abs(reserved - USES) + abs(answers["reserved"] - USES)


def main() -> int:
    wrong = {"equal keys": equal_keys(), "the last tokens": last_tokens(), "promo caps": promo_caps()}
    report = reconciliation.run(by=SYSTEM, full=True)
    print(json.dumps({"wrong": wrong, "divergences": [str(each) for each in report.divergences]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
