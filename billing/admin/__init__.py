"""
Admin of what is sold, owed and spent, a file for each noun. Django looks for pages here; each file registers its own.
"""

from billing.admin import (
    holds,
    invoices,
    payments,
    promo_codes,
    promo_redemptions,
    tariffs,
    transactions,
    wallets,
)

__all__ = [
    "holds",
    "invoices",
    "payments",
    "promo_codes",
    "promo_redemptions",
    "tariffs",
    "transactions",
    "wallets",
]
