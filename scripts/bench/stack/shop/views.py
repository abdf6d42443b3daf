"""The charge over HTTP, with DRF as its tutorial has it."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from scripts.bench.stack.shop.charges import InsufficientFunds, charge
from scripts.bench.stack.shop.models import Transaction


class ChargeSerializer(serializers.Serializer[Any]):
    customer = serializers.IntegerField()
    tokens = serializers.IntegerField(min_value=1)
    description = serializers.CharField(max_length=255, required=False, default="")
    metadata = serializers.JSONField(required=False, default=dict)


class TransactionSerializer(serializers.ModelSerializer[Transaction]):
    class Meta:
        model = Transaction
        fields: ClassVar[list[str]] = [
            *("id", "wallet", "amount", "balance_after", "description", "metadata", "idempotency_key", "created_at")
        ]


class ChargeView(APIView):
    def post(self, request: Request) -> Response:
        asked = ChargeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        body = asked.validated_data
        try:
            row = charge(
                customer_id=body["customer"],
                tokens=body["tokens"],
                key=request.headers["Idempotency-Key"],
                description=body["description"],
                metadata=body["metadata"],
            )
        except InsufficientFunds:
            return Response({"detail": "Insufficient funds."}, status=status.HTTP_402_PAYMENT_REQUIRED)
        return Response(TransactionSerializer(row).data, status=status.HTTP_201_CREATED)
