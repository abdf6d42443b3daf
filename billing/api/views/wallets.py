"""Routes about a customer's tokens."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from billing.api import examples
from billing.api.serializers.wallets import StatisticsSerializer, TransactionSerializer, WalletSerializer
from billing.errors import WalletNotFound
from billing.owners import Owner
from billing.queries import balances, statistics, transactions
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.permissions import STAFF, Own, may
from core.api.serializers import ListParams
from core.api.views import ApiView

_NEWEST_FIRST: Final = Keyset("-sequence")
_WALLET: Final = may(
    scopes=("billing:read", STAFF), permission="billing.view_wallet", own=Own("user_id", otherwise=WalletNotFound)
)
_LEDGER: Final = may(
    scopes=("billing:read", STAFF), permission="billing.view_transaction", own=Own("user_id", otherwise=WalletNotFound)
)


class WalletView(ApiView):
    permission_classes = [_WALLET]

    @documented(
        summary="A customer's balance, holds and lots",
        answers={200: WalletSerializer},
        errors=[WalletNotFound],
        examples=[Example("a wallet", answer=examples.WALLET)],
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """What has expired is not in it, whether that was booked already or not."""
        return Response(WalletSerializer(balances.get_balance(Owner.user(user_id))).data)


class TransactionListView(ApiView):
    permission_classes = [_LEDGER]

    @documented(
        summary="A customer's ledger, newest first",
        operation_id="users_transactions_list",
        query=ListParams,
        answers={200: paged(TransactionSerializer)},
        errors=[WalletNotFound],
        examples=[Example("a page", answer=examples.page(examples.CHARGE))],
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """Every movement of tokens. Rows are never changed and never deleted."""
        rows = transactions.list_transactions(Owner.user(user_id))
        return self.page(rows, _NEWEST_FIRST, TransactionSerializer)


class StatisticsView(ApiView):
    permission_classes = [_WALLET]

    @documented(
        summary="What a customer did, in numbers",
        answers={200: StatisticsSerializer},
        errors=[WalletNotFound],
        examples=[Example("a customer", answer=examples.STATISTICS)],
    )
    def get(self, request: Request, user_id: UUID) -> Response:
        """Months begin in the house's time zone. Money is in the currency of most of the customer's payments."""
        return Response(StatisticsSerializer(statistics.get_user_statistics(user_id)).data)
