from billing.models.checkpoint import LotCheckpoint, ReconciliationCheckpoint
from billing.models.hold import Hold
from billing.models.invoice import Invoice, InvoiceCounter
from billing.models.payment import Payment
from billing.models.promo_code import PromoCode, PromoRedemption
from billing.models.tariff import Tariff
from billing.models.transaction import Transaction
from billing.models.wallet import Wallet

__all__ = [
    "Hold",
    "Invoice",
    "InvoiceCounter",
    "LotCheckpoint",
    "Payment",
    "PromoCode",
    "PromoRedemption",
    "ReconciliationCheckpoint",
    "Tariff",
    "Transaction",
    "Wallet",
]
