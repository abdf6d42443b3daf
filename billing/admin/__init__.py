"""
Admin of what is sold, owed and spent, a file for each noun. Django looks for pages here; each file registers its own.
"""

from billing.admin import (
    customers,
    finders,
    holds,
    invoices,
    payments,
    promo_codes,
    promo_redemptions,
    tariffs,
    transactions,
    wallets,
    wording,
)

__all__ = [
    "customers",
    "finders",
    "holds",
    "invoices",
    "payments",
    "promo_codes",
    "promo_redemptions",
    "tariffs",
    "transactions",
    "wallets",
    "wording",
]
