"""Jobs: what waits, runs, is done or has given up, and what may be decided about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, Tone, badge, change_url, code, moment, pairs
from core.admin.facts import FactsAdmin
from core.admin.filters import TextFilter
from core.admin.forms import ReasonForm
from core.admin.search import PER_FINDER, Hit, register_finder
from core.admin.views import ViewFilter, ViewsAdmin
from core.models import Job
from core.operations import jobs

_TONES: Final[Mapping[str, Tone]] = {
    Job.State.QUEUED: "info",
    Job.State.RUNNING: "warn",
    Job.State.DONE: "good",
    Job.State.DEAD: "bad",
}


class JobViews(ViewFilter):
    views = (
        ("all", _("All")),
        ("queued", _("Queued")),
        ("running", _("Running")),
        ("dead", _("Dead letters")),
        ("done", _("Done")),
    )

    def narrow(self, rows: QuerySet[Any], view: str) -> QuerySet[Any]:
        return rows if view == "all" else rows.filter(state=view)


class NameFilter(TextFilter):
    title = _("job")
    parameter_name = "name"

    def narrow(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(name=text)


@admin.register(Job)
class JobAdmin(ViewsAdmin[Job], FactsAdmin[Job]):
    """Every job that is not yet deleted."""

    view_filter = JobViews
    list_display = ("name", "shown_state", "attempts_count", "due", "ended", "error")
    list_filter: ClassVar[Any] = (JobViews, NameFilter)
    search_fields = ("name",)
    search_help_text = _("A job's name or id")
    actions_detail = ("run_again", "give_up")

    def find(self, term: str) -> Q:
        return Q(name=term) | _by_id(term)

    def is_offered(self, request: HttpRequest, row: Job, name: str) -> bool:
        return row.state == (Job.State.DEAD if name == "run_again" else Job.State.QUEUED)

    def has_decide_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("core.change_job")

    @deed(
        title=_("Run again"),
        permission="decide",
        icon="replay",
        explanation=_("Gives the job all of its attempts again, beginning now. Jobs are safe to run twice."),
    )
    def run_again(self, request: HttpRequest, job: Job, form: ReasonForm, by: Actor) -> Outcome:
        jobs.run_again(job_id=job.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The job is queued again.")

    @deed(
        title=_("Give up"),
        permission="decide",
        icon="cancel",
        variant="danger",
        explanation=_("The job will not run. It moves to the dead letters, from where it can be run again."),
    )
    def give_up(self, request: HttpRequest, job: Job, form: ReasonForm, by: Actor) -> Outcome:
        jobs.give_up(job_id=job.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The job is given up.")

    def get_heading(self, row: Job) -> str:
        return row.name

    def get_facts(self, request: HttpRequest, row: Job) -> Sequence[tuple[Text, object]]:
        asked_by = row.enqueued_by
        return (
            (_("job"), code(row.name)),
            (_("state"), self.shown_state(row)),
            (_("attempts"), self.attempts_count(row)),
            (_("due"), moment(row.run_at)),
            (_("started"), moment(row.started_at)),
            (_("lease ends"), moment(row.lease_expires_at)),
            (_("finished"), moment(row.finished_at)),
            (_("key"), code(row.key) if row.key else NOTHING),
            (_("arguments"), pairs({name: code(value) for name, value in row.args.items()})),
            (_("asked for by"), asked_by.get("label") or asked_by.get("kind") or NOTHING),
            (_("reason"), asked_by.get("reason") or NOTHING),
            (_("created"), moment(row.created_at)),
            (_("last error"), format_html('<pre class="dv-error">{}</pre>', row.last_error or NOTHING)),
        )

    @admin.display(description=_("state"))
    def shown_state(self, row: Job) -> SafeString:
        return badge(row.get_state_display(), _TONES.get(row.state, "quiet"))

    @admin.display(description=_("attempts"))
    def attempts_count(self, row: Job) -> str:
        return _("%(made)s of %(allowed)s") % {"made": row.attempts, "allowed": row.max_attempts}

    @admin.display(description=_("due"))
    def due(self, row: Job) -> SafeString | str:
        return moment(row.run_at)

    @admin.display(description=_("finished"))
    def ended(self, row: Job) -> SafeString | str:
        return moment(row.finished_at)

    @admin.display(description=_("last error"))
    def error(self, row: Job) -> SafeString | str:
        lines = row.last_error.strip().splitlines()
        # The last line of a traceback says what it was.
        return (
            format_html('<span class="dv-short" title="{}">{}</span>', lines[-1], lines[-1][:80]) if lines else NOTHING
        )


def _by_id(text: str) -> Q:
    try:
        return Q(pk=UUID(text))
    except ValueError:
        return Q(pk__in=[])


@register_finder
def _find(request: HttpRequest, term: str) -> list[Hit]:
    if not request.user.has_perm("core.view_job"):
        return []
    found = Job.objects.filter(Q(name=term) | _by_id(term)).order_by("-id")[:PER_FINDER]
    return [Hit(row.name, _("Job"), change_url(row, row.pk), "manufacturing") for row in found]
