"""Where other systems hear of what happens: addresses and their secrets, of which each is shown once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from billing.admin.search import by_id
from billing.models import WebhookDelivery, WebhookEndpoint
from billing.operations import webhook_deliveries, webhook_endpoints
from billing.operations.webhook_deliveries import MOST_AT_ONCE
from billing.operations.webhook_endpoints import LONGEST_OVERLAP, Secretive
from billing.rules.announcements import TYPES
from billing.rules.webhook_addresses import LONGEST_URL
from core.actors import Actor
from core.admin.deeds import Outcome, Shown, deed, list_deed
from core.admin.display import NOTHING, Text, badge, change_url, link, list_url, moment, number, short
from core.admin.facts import FactsAdmin
from core.admin.forms import DeedForm, ReasonField, ReasonForm, integer_widget, text_widget

_SECRET_SHOWN: Final = "billing/admin/secret_shown.html"  # noqa: S105  a template


def _events() -> list[tuple[str, str]]:
    return [(name, f"{name}: {title}") for name, title in TYPES.items()]


class EndpointForm(DeedForm):
    """What to tell whom."""

    url = forms.CharField(
        label=_("address"),
        max_length=LONGEST_URL,
        help_text=_("It begins with https:// and leads to a public server."),
        widget=text_widget(autocomplete="off"),
    )
    events = forms.MultipleChoiceField(
        label=_("events"), choices=_events, widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    description = forms.CharField(label=_("description"), max_length=255, required=False, widget=text_widget())
    reason = ReasonField(required=False)

    def __init__(self, *args: Any, target: WebhookEndpoint | None = None, **kwargs: Any) -> None:
        super().__init__(*args, target=target, **kwargs)
        if target is not None:
            self.initial = {"url": target.url, "events": target.events, "description": target.description}


class RotateSecretForm(DeedForm):
    """How long the previous secret goes on signing beside the new one."""

    overlap_hours = forms.IntegerField(
        label=_("overlap, hours"),
        min_value=0,
        max_value=LONGEST_OVERLAP.days * 24,
        initial=24,
        help_text=_("For so long messages are signed with both. 0 where the previous secret has leaked."),
        widget=integer_widget(),
    )
    reason = ReasonField()


def _how_many_wait(_request: HttpRequest, row: WebhookEndpoint) -> Text:
    waiting = row.deliveries.filter(state=WebhookDelivery.State.DEAD).count()
    return gettext(
        "Given up: %(count)s. Each goes with the message id that it always had, so that a receiver that has it knows "
        "it again; at most %(most)s at once, the oldest first."
    ) % {"count": number(waiting), "most": number(MOST_AT_ONCE)}


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(FactsAdmin[WebhookEndpoint]):
    """Every address that is, or was, told of what happens."""

    list_display = ("address", "told_of", "description", "state", "when")
    list_filter = ("is_active",)
    search_fields = ("id",)
    search_help_text = _("An id, or a whole address")
    actions_list = ("add_endpoint",)
    actions_detail = ("edit", "rotate", "switch_off", "switch_on", "replay_given_up", "remove")

    def find(self, term: str) -> Q:
        return by_id(term) | Q(url=term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookEndpoint]:
        return super().get_queryset(request).defer("secret", "previous_secret")

    def is_offered(self, request: HttpRequest, row: WebhookEndpoint, name: str) -> bool:
        if row.removed_at is not None:
            return False
        if name == "replay_given_up":
            return row.is_active and row.deliveries.filter(state=WebhookDelivery.State.DEAD).exists()
        return {"switch_off": row.is_active, "switch_on": not row.is_active}.get(name, True)

    def has_make_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.add_webhookendpoint")

    def has_edit_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_webhookendpoint")

    def has_replay_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_webhookdelivery")

    @list_deed(
        title=_("Add an endpoint"),
        permission="make",
        form=EndpointForm,
        icon="add",
        explanation=_("Its secret is shown once, on the next page. Nobody can see it again."),
        step_up=True,
    )
    def add_endpoint(self, request: HttpRequest, form: EndpointForm, by: Actor) -> Outcome:
        told = form.cleaned_data
        return _shown_once(
            webhook_endpoints.create(url=told["url"], events=told["events"], description=told["description"], by=by)
        )

    @deed(title=_("Change"), permission="edit", form=EndpointForm, icon="edit", variant="primary", step_up=True)
    def edit(self, request: HttpRequest, row: WebhookEndpoint, form: EndpointForm, by: Actor) -> Outcome:
        told = form.cleaned_data
        webhook_endpoints.change(
            endpoint_id=row.pk,
            url=told["url"],
            events=told["events"],
            description=told["description"],
            by=by,
        )
        return _("The endpoint is changed.")

    @deed(
        title=_("New secret"),
        permission="edit",
        form=RotateSecretForm,
        icon="sync",
        explanation=_("The new secret is shown once, on the next page."),
        step_up=True,
    )
    def rotate(self, request: HttpRequest, row: WebhookEndpoint, form: RotateSecretForm, by: Actor) -> Outcome:
        overlap = timedelta(hours=form.cleaned_data["overlap_hours"])
        return _shown_once(webhook_endpoints.rotate_secret(endpoint_id=row.pk, overlap=overlap, by=by))

    @deed(
        title=_("Switch off"),
        permission="edit",
        icon="pause",
        variant="danger",
        explanation=_("It is told of nothing until it is switched on again; what is on its way is given up."),
    )
    def switch_off(self, request: HttpRequest, row: WebhookEndpoint, form: ReasonForm, by: Actor) -> Outcome:
        webhook_endpoints.change(endpoint_id=row.pk, is_active=False, by=by)
        return _("The endpoint is switched off.")

    @deed(title=_("Switch on"), permission="edit", icon="play_arrow")
    def switch_on(self, request: HttpRequest, row: WebhookEndpoint, form: ReasonForm, by: Actor) -> Outcome:
        webhook_endpoints.change(endpoint_id=row.pk, is_active=True, by=by)
        return _("The endpoint is switched on.")

    @deed(
        title=_("Send all given-up ones again"),
        permission="replay",
        icon="replay",
        explanation=_how_many_wait,
    )
    def replay_given_up(self, request: HttpRequest, row: WebhookEndpoint, form: ReasonForm, by: Actor) -> Outcome:
        sent = webhook_deliveries.replay_given_up(endpoint_id=row.pk, reason=form.cleaned_data["reason"], by=by)
        return ngettext(
            "%(count)s message is on its way again.", "%(count)s messages are on their way again.", sent
        ) % {"count": number(sent)}

    @deed(
        title=_("Remove"),
        permission="edit",
        icon="delete",
        variant="danger",
        explanation=_("It is told of nothing any more, for good. Its deliveries stay in the list."),
    )
    def remove(self, request: HttpRequest, row: WebhookEndpoint, form: ReasonForm, by: Actor) -> Outcome:
        webhook_endpoints.remove(endpoint_id=row.pk, by=by)
        return _("The endpoint is removed.")

    def get_facts(self, request: HttpRequest, row: WebhookEndpoint) -> Sequence[tuple[Text, object]]:
        return (
            (_("address"), row.url),
            (_("state"), self.state(row)),
            (_("events"), ", ".join(row.events)),
            (_("description"), row.description or NOTHING),
            (_("previous secret signs until"), moment(row.previous_secret_ends_at)),
            (_("created"), moment(row.created_at)),
            (_("removed"), moment(row.removed_at)),
            (_("deliveries"), link(list_url(WebhookDelivery, endpoint=row.pk), _("Look at them"))),
        )

    @admin.display(description=_("address"))
    def address(self, row: WebhookEndpoint) -> SafeString:
        return short(row.url)

    @admin.display(description=_("events"))
    def told_of(self, row: WebhookEndpoint) -> SafeString:
        return short(", ".join(row.events))

    @admin.display(description=_("state"))
    def state(self, row: WebhookEndpoint) -> SafeString:
        if row.removed_at is not None:
            return badge(_("removed"))
        return badge(_("active"), "good") if row.is_active else badge(_("switched off"), "warn")

    @admin.display(description=_("created"))
    def when(self, row: WebhookEndpoint) -> SafeString | str:
        return moment(row.created_at)


def _shown_once(made: Secretive) -> Shown:
    back_url = change_url(made.endpoint, made.endpoint.pk)
    return Shown(_SECRET_SHOWN, {"secret": made.secret, "original": made.endpoint, "back_url": back_url})
