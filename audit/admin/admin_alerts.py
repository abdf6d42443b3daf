"""Alerts: trouble that somebody should look after, the open ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.admin.wording import fact_in_words, value_in_words
from audit.models import AdminAlert, Delivery
from audit.operations import alerts
from audit.queries.logs import list_deliveries
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, Tone, badge, code, moment, number, pairs
from core.admin.facts import FactsAdmin
from core.admin.forms import DeedForm, ReasonField, ReasonForm
from core.admin.panels import Column, Panel
from core.admin.views import ViewFilter, ViewsAdmin

_SEVERITIES: Final[Mapping[str, Tone]] = {
    AdminAlert.Severity.INFO: "info",
    AdminAlert.Severity.WARNING: "warn",
    AdminAlert.Severity.CRITICAL: "bad",
}
_STATUSES: Final[Mapping[str, Tone]] = {
    AdminAlert.Status.OPEN: "bad",
    AdminAlert.Status.ACKNOWLEDGED: "info",
    AdminAlert.Status.RESOLVED: "good",
}

_DELIVERIES: Final[Mapping[str, Tone]] = {
    Delivery.State.PENDING: "info",
    Delivery.State.SENT: "good",
    Delivery.State.FAILED: "bad",
}
_SHOWN_DELIVERIES: Final = 20


class AlertViews(ViewFilter):
    views = (("open", _("Open")), ("acknowledged", _("Acknowledged")), ("resolved", _("Resolved")), ("all", _("All")))

    def narrow(self, rows: QuerySet[Any], view: str) -> QuerySet[Any]:
        return rows if view == "all" else rows.filter(status=view)


class NoteForm(DeedForm):
    """What was done about it, if there is anything to say."""

    reason = ReasonField(required=False, label=_("note"))


@admin.register(AdminAlert)
class AdminAlertAdmin(ViewsAdmin[AdminAlert], FactsAdmin[AdminAlert]):
    """One row for each trouble, however often it was met."""

    view_filter = AlertViews
    keyset = ("-last_seen_at", "-id")
    list_display = ("gravity", "headline", "times_count", "seen_last", "seen_first", "state", "acknowledged_by")
    list_display_links = ("headline",)
    list_filter: ClassVar[Any] = (AlertViews,)
    search_fields = ("fingerprint",)
    search_help_text = _("The beginning of a fingerprint")
    actions_detail = ("acknowledge", "resolve")

    def find(self, term: str) -> Q:
        return Q(fingerprint__startswith=term)

    def is_offered(self, request: HttpRequest, row: AdminAlert, name: str) -> bool:
        if name == "acknowledge":
            return row.status == AdminAlert.Status.OPEN
        return row.status != AdminAlert.Status.RESOLVED

    def has_answer_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("audit.change_adminalert")

    @deed(
        title=_("Acknowledge"),
        permission="answer",
        form=NoteForm,
        icon="visibility",
        explanation=_("Says that you look after it. The alert stays in the list until it is resolved."),
    )
    def acknowledge(self, request: HttpRequest, alert: AdminAlert, form: NoteForm, by: Actor) -> Outcome:
        alerts.acknowledge(alert_id=alert.pk, by=by)
        return _("You look after the alert now.")

    @deed(
        title=_("Resolve"),
        permission="answer",
        icon="check_circle",
        explanation=_("Says that the trouble is over. If it comes back, that is a new alert."),
    )
    def resolve(self, request: HttpRequest, alert: AdminAlert, form: ReasonForm, by: Actor) -> Outcome:
        alerts.resolve(alert_id=alert.pk, by=by, reason=form.cleaned_data["reason"])
        return _("The alert is resolved.")

    def get_facts(self, request: HttpRequest, row: AdminAlert) -> Sequence[tuple[Text, object]]:
        about = {fact_in_words(name): value_in_words(None, "", value) for name, value in row.context.items()}
        return (
            (_("what"), gettext(row.title)),
            (_("text"), gettext(row.body) if row.body else NOTHING),
            (_("severity"), self.gravity(row)),
            (_("state"), self.state(row)),
            (_("times"), number(row.count)),
            (_("first seen"), moment(row.first_seen_at)),
            (_("last seen"), moment(row.last_seen_at)),
            (_("acknowledged by"), row.acknowledged_by or NOTHING),
            (_("acknowledged at"), moment(row.acknowledged_at)),
            (_("about"), pairs(about)),
            (_("fingerprint"), code(row.fingerprint)),
        )

    def get_panels(self, request: HttpRequest, row: AdminAlert) -> Sequence[Panel]:
        """How operators were told of it."""
        return [
            Panel(
                title=_("Messages"),
                columns=(Column(_("way")), Column(_("state")), Column(_("attempts"), numeric=True), Column(_("when"))),
                rows=[
                    (
                        each.get_channel_display(),
                        badge(each.get_state_display(), _DELIVERIES.get(each.state, "quiet")),
                        number(each.attempts),
                        moment(each.created_at),
                    )
                    for each in list_deliveries(row.pk)[:_SHOWN_DELIVERIES]
                ],
                empty=_("None: nowhere to send them is configured, or it was not time yet."),
            )
        ]

    @admin.display(description=_("severity"))
    def gravity(self, row: AdminAlert) -> SafeString:
        return badge(row.get_severity_display(), _SEVERITIES.get(row.severity, "quiet"))

    @admin.display(description=_("what"))
    def headline(self, row: AdminAlert) -> str:
        return gettext(row.title)

    @admin.display(description=_("times"))
    def times_count(self, row: AdminAlert) -> str:
        return number(row.count)

    @admin.display(description=_("last seen"))
    def seen_last(self, row: AdminAlert) -> SafeString | str:
        return moment(row.last_seen_at)

    @admin.display(description=_("first seen"))
    def seen_first(self, row: AdminAlert) -> SafeString | str:
        return moment(row.first_seen_at)

    @admin.display(description=_("state"))
    def state(self, row: AdminAlert) -> SafeString:
        return badge(row.get_status_display(), _STATUSES.get(row.status, "quiet"))
