from billing.models.announcement import Announcement
from billing.models.checkout import Checkout
from billing.models.checkpoint import LotCheckpoint, LowBalanceCheckpoint, ReconciliationCheckpoint
from billing.models.credit_request import CreditAllowance, CreditRequest
from billing.models.dispute import Dispute
from billing.models.hold import Hold
from billing.models.invoice import Invoice, InvoiceCounter
from billing.models.payment import Payment
from billing.models.payment_event import PaymentEvent
from billing.models.promo_code import PromoCode, PromoRedemption
from billing.models.provider_statement import ProviderStatement, StatementLine
from billing.models.referral import Referral
from billing.models.refund import Refund
from billing.models.subscription import Subscription
from billing.models.subscription_period import SubscriptionPeriod
from billing.models.tariff import Tariff
from billing.models.transaction import Transaction
from billing.models.trial import Trial
from billing.models.wallet import Wallet
from billing.models.webhook_delivery import WebhookDelivery
from billing.models.webhook_endpoint import WebhookEndpoint

__all__ = [
    "Announcement",
    "Checkout",
    "CreditAllowance",
    "CreditRequest",
    "Dispute",
    "Hold",
    "Invoice",
    "InvoiceCounter",
    "LotCheckpoint",
    "LowBalanceCheckpoint",
    "Payment",
    "PaymentEvent",
    "PromoCode",
    "PromoRedemption",
    "ProviderStatement",
    "ReconciliationCheckpoint",
    "Referral",
    "Refund",
    "StatementLine",
    "Subscription",
    "SubscriptionPeriod",
    "Tariff",
    "Transaction",
    "Trial",
    "Wallet",
    "WebhookDelivery",
    "WebhookEndpoint",
]
