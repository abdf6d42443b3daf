"""What customers keep paying for, and who has tried it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from billing.admin.display import OWNERS, days, owner_name, state_badge, wallet_link
from billing.admin.search import by_id, of_customer
from billing.models import Subscription, SubscriptionPeriod, Tariff, Trial
from billing.operations import subscriptions as operations
from core.actors import Actor
from core.admin.deeds import Outcome, deed
from core.admin.display import NOTHING, Text, badge, code, moment, number, object_link
from core.admin.facts import FactsAdmin
from core.admin.forms import DeedForm, ReasonField, ReasonForm
from core.admin.panels import Column, Panel
from core.admin.views import ViewFilter, ViewsAdmin

_SHOWN: Final = 60
_CHANGEABLE: Final = (
    Subscription.Status.TRIALING,
    Subscription.Status.ACTIVE,
    Subscription.Status.PAST_DUE,
    Subscription.Status.CANCELLED,
)


class SubscriptionViews(ViewFilter):
    views = (
        ("live", _("Live")),
        ("trialing", _("Trials")),
        ("past_due", _("Payment is due")),
        ("cancelled", _("Cancelled")),
        ("pending", _("Not begun")),
        ("expired", _("Ended")),
        ("all", _("All")),
    )

    def narrow(self, rows: QuerySet[Any], view: str) -> QuerySet[Any]:
        if view == "live":
            return rows.filter(status__in=_CHANGEABLE)
        return rows if view == "all" else rows.filter(status=view)


class TariffForm(DeedForm):
    """To which tariff of the family, and why."""

    tariff = forms.ChoiceField(label=_("tariff"), widget=UnfoldAdminSelectWidget())
    reason = ReasonField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        subscription: Subscription = self.target
        audience = Tariff.Audience.USER if subscription.wallet.user_id else Tariff.Audience.COMPANY
        family = Q(family=subscription.family) | Q(family="", slug=subscription.family)
        offered = Tariff.objects.filter(family, is_active=True, subscription_days__gt=0, audience=audience)
        chosen = self.fields["tariff"]
        assert isinstance(chosen, forms.ChoiceField)  # noqa: S101  for the type checker
        chosen.choices = [
            (each.slug, f"{each.name}: {each.price_money}, {each.get_change_policy_display()}") for each in offered
        ]


@admin.register(Subscription)
class SubscriptionAdmin(ViewsAdmin[Subscription], FactsAdmin[Subscription]):
    """Who has subscribed to what, until when, and what was paid for it."""

    view_filter = SubscriptionViews
    list_display = ("customer", "of_tariff", "state", "until", "renewal", "began")
    list_filter: ClassVar[Any] = (SubscriptionViews,)
    list_select_related = ("tariff", "next_tariff", *OWNERS)
    search_fields = ("wallet",)
    search_help_text = _("A customer's @username or Telegram id, or the id of a customer, a wallet or a subscription")
    actions_detail = ("change_tariff", "resume", "cancel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        return super().get_queryset(request).select_related("tariff", "next_tariff", "renewal_invoice", *OWNERS)

    def find(self, term: str) -> Q:
        return by_id(term) | of_customer(term)

    def has_change_it_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        return request.user.has_perm("billing.change_subscription")

    def is_offered(self, request: HttpRequest, row: Subscription, name: str) -> bool:
        match name:
            case "cancel":
                return not row.is_over and not row.cancel_at_period_end
            case "resume":
                return row.status == Subscription.Status.CANCELLED
            case _change:
                return row.status in _CHANGEABLE

    @deed(
        title=_("Cancel"),
        permission="change_it",
        icon="event_busy",
        variant="danger",
        explanation=_(
            "It runs to the end of what is paid for and is not renewed; what waits to be paid is withdrawn. "
            "Where nothing is paid for, it ends now."
        ),
        submit=_("Cancel the subscription"),
    )
    def cancel(self, request: HttpRequest, row: Subscription, form: ReasonForm, by: Actor) -> Outcome:
        cancelled = operations.cancel(subscription_id=row.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The subscription has ended.") if cancelled.is_over else _("The subscription runs to its end.")

    @deed(
        title=_("Take the cancellation back"),
        permission="change_it",
        icon="undo",
        explanation=_("It will be renewed as if it had never been cancelled."),
    )
    def resume(self, request: HttpRequest, row: Subscription, form: ReasonForm, by: Actor) -> Outcome:
        operations.resume(subscription_id=row.pk, reason=form.cleaned_data["reason"], by=by)
        return _("The subscription goes on.")

    @deed(
        title=_("Change the tariff"),
        permission="change_it",
        form=TariffForm,
        icon="swap_horiz",
        explanation=_(
            "By the other tariff's policy it begins when the paid time ends, or at once: then what is left is turned "
            "into time of that tariff by its value. No money moves."
        ),
    )
    def change_tariff(self, request: HttpRequest, row: Subscription, form: TariffForm, by: Actor) -> Outcome:
        typed = form.cleaned_data
        changed = operations.change_tariff(
            subscription_id=row.pk, tariff=typed["tariff"], reason=typed["reason"], by=by
        )
        if changed.next_tariff:
            return _("The tariff changes when the paid time ends.")
        return _("The subscription is of this tariff now.")

    def name_of(self, row: Subscription) -> str:
        return owner_name(row.wallet)

    def get_heading(self, row: Subscription) -> str:
        return f"{owner_name(row.wallet)} — {row.tariff}"

    def get_facts(self, request: HttpRequest, row: Subscription) -> Sequence[tuple[Text, object]]:
        return (
            (_("customer"), self.customer(row)),
            (_("tariff"), object_link(row.tariff)),
            (_("next tariff"), object_link(row.next_tariff) if row.next_tariff else NOTHING),
            (_("family"), code(row.family)),
            (_("state"), self.state(row)),
            (_("began"), moment(row.started_at)),
            (_("present period from"), moment(row.current_period_start)),
            (_("present period until"), moment(row.current_period_end)),
            (_("paid until"), self.until(row)),
            (_("trial until"), moment(row.trial_end)),
            (_("next invoice"), moment(row.renews_at)),
            (_("invoice to pay"), object_link(row.renewal_invoice) if row.renewal_invoice else NOTHING),
            (_("waits for payment until"), moment(row.grace_ends_at)),
            (_("cancellation"), moment(row.cancelled_at)),
            (_("over since"), moment(row.ended_at)),
            (_("charged by"), row.agreement_provider or _("nobody: the customer pays each invoice")),
            (_("id"), code(row.pk)),
        )

    def get_panels(self, request: HttpRequest, row: Subscription) -> Sequence[Panel]:
        periods = row.periods.select_related("tariff", "invoice").order_by("-number")[:_SHOWN]
        return [
            Panel(
                title=_("Periods"),
                columns=(
                    Column(_("number"), numeric=True),
                    Column(_("from")),
                    Column(_("until")),
                    Column(_("tariff")),
                    Column(_("paid by")),
                    Column(_("price"), numeric=True),
                    Column(_("state")),
                ),
                rows=[
                    (
                        number(each.number),
                        moment(each.starts_at),
                        moment(each.ends_at),
                        each.tariff,
                        object_link(each.invoice) if each.invoice else _("on trial"),
                        each.invoice.amount_money if each.invoice else NOTHING,
                        _period_badge(each, row),
                    )
                    for each in periods
                ],
                empty=_("Nothing was paid for yet."),
            )
        ]

    @admin.display(description=_("customer"))
    def customer(self, row: Subscription) -> SafeString | str:
        return wallet_link(row.wallet)

    @admin.display(description=_("tariff"))
    def of_tariff(self, row: Subscription) -> str:
        return f"{row.tariff} → {row.next_tariff}" if row.next_tariff else str(row.tariff)

    @admin.display(description=_("state"))
    def state(self, row: Subscription) -> SafeString:
        return state_badge(row)

    @admin.display(description=_("paid until"))
    def until(self, row: Subscription) -> SafeString | str:
        return moment(row.ends_at)

    @admin.display(description=_("next invoice"))
    def renewal(self, row: Subscription) -> SafeString | str:
        return moment(row.renews_at)

    @admin.display(description=_("began"))
    def began(self, row: Subscription) -> SafeString | str:
        return moment(row.started_at)


def _period_badge(period: SubscriptionPeriod, subscription: Subscription) -> SafeString:
    if period.removed_at:
        return badge(_("taken back"), "bad")
    if not subscription.is_over and period.starts_at == subscription.current_period_start:
        return badge(_("present"), "good")
    return badge(_("paid"), "quiet") if period.invoice_id else badge(_("on trial"), "quiet")


@admin.register(Trial)
class TrialAdmin(FactsAdmin[Trial]):
    """Trials that were begun: one per customer and family."""

    list_display = ("customer", "of_tariff", "shown_family", "began", "until", "given_tokens", "became")
    list_select_related = ("tariff", "subscription", *OWNERS)
    search_fields = ("wallet",)
    search_help_text = _("A customer's @username or Telegram id, or the id of a customer, a wallet or a trial")
    shows_history = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trial]:
        return super().get_queryset(request).select_related("tariff", "subscription", *OWNERS)

    def find(self, term: str) -> Q:
        return by_id(term) | of_customer(term)

    def name_of(self, row: Trial) -> str:
        return owner_name(row.wallet)

    def get_heading(self, row: Trial) -> str:
        return f"{owner_name(row.wallet)} — {row.tariff}"

    def get_facts(self, request: HttpRequest, row: Trial) -> Sequence[tuple[Text, object]]:
        return (
            (_("customer"), self.customer(row)),
            (_("tariff"), object_link(row.tariff)),
            (_("family"), self.shown_family(row)),
            (_("began"), self.began(row)),
            (_("trial until"), self.until(row)),
            (_("trial, days"), days((row.ends_at - row.created_at).days)),
            (_("tokens"), self.given_tokens(row)),
            (_("subscription"), object_link(row.subscription, state_badge(row.subscription))),
        )

    @admin.display(description=_("customer"))
    def customer(self, row: Trial) -> SafeString | str:
        return wallet_link(row.wallet)

    @admin.display(description=_("tariff"))
    def of_tariff(self, row: Trial) -> str:
        return str(row.tariff)

    @admin.display(description=_("family"))
    def shown_family(self, row: Trial) -> SafeString:
        return code(row.family)

    @admin.display(description=_("began"))
    def began(self, row: Trial) -> SafeString | str:
        return moment(row.created_at)

    @admin.display(description=_("trial until"))
    def until(self, row: Trial) -> SafeString | str:
        return moment(row.ends_at)

    @admin.display(description=_("tokens"))
    def given_tokens(self, row: Trial) -> str:
        return number(row.tokens)

    @admin.display(description=_("subscription"))
    def became(self, row: Trial) -> SafeString:
        return state_badge(row.subscription)
