"""The tables."""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models


class Customer(models.Model):
    username = models.CharField(max_length=150, unique=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return self.username


class Wallet(models.Model):
    customer = models.OneToOneField(Customer, on_delete=models.PROTECT)
    balance = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        app_label = "shop"

    def __str__(self) -> str:
        return f"wallet {self.pk}"


class Transaction(models.Model):
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT)
    amount = models.BigIntegerField()
    balance_after = models.BigIntegerField()
    description = models.CharField(max_length=255, blank=True)
    metadata = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[models.Manager[Self]] = models.Manager()

    class Meta:
        app_label = "shop"
        constraints = [models.UniqueConstraint(fields=["wallet", "idempotency_key"], name="shop_key_is_unique")]

    def __str__(self) -> str:
        return f"{self.amount:+d}"
