"""How Admin looks and what stands in its sidebar: the settings of django-unfold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from core.admin.display import Text


def _static(path: str) -> Any:
    return lambda _request: static(path)


def _item(
    title: Text, icon: str, model: str, *, permission: str = "", badge: Callable[[], str] | None = None
) -> dict[str, Any]:
    """
    A line of the sidebar: the list of a model, for those who may see it.

    :param permission: what it takes to see it; to view or change the model by default
    :param badge: the figure beside it, empty for none
    """
    app, name = model.split(".")
    enough = [permission] if permission else [f"{app}.view_{name}", f"{app}.change_{name}"]

    def may_see(request: HttpRequest) -> bool:
        return any(request.user.has_perm(each) for each in enough)

    item: dict[str, Any] = {
        # The same word stands inside sentences elsewhere, in small letters. It is wanted in one language, many times.
        "title": capfirst(str(title)),
        "icon": icon,
        "link": reverse(f"admin:{app}_{name}_changelist"),
        "permission": may_see,
    }
    if badge and (figure := badge()):
        item |= {"badge": figure, "badge_variant": "danger", "badge_style": "solid"}
    return item


def sidebar(_request: HttpRequest) -> list[dict[str, Any]]:
    """The navigation, grouped by what people come for."""
    # Settings are read before there are models.
    from billing.admin import kpis
    from config.admin_site import credits_to_approve, dead_jobs, open_alerts

    return [
        {
            "items": [{"title": _("Overview"), "icon": "monitoring", "link": reverse("admin:index")}],
        },
        {
            "title": _("Customers"),
            "items": [
                _item(_("People"), "group", "accounts.user"),
                _item(_("Companies"), "apartment", "accounts.company"),
                _item(_("Wallets"), "account_balance_wallet", "billing.wallet"),
            ],
        },
        {
            "title": _("Money"),
            "items": [
                {
                    "title": _("Key figures"),
                    "icon": "query_stats",
                    "link": reverse("admin:billing_kpis"),
                    "permission": kpis.may_see,
                },
                _item(_("Invoices"), "receipt_long", "billing.invoice"),
                _item(_("Checkouts"), "shopping_cart_checkout", "billing.checkout"),
                _item(_("Payments"), "payments", "billing.payment"),
                _item(_("Payment events"), "timeline", "billing.paymentevent"),
                _item(_("Refunds"), "undo", "billing.refund"),
                _item(_("Disputes"), "gavel", "billing.dispute"),
                _item(_("Differences to providers"), "compare_arrows", "billing.statementline"),
                _item(_("Comparisons with providers"), "fact_check", "billing.providerstatement"),
                _item(_("Subscriptions"), "autorenew", "billing.subscription"),
                _item(_("Trials"), "hourglass_top", "billing.trial"),
                _item(_("Ledger"), "swap_vert", "billing.transaction"),
                _item(_("Holds"), "lock_clock", "billing.hold"),
                _item(_("Credits to approve"), "order_approve", "billing.creditrequest", badge=credits_to_approve),
            ],
        },
        {
            "title": _("Sales"),
            "items": [
                _item(_("Tariffs"), "sell", "billing.tariff"),
                _item(_("Promo codes"), "confirmation_number", "billing.promocode"),
                _item(_("Uses of codes"), "redeem", "billing.promoredemption"),
                _item(_("Referrals"), "group_add", "billing.referral"),
            ],
        },
        {
            "title": _("Oversight"),
            "items": [
                _item(_("Alerts"), "notifications", "audit.adminalert", badge=open_alerts),
                _item(_("Audit log"), "history", "audit.auditlog"),
                _item(_("Seals"), "verified", "audit.seal"),
                _item(_("System log"), "bug_report", "audit.systemlog"),
            ],
        },
        {
            "title": _("System"),
            "items": [
                _item(_("API keys"), "key", "accounts.apikey"),
                _item(_("Webhook endpoints"), "webhook", "billing.webhookendpoint"),
                _item(_("Webhook deliveries"), "outgoing_mail", "billing.webhookdelivery"),
                _item(_("Announcements"), "campaign", "billing.announcement"),
                _item(_("Exports"), "download", "core.export"),
                _item(_("Jobs"), "manufacturing", "core.job", badge=dead_jobs),
                _item(_("Settings"), "tune", "core.setting"),
                _item(_("Roles"), "shield_person", "auth.group", permission="accounts.view_user"),
            ],
        },
    ]


def environment(request: HttpRequest) -> list[str] | None:
    """What stands at the top of each page: that the clock was moved, to those who are in."""
    from core.admin.badges import moved_clock

    shown = moved_clock() if request.user.is_authenticated else ""
    return [shown, "warning"] if shown else None


def account_links(_request: HttpRequest) -> list[dict[str, Any]]:
    """The links under the operator's name."""
    document = [{"title": _("API documentation"), "link": "/api/docs"}] if settings.API_DOCS else []
    return [
        {"title": _("Security"), "link": reverse("admin:security")},
        {"title": _("Change password"), "link": reverse("admin:password_change")},
        *document,
    ]


UNFOLD: Final[dict[str, Any]] = {
    "SITE_TITLE": "Dvorik",
    "SITE_HEADER": "Dvorik",
    "SITE_SUBHEADER": _("Back office"),
    "SITE_URL": None,
    "SITE_ICON": _static("core/logo.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _static("core/favicon.svg")}],
    "ENVIRONMENT": environment,
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "8px",
    "STYLES": [_static("core/admin.css")],
    "ACCOUNT": {"navigation": account_links},
    "SIDEBAR": {"show_search": False, "command_search": True, "navigation": sidebar},
    "COLORS": {
        # A green of old courtyards; its 600 carries white text at 5:1.
        "primary": {
            "50": "oklch(98.2% .016 175)",
            "100": "oklch(95% .042 175)",
            "200": "oklch(90% .08 176)",
            "300": "oklch(83% .11 177)",
            "400": "oklch(74% .12 179)",
            "500": "oklch(64% .115 181)",
            "600": "oklch(51.5% .093 184)",
            "700": "oklch(45% .08 186)",
            "800": "oklch(39% .065 188)",
            "900": "oklch(34% .052 189)",
            "950": "oklch(24% .04 191)",
        },
    },
}
