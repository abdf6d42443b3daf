"""Alerts and audit records for tests."""

import factory

from audit.models import NO_HASH, AdminAlert, AuditLog, Delivery, Seal, SystemLog


class AdminAlertFactory(factory.django.DjangoModelFactory[AdminAlert]):
    class Meta:
        model = AdminAlert

    fingerprint = factory.Sequence(lambda n: f"test.made:{n}")
    title = "Something needs a look"


class AuditLogFactory(factory.django.DjangoModelFactory[AuditLog]):
    class Meta:
        model = AuditLog

    actor = factory.LazyFunction(lambda: {"kind": "system", "id": "", "label": "system"})
    action = "test.thing.done"
    entity_type = "test.thing"
    entity_id = factory.Sequence(lambda n: f"made-{n}")


class SealFactory(factory.django.DjangoModelFactory[Seal]):
    """A seal of a chain that is walked by nobody."""

    class Meta:
        model = Seal

    chain = "test.thing"
    number = factory.Sequence(lambda n: n + 1)
    after = 0
    until = 1
    row_count = 0
    columns = factory.LazyFunction(lambda: ["id"])
    fingerprints = b""
    previous = NO_HASH
    hash = NO_HASH


class SystemLogFactory(factory.django.DjangoModelFactory[SystemLog]):
    class Meta:
        model = SystemLog

    level = "warning"
    source = "test.source"
    message = factory.Sequence(lambda n: f"Something is odd: {n}")
    fingerprint = "0" * 32


class DeliveryFactory(factory.django.DjangoModelFactory[Delivery]):
    class Meta:
        model = Delivery

    kind = "alert"
    channel = "telegram"
    subject = "[critical] Something needs a look"
