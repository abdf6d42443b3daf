from typing import ClassVar

from django.db import migrations, models

import core.clock


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("core", "0002_jobs_and_settings"),
    ]

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("caller", models.CharField(editable=False, max_length=200, verbose_name="caller")),
                ("key", models.CharField(editable=False, max_length=255, verbose_name="key")),
                ("request_hash", models.CharField(editable=False, max_length=64)),
                ("route", models.CharField(editable=False, max_length=400, verbose_name="route")),
                ("status", models.SmallIntegerField(editable=False, null=True, verbose_name="status")),
                ("body", models.TextField(blank=True, default="", editable=False, verbose_name="answer")),
                (
                    "created_at",
                    models.DateTimeField(db_default=core.clock.CoreNow(), editable=False, verbose_name="created"),
                ),
            ],
            options={
                "verbose_name": "idempotency record",
                "verbose_name_plural": "idempotency records",
                "indexes": [models.Index(fields=["created_at"], name="core_idempotencyrecord_by_age")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("caller", "key"), name="core_idempotencyrecord_is_one_per_caller_and_key"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__isnull", True))
                        | models.Q(("status__gte", 200), ("status__lt", 600)),
                        name="core_idempotencyrecord_status_is_of_http",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Throttle",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("scope", models.CharField(editable=False, max_length=100, verbose_name="scope")),
                ("subject", models.CharField(editable=False, max_length=200, verbose_name="subject")),
                ("empty_at", models.DateTimeField(editable=False, verbose_name="free at")),
            ],
            options={
                "verbose_name": "throttle",
                "verbose_name_plural": "throttles",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("scope", "subject"), name="core_throttle_is_one_per_scope_and_subject"
                    ),
                ],
            },
        ),
    ]
