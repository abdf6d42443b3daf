"""
Words that several bodies of the document say, by the one name that each set has there (``ENUM_NAME_OVERRIDES``).
"""

from typing import Final

from billing.models import Payment, Transaction
from billing.rules.announcements import TYPES

PAYMENT_STATUSES: Final = Payment.Status.values
PAYMENT_PROVIDERS: Final = Payment.Provider.values
PAYMENT_OUTCOMES: Final = Payment.Outcome.values
TRANSACTION_TYPES: Final = Transaction.Type.values
ANNOUNCEMENT_TYPES: Final = list(TYPES)
