from typing import ClassVar

import django.db.models.lookups
from django.db import migrations, models

import core.clock
import core.ids
from core.sql_files import load_sql


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [
        ("core", "0001_functions"),
    ]

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.UUIDField(default=core.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(editable=False, max_length=100, verbose_name="job")),
                (
                    "key",
                    models.CharField(blank=True, editable=False, max_length=255, null=True, verbose_name="key"),
                ),
                ("args", models.JSONField(default=dict, editable=False, verbose_name="arguments")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "queued"),
                            ("running", "running"),
                            ("done", "done"),
                            ("dead", "dead"),
                        ],
                        default="queued",
                        editable=False,
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("attempts", models.SmallIntegerField(default=0, editable=False, verbose_name="attempts")),
                ("max_attempts", models.SmallIntegerField(editable=False, verbose_name="attempts allowed")),
                ("lease_seconds", models.IntegerField(editable=False, verbose_name="lease, seconds")),
                (
                    "run_at",
                    models.DateTimeField(db_default=core.clock.CoreNow(), editable=False, verbose_name="due"),
                ),
                (
                    "wake_at",
                    models.DateTimeField(db_default=core.clock.CoreNow(), editable=False, verbose_name="next wake-up"),
                ),
                ("lease_token", models.UUIDField(editable=False, null=True)),
                (
                    "lease_expires_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="lease ends"),
                ),
                (
                    "last_error",
                    models.TextField(blank=True, default="", editable=False, verbose_name="last error"),
                ),
                ("enqueued_by", models.JSONField(default=dict, editable=False, verbose_name="asked for by")),
                (
                    "created_at",
                    models.DateTimeField(db_default=core.clock.CoreNow(), editable=False, verbose_name="created"),
                ),
                ("started_at", models.DateTimeField(editable=False, null=True, verbose_name="started")),
                ("finished_at", models.DateTimeField(editable=False, null=True, verbose_name="finished")),
            ],
            options={
                "verbose_name": "job",
                "verbose_name_plural": "jobs",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "queued")),
                        fields=["wake_at"],
                        name="core_job_waits_for_wake_up",
                    ),
                    models.Index(
                        condition=models.Q(("state", "running")),
                        fields=["lease_expires_at"],
                        name="core_job_lease_ends",
                    ),
                    models.Index(
                        condition=models.Q(("state", "done")),
                        fields=["finished_at"],
                        name="core_job_done_is_old",
                    ),
                    models.Index(condition=models.Q(("state", "dead")), fields=["-id"], name="core_job_dead_is_seen"),
                    models.Index(
                        condition=models.Q(("state__in", ["queued", "running"])),
                        fields=["name"],
                        name="core_job_is_unfinished",
                    ),
                    models.Index(fields=["name", "-id"], name="core_job_by_name"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("key__isnull", False)),
                        fields=("name", "key"),
                        name="core_job_key_is_used_once_per_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["queued", "running", "done", "dead"])),
                        name="core_job_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("lease_expires_at__isnull", False),
                                ("lease_token__isnull", False),
                                ("state", "running"),
                            ),
                            models.Q(
                                models.Q(("state", "running"), _negated=True),
                                ("lease_expires_at__isnull", True),
                                ("lease_token__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="core_job_runs_only_with_a_lease",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at__isnull", False), ("state__in", ["done", "dead"])),
                            models.Q(
                                models.Q(("state__in", ["done", "dead"]), _negated=True),
                                ("finished_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="core_job_is_finished_when_done_or_dead",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("attempts__gte", 0),
                            ("attempts__lte", models.F("max_attempts")),
                            ("max_attempts__gte", 1),
                        ),
                        name="core_job_attempts_are_limited",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("lease_seconds__gte", 1)), name="core_job_lease_is_positive"
                    ),
                    models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="core_job_has_a_name"),
                    models.CheckConstraint(
                        condition=models.Q(("key", ""), _negated=True), name="core_job_key_is_not_empty"
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.Exact(
                            models.Func(models.F("args"), function="jsonb_typeof", output_field=models.TextField()),
                            models.Value("object"),
                        ),
                        name="core_job_args_are_an_object",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Setting",
            fields=[
                (
                    "key",
                    models.CharField(
                        editable=False, max_length=100, primary_key=True, serialize=False, verbose_name="key"
                    ),
                ),
                ("value", models.JSONField(blank=True, null=True, verbose_name="value")),
                ("secret_value", models.JSONField(blank=True, null=True, verbose_name="secret value")),
                (
                    "updated_at",
                    models.DateTimeField(db_default=core.clock.CoreNow(), editable=False, verbose_name="changed"),
                ),
                ("updated_by", models.CharField(editable=False, max_length=200, verbose_name="changed by")),
            ],
            options={
                "verbose_name": "setting",
                "verbose_name_plural": "settings",
                "ordering": ["key"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("key__regex", "^[a-z_]+(\\.[a-z0-9_]+)+$")),
                        name="core_setting_key_names_its_app",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("secret_value__isnull", True), ("value__isnull", False)),
                            models.Q(("secret_value__isnull", False), ("value__isnull", True)),
                            _connector="OR",
                        ),
                        name="core_setting_has_one_value",
                    ),
                ],
            },
        ),
        load_sql(__file__, "0002_job_storage"),
    ]
