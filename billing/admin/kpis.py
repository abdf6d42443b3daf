"""The page of key figures: how the business goes, by day and by tariff, as far as the operator may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin import kpi_sections
from billing.admin.kpi_period import Asked, PeriodForm, asked_by, form_of, spans
from billing.admin.kpi_sections import Section, Shown
from billing.queries import kpis
from core import exports
from core.admin.exports import ExportForm, asked_for
from core.admin.pages import acting
from core.admin.step_up import asked_first
from core.exports import limits

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

EXPORT: Final = "kpis"
_MONEY: Final = "billing.view_payment"
_SUBSCRIPTIONS: Final = "billing.view_subscription"
_TRIALS: Final = "billing.view_trial"
_LEDGER: Final = "billing.view_transaction"


def urls(site: AdminSite) -> list[URLPattern]:
    """The page and its file."""

    def page(view: Any) -> Any:
        return site.admin_view(lambda request: view(request, site))

    return [
        path("billing/kpis/", page(_page), name="billing_kpis"),
        path("billing/kpis/export/", page(_export), name="billing_kpis_export"),
    ]


def may_see(request: HttpRequest) -> bool:
    """Whether somebody may open the page: who sees money; more of it for those who see more."""
    return request.user.has_perm(_MONEY)


def _page(request: HttpRequest, site: AdminSite) -> HttpResponse:
    if not may_see(request):
        raise PermissionDenied
    form = form_of(request.GET.dict())
    asked = form.asked
    shown, sections = _sections(request, form, asked)
    may_export = request.user.has_perm(exports.definition(EXPORT).permission)
    context = {
        **site.each_context(request),
        "title": _("Key figures"),
        "form": form,
        "spans": spans(asked, form.default.until),
        "figures": [figure for section in sections for figure in section.figures],
        "sections": sections,
        "tariffs": kpi_sections.tariff_panel(shown, sections),
        "export_url": f"{reverse('admin:billing_kpis_export')}?{asked.query}" if may_export else "",
    }
    return TemplateResponse(request, "billing/admin/kpis.html", context)


def _sections(request: HttpRequest, form: PeriodForm, asked: Asked) -> tuple[Shown, list[Section]]:
    """What the operator may know."""
    period = asked.period
    money = kpis.get_money(period)
    recurring = kpis.get_recurring_revenue(period)
    currency = asked.currency or next(iter([*money.currencies, *recurring]), "RUB")
    form.show_currency(currency)
    shown = Shown(period, currency, form.names)
    sections = [kpi_sections.money_section(shown, money, kpis.get_money(period.before))]
    if request.user.has_perm(_SUBSCRIPTIONS):
        sections += [
            kpi_sections.recurring_section(shown, recurring.get(currency, {})),
            kpi_sections.subscription_section(shown, kpis.get_subscriptions(period)),
        ]
    if request.user.has_perm(_TRIALS):
        sections.append(kpi_sections.trial_section(shown, kpis.get_trials(period)))
    if request.user.has_perm(_LEDGER):
        sections.append(kpi_sections.liability_section(shown, kpis.get_liability(period)))
    return shown, sections


def _export(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """A file of all that the page shows, and of all tariffs."""
    if not request.user.has_perm(exports.definition(EXPORT).permission):
        raise PermissionDenied
    if elsewhere := asked_first(request):
        return elsewhere
    query = asked_by(request.GET.urlencode()).query
    form = ExportForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        limits.count_export(request.user.pk)
        return asked_for(request, form, name=EXPORT, query=query, is_long=False, by=acting(request))
    context = {
        **site.each_context(request),
        "title": _("Export"),
        "explanation": gettext_lazy(
            "A row for each day and tariff, and one for the whole of each day. The audit log keeps who took what."
        ),
        "submit_label": _("Export"),
        "form": form,
        "media": form.media,
        "back_url": f"{reverse('admin:billing_kpis')}?{query}",
    }
    return TemplateResponse(request, "core/admin/deed.html", context)
