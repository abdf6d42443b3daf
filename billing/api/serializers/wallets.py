"""Wallets, their ledgers, and what moves tokens."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.api.fields import KeyField, OwnedSerializer, TokensField
from billing.models import CreditRequest, Hold, Transaction
from billing.operations.charge_batches import ChargeItem, ChargeResult
from billing.operations.holds import DEFAULT_SECONDS, MAX_SECONDS
from billing.queries.balances import Balance
from billing.queries.statistics import UserStatistics
from billing.rules.lots import Lot
from core.api import problems
from core.api.fields import CodeField, IdField, IntField, MetadataField, MomentField, TextField
from core.api.serializers import MoneyField, StrictSerializer


class LotSerializer(serializers.Serializer[Lot]):
    """What is left of a credit."""

    transaction = IdField(source="id", help_text=_("The credit itself, in the ledger."))
    type = CodeField(choices=Transaction.Type.values)
    tokens = serializers.IntegerField(help_text=_("What the credit gave."))
    remaining = serializers.IntegerField()
    expires_at = MomentField(allow_null=True)


class WalletSerializer(serializers.Serializer[Balance]):
    """A balance as its owner sees it: without what has expired."""

    token_balance = serializers.IntegerField()
    held_tokens = serializers.IntegerField()
    available_tokens = serializers.IntegerField(help_text=_("The balance without what is held."))
    debt_tokens = serializers.IntegerField(source="wallet.debt_tokens", help_text=_("Repaid by the next credit."))
    balance_version = serializers.IntegerField(source="wallet.balance_version")
    subscription_end = MomentField(source="wallet.subscription_end", allow_null=True)
    frozen = serializers.SerializerMethodField()
    lots = LotSerializer(many=True, help_text=_("In the order in which they will be spent."))

    def get_frozen(self, balance: Balance) -> bool:
        """Whether the wallet pays for nothing now."""
        return balance.wallet.frozen_at is not None


class TransactionSerializer(serializers.Serializer[Transaction]):
    """A row of the ledger."""

    id = IdField()
    sequence = serializers.IntegerField(help_text=_("1, 2, 3 … within the wallet, without gaps."))
    type = CodeField(choices=Transaction.Type.values)
    tokens_delta = serializers.IntegerField(help_text=_("Above zero for credits."))
    balance_after = serializers.IntegerField()
    description = serializers.CharField()
    invoice = IdField(source="invoice_id", allow_null=True)
    hold = IdField(source="hold_id", allow_null=True)
    reverses = IdField(source="reverses_id", allow_null=True, help_text=_("The credit that this row takes from."))
    expires_at = MomentField(allow_null=True)
    metadata = MetadataField()
    created_at = MomentField()


class StatisticsSerializer(serializers.Serializer[UserStatistics]):
    """What a customer did, in numbers."""

    balance = serializers.IntegerField()
    total_generated = serializers.IntegerField(help_text=_("Charges and captured holds, ever."))
    generations_this_month = serializers.IntegerField()
    total_spent = MoneyField()
    is_premium = serializers.BooleanField()
    member_since = MomentField()


class ChargeSerializer(OwnedSerializer):
    """Tokens to take."""

    tokens = TokensField()
    description = TextField(max_length=255, required=False, allow_blank=True)
    metadata = MetadataField(required=False)


class BatchedChargeSerializer(ChargeSerializer):
    """One of many, with a key of its own."""

    idempotency_key = KeyField()

    def to_internal_value(self, data: object) -> Any:
        """The operation's item."""
        value = super().to_internal_value(data)
        return ChargeItem(key=value.pop("idempotency_key"), **value)


class ChargeBatchSerializer(StrictSerializer):
    charges = BatchedChargeSerializer(many=True, allow_empty=False, help_text=_("At most 1 000."))


@extend_schema_field({"$ref": "#/components/schemas/Problem"})
class ProblemField(serializers.DictField):
    """A problem document inside an answer."""


class ChargeResultSerializer(serializers.Serializer[ChargeResult]):
    """What became of one charge of a batch: a transaction or an error."""

    idempotency_key = serializers.CharField(source="key")
    status = CodeField(choices=["charged", "replayed", "refused"])
    transaction = TransactionSerializer(required=False)
    error = ProblemField(required=False, help_text=_("As the single charge would answer it."))

    def to_representation(self, instance: ChargeResult) -> dict[str, Any]:
        """Without the half that there is none of."""
        written: dict[str, Any] = {"idempotency_key": instance.key, "status": instance.status}
        if instance.transaction is not None:
            written["transaction"] = TransactionSerializer(instance.transaction).data
        if instance.error is not None:
            written["error"] = problems.document(instance.error)
        return written


class ChargeResultsSerializer(serializers.Serializer[Any]):
    results = ChargeResultSerializer(many=True, help_text=_("In the order of the charges."))


class GrantSerializer(OwnedSerializer):
    """Tokens to give, and why."""

    tokens = TokensField()
    reason = TextField(max_length=255)
    expires_at = MomentField(required=False, allow_null=True)


class CreditRequestSerializer(serializers.Serializer[CreditRequest]):
    """A credit that waits for a colleague's approval: pending, then approved, declined or expired, once."""

    id = IdField()
    user = IdField(source="wallet.user_id", allow_null=True)
    tokens = serializers.IntegerField()
    reason = serializers.CharField()
    expires_at = MomentField(source="lot_expires_at", allow_null=True)
    state = CodeField(choices=CreditRequest.State.values)
    refusal = serializers.CharField(help_text=_("Why it was declined."))
    waits_until = MomentField(source="expires_at")
    created_at = MomentField()
    decided_at = MomentField(allow_null=True)


class NewHoldSerializer(ChargeSerializer):
    """Tokens to set aside."""

    expires_in = IntField(
        min_value=1, max_value=MAX_SECONDS, default=DEFAULT_SECONDS, help_text=_("Seconds; 15 minutes by default.")
    )


class CaptureSerializer(StrictSerializer):
    tokens = TokensField(required=False, help_text=_("All that are held, by default."))


class HoldSerializer(serializers.Serializer[Hold]):
    """Tokens set aside: open, then captured, released or expired, once."""

    id = IdField()
    user = IdField(source="wallet.user_id", allow_null=True)
    tokens = serializers.IntegerField()
    captured_tokens = serializers.IntegerField()
    state = CodeField(choices=Hold.State.values)
    description = serializers.CharField()
    metadata = MetadataField()
    expires_at = MomentField()
    created_at = MomentField()
    closed_at = MomentField(allow_null=True)
