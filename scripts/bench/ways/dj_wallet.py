"""dj-wallet: ``withdraw`` from a holder's wallet. It knows no idempotency keys."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from scripts.bench.ways.wallets import PER_CLIENT


def prepare(clients: int) -> None:
    from dj_wallet.models import Wallet
    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType

    people = User.objects.bulk_create([User(username=f"holder-{number}") for number in range(clients * PER_CLIENT)])
    kind = ContentType.objects.get_for_model(User)
    Wallet.objects.bulk_create(
        [Wallet(holder_type=kind, holder_id=person.pk, slug="default", balance=10**9) for person in people]
    )


def client(number: int) -> Callable[[], int]:
    from dj_wallet.models import Wallet
    from dj_wallet.services import WalletService

    first = number * PER_CLIENT
    wallets = cycle(list(Wallet.objects.order_by("pk")[first : first + PER_CLIENT]))

    def withdraw() -> int:
        WalletService.withdraw(next(wallets), 1)
        return 1

    return withdraw
