"""One row of each model, as the house makes it, that nothing else refers to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Final

from django.db.models import Model

from accounts.models import (
    ApiKey,
    BackupCode,
    Company,
    LoginToken,
    Membership,
    RefreshToken,
    SecondFactor,
    Session,
    SpentInitData,
    User,
)
from accounts.operations import login_tokens
from accounts.tests.factories import ApiKeyFactory, CompanyFactory, MembershipFactory, StaffFactory, UserFactory
from accounts.tests.phones import enrolled
from audit.models import AdminAlert, AuditLog, Delivery, Seal, SealChain, SystemLog
from audit.operations import alerts
from audit.tests.factories import AuditLogFactory, DeliveryFactory, SealFactory, SystemLogFactory
from billing.models import (
    Announcement,
    Checkout,
    CreditAllowance,
    CreditRequest,
    Dispute,
    Hold,
    Invoice,
    InvoiceCounter,
    LotCheckpoint,
    LowBalanceCheckpoint,
    Payment,
    PaymentEvent,
    PromoCode,
    PromoRedemption,
    ProviderStatement,
    ReconciliationCheckpoint,
    Referral,
    Refund,
    StatementLine,
    Subscription,
    SubscriptionPeriod,
    Tariff,
    Transaction,
    Trial,
    Wallet,
    WebhookDelivery,
    WebhookEndpoint,
)
from billing.tests import deeds
from billing.tests.factories import (
    AnnouncementFactory,
    CreditRequestFactory,
    HoldFactory,
    InvoiceFactory,
    PaymentFactory,
    PromoCodeFactory,
    ReferralFactory,
    SubscriptionFactory,
    TariffFactory,
    TrialFactory,
    WalletFactory,
    WebhookDeliveryFactory,
    WebhookEndpointFactory,
    funded_wallet,
)
from billing.tests.facts import refund_on_its_way
from billing.tests.payment_factories import CheckoutFactory, DisputeFactory, PaymentEventFactory
from billing.tests.statement_factories import ProviderStatementFactory, StatementLineFactory
from core import clock
from core.actors import SYSTEM
from core.ids import uuid7
from core.models import Export, IdempotencyRecord, Job, Setting, Throttle
from messaging.models import BotPause, BotUpdate


def _redemption() -> PromoRedemption:
    found: PromoRedemption = InvoiceFactory.create(promo_code=PromoCodeFactory.create()).redemption
    return found


def _period() -> SubscriptionPeriod:
    found: SubscriptionPeriod = SubscriptionFactory.create().periods.get()
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


def _second_factor() -> SecondFactor:
    user = StaffFactory.create()
    enrolled(user)
    return SecondFactor.objects.get(user=user)


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
    SecondFactor: _second_factor,
    BackupCode: lambda: BackupCode.objects.create(factor=_second_factor(), digest=uuid7().bytes * 2),
    LoginToken: lambda: login_tokens.issue(user_agent="", by=SYSTEM).row,
    SpentInitData: lambda: SpentInitData.objects.create(digest=uuid7().bytes * 2, expires_at=clock.now()),
    BotPause: lambda: BotPause.objects.create(bot="main", cause="flood", token_digest="0" * 32, until_at=clock.now()),
    BotUpdate: lambda: BotUpdate.objects.create(bot="main", update_id=1, kind="message", payload={"update_id": 1}),
    Wallet: WalletFactory.create,
    Transaction: lambda: deeds.charge(funded_wallet()).transaction,
    Hold: HoldFactory.create,
    CreditAllowance: lambda: CreditAllowance.objects.create(
        giver="user:1", day=date(2026, 1, 31), used_tokens=5, limit_tokens=100
    ),
    CreditRequest: CreditRequestFactory.create,
    Tariff: TariffFactory.create,
    PromoCode: PromoCodeFactory.create,
    PromoRedemption: _redemption,
    Invoice: InvoiceFactory.create,
    InvoiceCounter: lambda: InvoiceCounter.objects.create(year=2026, last_number=1),
    Payment: PaymentFactory.create,
    PaymentEvent: PaymentEventFactory.create,
    Refund: refund_on_its_way,
    Dispute: DisputeFactory.create,
    Checkout: CheckoutFactory.create,
    Subscription: lambda: Subscription.objects.create(
        wallet=WalletFactory.create(), tariff=TariffFactory.create(), family="some"
    ),
    SubscriptionPeriod: _period,
    Trial: TrialFactory.create,
    ProviderStatement: ProviderStatementFactory.create,
    StatementLine: StatementLineFactory.create,
    Referral: ReferralFactory.create,
    Announcement: AnnouncementFactory.create,
    WebhookEndpoint: WebhookEndpointFactory.create,
    WebhookDelivery: WebhookDeliveryFactory.create,
    LowBalanceCheckpoint: lambda: LowBalanceCheckpoint.objects.create(
        wallet=WalletFactory.create(), sequence=1, balance=1
    ),
    LotCheckpoint: lambda: LotCheckpoint.objects.create(wallet=WalletFactory.create(), sequence=1, lots=[]),
    ReconciliationCheckpoint: lambda: ReconciliationCheckpoint.objects.create(
        wallet=WalletFactory.create(), sequence=1, balance=1
    ),
}
