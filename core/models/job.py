"""Work that a worker does later, kept until it is done."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from core.clock import CoreNow
from core.database import editable
from core.ids import uuid7


@editable(why="each attempt moves its state, and what was done is deleted after two weeks")
class Job(models.Model):
    """
    One piece of work. The row is the truth; the Celery message that wakes a worker for it may be lost.

    queued → running → done, or back to queued after a failure, or dead when no attempt is left. Whoever runs
    it holds its lease token until ``lease_expires_at``; without that token nobody can finish it.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        DEAD = "dead", _("dead")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The registered handler: ``billing.expire_holds``.
    name = models.CharField(_("job"), max_length=100, editable=False)
    # What makes two enqueueings one job; null where each is a job of its own.
    key = models.CharField(  # noqa: DJ001  an empty string would make all keyless jobs one
        _("key"), max_length=255, null=True, blank=True, editable=False
    )
    # The handler's keyword arguments: ids and other plain values, never secrets or documents.
    args = models.JSONField(_("arguments"), default=dict, editable=False)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED, editable=False)
    # Counted when an attempt begins, so that one that kills its worker counts, too.
    attempts = models.SmallIntegerField(_("attempts"), default=0, editable=False)
    max_attempts = models.SmallIntegerField(_("attempts allowed"), editable=False)
    lease_seconds = models.IntegerField(_("lease, seconds"), editable=False)
    # Not before this moment.
    run_at = models.DateTimeField(_("due"), db_default=CoreNow(), editable=False)
    # When the sweeper sends the next wake-up, unless a worker has taken the job by then.
    wake_at = models.DateTimeField(_("next wake-up"), db_default=CoreNow(), editable=False)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_expires_at = models.DateTimeField(_("lease ends"), null=True, editable=False)
    last_error = models.TextField(_("last error"), blank=True, default="", editable=False)
    # Who asked, and under which circumstances: {"kind", "id", "label", "request_id", "reason", …}.
    enqueued_by = models.JSONField(_("asked for by"), default=dict, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=CoreNow(), editable=False)
    # The last attempt's beginning.
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, editable=False)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering: ClassVar[list[str]] = ["-id"]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["wake_at"], name="core_job_waits_for_wake_up", condition=Q(state="queued")),
            models.Index(fields=["lease_expires_at"], name="core_job_lease_ends", condition=Q(state="running")),
            models.Index(fields=["finished_at"], name="core_job_done_is_old", condition=Q(state="done")),
            models.Index(fields=["-id"], name="core_job_dead_is_seen", condition=Q(state="dead")),
            models.Index(fields=["name"], name="core_job_is_unfinished", condition=Q(state__in=["queued", "running"])),
            models.Index(fields=["name", "-id"], name="core_job_by_name"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["name", "key"],
                name="core_job_key_is_used_once_per_name",
                condition=Q(key__isnull=False),
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "dead"]), name="core_job_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="running", lease_token__isnull=False, lease_expires_at__isnull=False)
                | (~Q(state="running") & Q(lease_token__isnull=True, lease_expires_at__isnull=True)),
                name="core_job_runs_only_with_a_lease",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["done", "dead"], finished_at__isnull=False)
                | (~Q(state__in=["done", "dead"]) & Q(finished_at__isnull=True)),
                name="core_job_is_finished_when_done_or_dead",
            ),
            models.CheckConstraint(
                condition=Q(attempts__gte=0, attempts__lte=F("max_attempts"), max_attempts__gte=1),
                name="core_job_attempts_are_limited",
            ),
            models.CheckConstraint(condition=Q(lease_seconds__gte=1), name="core_job_lease_is_positive"),
            models.CheckConstraint(condition=~Q(name=""), name="core_job_has_a_name"),
            models.CheckConstraint(condition=~Q(key=""), name="core_job_key_is_not_empty"),
            models.CheckConstraint(
                condition=Exact(
                    Func(F("args"), function="jsonb_typeof", output_field=models.TextField()), Value("object")
                ),
                name="core_job_args_are_an_object",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"
