"""Alerts and audit records for tests."""

import factory

from audit.models import AdminAlert, AuditLog


class AdminAlertFactory(factory.django.DjangoModelFactory[AdminAlert]):
    class Meta:
        model = AdminAlert

    fingerprint = factory.Sequence(lambda n: f"test.trouble:{n}")
    title = "Something needs a look"


class AuditLogFactory(factory.django.DjangoModelFactory[AuditLog]):
    class Meta:
        model = AuditLog

    actor = factory.LazyFunction(lambda: {"kind": "system", "id": "", "label": "system"})
    action = "test.thing.done"
    entity_type = "test.thing"
    entity_id = factory.Sequence(str)
