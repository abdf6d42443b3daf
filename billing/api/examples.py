"""One customer's story, from which the document's examples are taken."""

from __future__ import annotations

from typing import Any, Final

ANNA: Final = "01980f2a-3b4c-7d5e-8f90-123456789abc"
_INVOICE: Final = "01980f2a-5c1d-7e2f-9a3b-4c5d6e7f8091"
_PURCHASE: Final = "01980f2a-6d2e-7f30-8b4c-5d6e7f809112"
_HOLD: Final = "01980f2a-7e3f-7041-9c5d-6e7f80911223"

TARIFF: Final[dict[str, Any]] = {
    "slug": "pack-50",
    "name": "50 documents",
    "description": "",
    "audience": "user",
    "price": {"amount": 14900, "currency": "RUB"},
    "price_stars": 100,
    "tokens": 50,
    "token_validity_days": None,
    "subscription_days": 0,
    "trial_days": 0,
    "period_kind": "days",
    "period_months": 0,
    "change_policy": "queue",
    "grace_days": 3,
    "family": "",
    "limits": {},
    "sort_order": 1,
    "is_active": True,
    "version": 1,
}
PROMO_CODE: Final[dict[str, Any]] = {
    "code": "WELCOME33",
    "discount_type": "percent",
    "discount_value": 33,
    "currency": None,
    "max_uses": 100,
    "max_uses_per_wallet": 1,
    "uses_count": 7,
    "valid_from": None,
    "valid_until": "2026-12-31T21:00:00Z",
    "tariff": None,
    "is_active": True,
}
QUOTE: Final[dict[str, Any]] = {
    "list_price": {"amount": 14900, "currency": "RUB"},
    "discount": {"amount": 4917, "currency": "RUB"},
    "amount": {"amount": 9983, "currency": "RUB"},
    "bonus_tokens": 0,
}
INVOICE: Final[dict[str, Any]] = {
    "id": _INVOICE,
    "number": None,
    "user": ANNA,
    "company": None,
    "tariff": "pack-50",
    "tariff_version": 1,
    "promo_code": "WELCOME33",
    **QUOTE,
    "amount_stars": 67,
    "tokens": 50,
    "subscription_days": 0,
    "status": "pending",
    "created_at": "2026-01-31T12:00:00Z",
    "expires_at": "2026-02-01T12:00:00Z",
    "paid_at": None,
}
PAYMENT: Final[dict[str, Any]] = {
    "id": "01980f2a-8f40-7152-8d6e-7f8091122334",
    "invoice": _INVOICE,
    "provider": "manual",
    "provider_payment_id": "receipt-1042",
    "amount": {"amount": 9983, "currency": "RUB"},
    "status": "succeeded",
    "outcome": "credited",
    "created_at": "2026-01-31T12:03:00Z",
}
LISTED_PAYMENT: Final[dict[str, Any]] = {
    **PAYMENT,
    "user": ANNA,
    "company": None,
    "refunded": {"amount": 0, "currency": "RUB"},
    "arrived_at": "2026-01-31T12:03:00Z",
}
TOLD_PAYMENT: Final[dict[str, Any]] = {
    **LISTED_PAYMENT,
    "events": [
        {
            "id": "01980f2a-8f41-7152-8d6e-7f8091122334",
            "kind": "succeeded",
            "direction": "in",
            "amount": {"amount": 9983, "currency": "RUB"},
            "reference": "",
            "came_by": "caller",
            "occurred_at": "2026-01-31T12:03:00Z",
            "received_at": "2026-01-31T12:03:00Z",
        }
    ],
}
REFUND: Final[dict[str, Any]] = {
    "id": "01980f2a-8f42-7152-8d6e-7f8091122334",
    "payment": PAYMENT["id"],
    "amount": {"amount": 3993, "currency": "RUB"},
    "tokens_reversed": 20,
    "shortfall_tokens": 0,
    "policy": "unspent",
    "status": "succeeded",
    "reason": "Did not like it",
    "created_at": "2026-02-03T09:00:00Z",
}
CALCULATION: Final[dict[str, Any]] = {
    "policy": "unspent",
    "amount": {"amount": 3993, "currency": "RUB"},
    "refundable": {"amount": 9983, "currency": "RUB"},
    "tokens_left": 20,
    "tokens_spent": 30,
    "tokens_expired": 0,
    "tokens_reversed": 20,
    "shortfall_tokens": 0,
    "days_used": 0,
    "days_bought": 0,
    "promo_code": "WELCOME33",
    "period": None,
    "referral": None,
    "refunds_parts": True,
}
CALCULATION_OF_ALL: Final[dict[str, Any]] = {
    **CALCULATION,
    "policy": "full",
    "amount": {"amount": 9983, "currency": "RUB"},
    "shortfall_tokens": 30,
    "referral": {
        "effect": "not_given",
        "referrer": "01980f2b-07c8-79da-85e6-f778899aabbc",
        "reward_tokens": 3,
    },
}
CHARGE: Final[dict[str, Any]] = {
    "id": "01980f2a-9051-7263-9e7f-809112233445",
    "sequence": 2,
    "type": "charge",
    "tokens_delta": -3,
    "balance_after": 47,
    "description": "A brief, 3 pages",
    "invoice": None,
    "hold": None,
    "reverses": None,
    "expires_at": None,
    "metadata": {"brief": 17},
    "created_at": "2026-01-31T12:05:00Z",
}
GRANT: Final[dict[str, Any]] = {
    **CHARGE,
    "id": "01980f2a-a162-7374-8f80-911223344556",
    "sequence": 3,
    "type": "grant",
    "tokens_delta": 5,
    "balance_after": 52,
    "description": "An apology for the outage of 30 January",
    "expires_at": "2026-03-01T00:00:00Z",
    "metadata": {"reason": "An apology for the outage of 30 January"},
}
CREDIT_REQUEST: Final[dict[str, Any]] = {
    "id": "01980f2a-b273-7485-9091-a22334455667",
    "user": ANNA,
    "tokens": 5_000_000,
    "reason": "Moved over from the old shop",
    "expires_at": None,
    "state": "pending",
    "refusal": "",
    "waits_until": "2026-02-03T12:10:00Z",
    "created_at": "2026-01-31T12:10:00Z",
    "decided_at": None,
}
HOLD: Final[dict[str, Any]] = {
    "id": _HOLD,
    "user": ANNA,
    "tokens": 10,
    "captured_tokens": 0,
    "state": "open",
    "description": "A brief, up to 10 pages",
    "metadata": {},
    "expires_at": "2026-01-31T12:21:00Z",
    "created_at": "2026-01-31T12:06:00Z",
    "closed_at": None,
}
WALLET: Final[dict[str, Any]] = {
    "token_balance": 47,
    "held_tokens": 10,
    "available_tokens": 37,
    "debt_tokens": 0,
    "balance_version": 2,
    "subscription_end": None,
    "frozen": False,
    "lots": [
        {"transaction": _PURCHASE, "type": "purchase", "tokens": 50, "remaining": 47, "expires_at": None},
    ],
}
CHECKOUT: Final[dict[str, Any]] = {
    "provider": "yookassa",
    "url": "https://yoomoney.ru/checkout/payments/v2/contract?orderId=2b8e4a3c-000f-5000-9000-1f0c5a6b7d8e",
    "invoice_link": None,
    "payload": None,
}
STATISTICS: Final[dict[str, Any]] = {
    "balance": 47,
    "total_generated": 1,
    "generations_this_month": 1,
    "total_spent": {"amount": 9983, "currency": "RUB"},
    "is_premium": False,
    "member_since": "2026-01-31T11:58:00Z",
}
SUBSCRIPTION: Final[dict[str, Any]] = {
    "id": "01980f2a-c384-7596-80a2-b33445566778",
    "owner": {"user": ANNA, "company": None},
    "tariff": "pro-month",
    "next_tariff": None,
    "family": "pro",
    "status": "active",
    "started_at": "2026-01-31T12:03:00Z",
    "current_period_start": "2026-01-31T12:03:00Z",
    "current_period_end": "2026-03-02T12:03:00Z",
    "ends_at": "2026-03-02T12:03:00Z",
    "trial_end": None,
    "cancel_at_period_end": False,
    "cancelled_at": None,
    "invoice": None,
    "periods": [
        {
            "number": 1,
            "tariff": "pro-month",
            "invoice": _INVOICE,
            "starts_at": "2026-01-31T12:03:00Z",
            "ends_at": "2026-03-02T12:03:00Z",
            "removed_at": None,
        }
    ],
    "created_at": "2026-01-31T12:00:00Z",
}
PENDING_SUBSCRIPTION: Final[dict[str, Any]] = {
    **SUBSCRIPTION,
    "status": "pending",
    **dict.fromkeys(("started_at", "current_period_start", "current_period_end", "ends_at")),
    "invoice": _INVOICE,
    "periods": [],
}
TRIAL: Final[dict[str, Any]] = {
    **SUBSCRIPTION,
    "status": "trialing",
    "current_period_end": "2026-02-07T12:03:00Z",
    "ends_at": "2026-02-07T12:03:00Z",
    "trial_end": "2026-02-07T12:03:00Z",
    "periods": [{**SUBSCRIPTION["periods"][0], "invoice": None, "ends_at": "2026-02-07T12:03:00Z"}],
}
REFERRAL: Final[dict[str, Any]] = {
    "id": "01980f2a-f6b7-78c9-84d5-e66778899aab",
    "referrer": ANNA,
    "referred": "01980f2b-07c8-79da-85e6-f778899aabbc",
    "state": "qualified",
    "reward_tokens": 5,
    "matures_at": "2026-02-14T12:03:00Z",
    "rewarded_at": None,
    "reversed_at": None,
    "created_at": "2026-01-31T11:58:00Z",
}
REFUSAL: Final[dict[str, Any]] = {
    "required": 100,
    "available": 47,
    "type": "/api/v1/errors#billing.insufficient_tokens",
    "title": "Not enough tokens.",
    "status": 402,
    "code": "billing.insufficient_tokens",
    "detail": "",
    "errors": {},
    "request_id": "01980f2a3b4c7d5e8f90123456789abc",
}


def page(*rows: dict[str, Any]) -> dict[str, Any]:
    """A page of a list with these rows, the only one."""
    return {"results": list(rows), "next": None, "previous": None}
