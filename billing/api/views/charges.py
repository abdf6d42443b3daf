"""Routes that take tokens and give them."""

from __future__ import annotations

from typing import Final

from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import errors
from billing.api import examples
from billing.api.serializers.wallets import (
    ChargeBatchSerializer,
    ChargeResultsSerializer,
    ChargeSerializer,
    CreditRequestSerializer,
    GrantSerializer,
    TransactionSerializer,
)
from billing.models import Transaction
from billing.operations import charges, grants
from billing.operations.charge_batches import charge_many
from core.api.declarations import Example, documented
from core.api.idempotency import REPLAYED, idempotency_key
from core.api.permissions import STAFF, may
from core.api.serializers import kept
from core.api.views import ApiView

# Products charge; nobody does it by hand, and no customer does it alone.
_SERVERS: Final = may(scopes=("billing:write",))


class ChargeView(ApiView):
    permission_classes = [_SERVERS]

    @documented(
        summary="Charge tokens",
        body=ChargeSerializer,
        answers={201: TransactionSerializer},
        errors=[
            errors.InsufficientTokens,
            errors.WalletFrozen,
            errors.WalletNotFound,
            errors.IdempotencyMismatch,
        ],
        idempotent=True,
        examples=[
            Example(
                "three tokens",
                body={"user": examples.ANNA, "tokens": 3, "description": "A brief, 3 pages", "metadata": {"brief": 17}},
                answer=examples.CHARGE,
                status=201,
            ),
            Example("by Telegram id", body={"telegram_id": 700000001, "tokens": 1}),
        ],
    )
    def post(self, request: Request) -> Response:
        """
        The key works once per customer, for ever: a charge that is repeated with it is answered with the first one,
        also when nothing is left by then.
        """
        charged = charges.charge(**self.body(), key=idempotency_key(request), by=self.actor)
        return _created(charged.transaction, is_replayed=charged.replayed)


class ChargeBatchView(ApiView):
    permission_classes = [_SERVERS]

    @documented(
        summary="Charge many at once",
        body=ChargeBatchSerializer,
        answers={200: ChargeResultsSerializer},
        errors=[errors.BatchTooLarge],
        examples=[
            Example(
                "two charges",
                body={
                    "charges": [
                        {"user": examples.ANNA, "tokens": 3, "idempotency_key": "brief-17"},
                        {"telegram_id": 700000001, "tokens": 100, "idempotency_key": "brief-18"},
                    ]
                },
                answer={
                    "results": [
                        {"idempotency_key": "brief-17", "status": "charged", "transaction": examples.CHARGE},
                        {"idempotency_key": "brief-18", "status": "refused", "error": examples.REFUSAL},
                    ]
                },
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """
        Up to 1 000 charges, each with a key of its own and each answered on its own. Those of one customer are served
        in order, as far as the balance goes.
        """
        results = charge_many(items=self.body()["charges"], by=self.actor)
        return Response(ChargeResultsSerializer({"results": results}).data)


class GrantView(ApiView):
    permission_classes = [may(scopes=("grants:write", STAFF), permission="billing.credit_wallet")]

    @documented(
        summary="Give tokens away",
        body=GrantSerializer,
        answers={201: TransactionSerializer, 202: CreditRequestSerializer},
        errors=[
            errors.WalletNotFound,
            errors.ExpiryInThePast,
            errors.IdempotencyMismatch,
            errors.CreditLimitReached,
            errors.CreditTooLarge,
            errors.CreditRequestPending,
        ],
        idempotent=True,
        examples=[
            Example(
                "an apology",
                body={
                    "user": examples.ANNA,
                    "tokens": 5,
                    "reason": "An apology for the outage of 30 January",
                    "expires_at": "2026-03-01T00:00:00Z",
                },
                answer=examples.GRANT,
                status=201,
            ),
            Example(
                "too large for one",
                body={"user": examples.ANNA, "tokens": 5_000_000, "reason": "Moved over from the old shop"},
                answer=examples.CREDIT_REQUEST,
                status=202,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """
        The reason stays in the ledger and in the audit log. A debt is repaid first.

        A credit above a set size is answered 202: it waits for a colleague's approval, and no tokens move before.
        Sent again with its key it is answered with the request as it stands, and once it was approved with 201 and
        the transaction. How much may be credited in a day is limited for each key and each colleague; an API key whose
        owner works here counts as that colleague.
        """
        given = grants.give(**self.body(), key=idempotency_key(request), by=self.actor)
        if given.transaction is not None:
            return _created(given.transaction, is_replayed=given.replayed)
        return Response(
            kept(CreditRequestSerializer).to_representation(given.request),
            status=status.HTTP_202_ACCEPTED,
            headers={REPLAYED: "true"} if given.replayed else {},
        )


def _created(transaction: Transaction, *, is_replayed: bool) -> Response:
    return Response(
        kept(TransactionSerializer).to_representation(transaction),
        status=status.HTTP_201_CREATED,
        headers={REPLAYED: "true"} if is_replayed else {},
    )
