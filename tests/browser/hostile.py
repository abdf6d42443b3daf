"""A house in which every text that somebody else may write is hostile."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final

from django.contrib.auth.models import Group
from django.db.models import Model

from accounts.models import User
from accounts.tests.factories import ApiKeyFactory, CompanyFactory, MembershipFactory, UserFactory
from audit.models import Delivery
from audit.tests.factories import AdminAlertFactory, AuditLogFactory, DeliveryFactory, SystemLogFactory
from billing.operations import wallets
from billing.owners import Owner
from billing.tests import deeds
from billing.tests.factories import (
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    TariffFactory,
    funded_wallet,
)
from core import clock
from core.actors import Actor, under
from core.ids import uuid7
from core.models import Export, Job

# None is longer than the shortest column that holds them, and each does something when it is not a text.
PAYLOADS: Final = (
    "<script>window.hit = 1; alert(1)</script>",
    '"><img src=x onerror="window.hit = 2; alert(2)">',
    "'><svg/onload=alert(3)>",
    "javascript:alert(4)",
    '" onmouseover="alert(5)" autofocus onfocus="alert(5)" x="',
    '<b x-data x-init="window.hit = 6; alert(6)">bold</b>',
    "\" x-data x-init='alert(7)' y=\"",
    "{{ 7*7 }}{% debug %}${alert(8)}",
    '<b hx-get="/admin/" hx-trigger="load" hx-on::load="alert(9)">x</b>',
    "</textarea></title></style></script><script>alert(10)</script>",
    '=HYPERLINK("http://evil.example","11")',
    "+12|cmd",
    "\u202egpj.exe\u202c\u2066\u200bzero\ufeff",
    "\u05d0\u05d1\u05d2 \u0627\u0644\u0639",
)
ALL: Final = " ¦ ".join(PAYLOADS)
_VILLAIN: Final = Actor(kind="system", id="", label=PAYLOADS[1])


def furnish() -> list[Model]:
    """Things of every kind with hostile texts; nothing is asked of an operation that an API would not let through."""
    say = cycle(PAYLOADS)
    found: list[Model] = []
    for _each in range(5):
        found.extend(_some(say))
    return found


def _some(say: Iterator[str]) -> Iterator[Model]:
    values = {"name": next(say), next(say)[:60]: ALL, "price": 5, "list": [next(say)], "deep": {"text": next(say)}}
    with under(reason=ALL, request_id=f"request-{uuid7().hex}", ip="192.0.2.7", actor=_VILLAIN, door="admin"):
        user = UserFactory.create(username=next(say)[:64], first_name=next(say), last_name=next(say))
        with under(door="command"):
            # The house's own hand, which no door of people has.
            wallet = funded_wallet(user=user, tokens=1000)
        company = CompanyFactory.create(name=next(say))
        MembershipFactory.create(company=company, user=user)
        tariff = TariffFactory.create(name=next(say), description=ALL, limits={next(say)[:60]: 5})
        invoice = InvoiceFactory.create(wallet=wallet, tariff=tariff)
        payment = PaymentFactory.create(
            invoice=InvoiceFactory.create(wallet=wallet, tariff=tariff), provider_payment_id=next(say) + uuid7().hex
        )
        hold = HoldFactory.create(wallet=wallet, description=next(say), metadata=values)
        spent = deeds.charge(wallet, 3, description=next(say), metadata=values).transaction
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason=ALL, by=_VILLAIN)
    yield from (user, wallet, company, tariff, invoice, payment, hold, spent)
    yield PromoCodeFactory.create(tariff=tariff)
    yield ApiKeyFactory.create(name=next(say), owner=user)
    alert = AdminAlertFactory.create(
        fingerprint=f"{next(say)}:{uuid7().hex}",
        title=next(say),
        body=ALL,
        context=values,
        acknowledged_by=next(say),
        acknowledged_at=clock.now(),
        status="acknowledged",
    )
    DeliveryFactory.create(
        alert_id=alert.pk,
        fingerprint=alert.fingerprint,
        subject=next(say),
        body=ALL,
        error=ALL,
        state=Delivery.State.FAILED,
        finished_at=clock.now(),
    )
    yield alert
    yield SystemLogFactory.create(source=next(say), message=ALL, context={"exception": ALL, **values})
    yield AuditLogFactory.create(
        actor={"kind": "user", "id": "x", "label": next(say)},
        user_id=user.pk,
        action=next(say),
        entity_type=next(say),
        entity_id=next(say),
        old_value=values,
        new_value={**values, "name": ALL},
        metadata={"reason": ALL, "request_id": next(say), "ip": next(say), "door": "admin", **values},
    )
    yield AuditLogFactory.create(
        entity_type="billing.tariff",
        entity_id=str(tariff.pk),
        action="billing.tariff.updated",
        actor={"kind": "user", "id": "x", "label": next(say)},
        old_value={"name": next(say), "description": ALL},
        new_value={"name": next(say), "description": next(say)},
        metadata={"reason": ALL},
    )
    yield Job.objects.create(
        id=uuid7(),
        name=next(say)[:100],
        key=f"{next(say)}{uuid7().hex}",
        args={next(say): ALL},
        state=Job.State.DEAD,
        finished_at=clock.now(),
        max_attempts=3,
        lease_seconds=60,
        last_error=ALL,
        enqueued_by={"kind": "user", "label": next(say), "reason": ALL},
    )
    yield Export.objects.create(
        name="ledger",
        file_format="csv",
        language="en",
        requested_by=user.pk,
        requested_by_label=next(say),
        query=f"q={next(say)}",
    )
    yield Group.objects.create(name=f"{next(say)}{uuid7().hex[-6:]}")


def colleague() -> User:
    """Somebody with every right, called something hostile."""
    made: Any = User.objects.create(
        login=PAYLOADS[1], first_name=PAYLOADS[0], last_name=PAYLOADS[12], is_staff=True, is_superuser=True
    )
    return made  # type: ignore[no-any-return]  # the manager's
