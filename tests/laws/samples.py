"""One row of each model, as the house makes it, that nothing else refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from django.db.models import Model

from accounts.models import ApiKey, Company, LoginToken, Membership, RefreshToken, Session, SpentInitData, User
from accounts.operations import login_tokens
from accounts.tests.factories import ApiKeyFactory, CompanyFactory, MembershipFactory, UserFactory
from audit.models import AdminAlert, AuditLog, Delivery, Seal, SealChain, SystemLog
from audit.operations import alerts
from audit.tests.factories import AuditLogFactory, DeliveryFactory, SealFactory, SystemLogFactory
from billing.models import (
    Hold,
    Invoice,
    InvoiceCounter,
    LotCheckpoint,
    Payment,
    PromoCode,
    PromoRedemption,
    ReconciliationCheckpoint,
    Tariff,
    Transaction,
    Wallet,
)
from billing.tests import deeds
from billing.tests.factories import (
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    TariffFactory,
    WalletFactory,
    funded_wallet,
)
from core import clock
from core.actors import SYSTEM
from core.ids import uuid7
from core.models import Export, IdempotencyRecord, Job, Setting, Throttle


def _redemption() -> PromoRedemption:
    found: PromoRedemption = InvoiceFactory.create(promo_code=PromoCodeFactory.create()).redemption
    return found


def _session() -> Session:
    found: Session = Session.objects.create(
        user=UserFactory.create(), way=Session.Way.TELEGRAM, expires_at=clock.now() + timedelta(days=1)
    )
    return found


def _refresh_token() -> RefreshToken:
    """One that nobody can show any more: others are kept."""
    made: RefreshToken = RefreshToken.objects.create(
        session=_session(), digest=uuid7().bytes * 2, expires_at=clock.now() - timedelta(seconds=1)
    )
    return made


SAMPLES: Final[Mapping[type[Model], Callable[[], Model]]] = {
    Export: lambda: Export.objects.create(name="ledger", file_format="csv", language="en", requested_by=uuid7()),
    IdempotencyRecord: lambda: IdempotencyRecord.objects.create(caller="api_key:1", key="k", request_hash="0" * 64),
    Job: lambda: Job.objects.create(id=uuid7(), name="core.some", max_attempts=3, lease_seconds=60),
    Setting: lambda: Setting.objects.create(key="core.some", value=1, updated_by="tests"),
    Throttle: lambda: Throttle.objects.create(scope="some", subject="one", empty_at=clock.now() + timedelta(seconds=1)),
    AuditLog: AuditLogFactory.create,
    AdminAlert: lambda: alerts.raise_alert("audit.some", severity="info", title="Something"),
    Delivery: DeliveryFactory.create,
    Seal: SealFactory.create,
    SystemLog: SystemLogFactory.create,
    SealChain: lambda: SealChain.objects.create(chain="test.thing"),
    User: UserFactory.create,
    Company: CompanyFactory.create,
    Membership: MembershipFactory.create,
    ApiKey: ApiKeyFactory.create,
    Session: _session,
    RefreshToken: _refresh_token,
    LoginToken: lambda: login_tokens.issue(user_agent="", by=SYSTEM).row,
    SpentInitData: lambda: SpentInitData.objects.create(digest=uuid7().bytes * 2, expires_at=clock.now()),
    Wallet: WalletFactory.create,
    Transaction: lambda: deeds.charge(funded_wallet()).transaction,
    Hold: HoldFactory.create,
    Tariff: TariffFactory.create,
    PromoCode: PromoCodeFactory.create,
    PromoRedemption: _redemption,
    Invoice: InvoiceFactory.create,
    InvoiceCounter: lambda: InvoiceCounter.objects.create(year=2026, last_number=1),
    Payment: PaymentFactory.create,
    LotCheckpoint: lambda: LotCheckpoint.objects.create(wallet=WalletFactory.create(), sequence=1, lots=[]),
    ReconciliationCheckpoint: lambda: ReconciliationCheckpoint.objects.create(
        wallet=WalletFactory.create(), sequence=1, balance=1
    ),
}
