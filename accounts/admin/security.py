"""
One's own second factor: its state, another phone, new backup codes, doing without; and the page that asks for it. One's
own sessions, which end all at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cryptography.fernet import InvalidToken
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout as log_out
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters

from accounts import queries
from accounts.admin.doors import enrolled
from accounts.admin.verification import CodeForm, factor_since, is_shown_lately, note_shown, picture
from accounts.keyring import sealer
from accounts.models import User
from accounts.operations import second_factors, sessions
from accounts.rules import second_factors as rules
from core.admin.display import Text, badge, moment
from core.admin.forms import DeedForm
from core.admin.pages import acting
from core.admin.step_up import asked_first, register_gatekeeper
from core.errors import DomainError

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

_ENROLLING: Final = "dvorik.enrolling"


def urls(site: AdminSite) -> list[URLPattern]:
    """The pages of those who are in."""

    def page(view: Any) -> Any:
        return site.admin_view(sensitive_post_parameters("code")(lambda request: view(request, site)))

    return [
        path("security/", page(_security), name="security"),
        path("security/enrol/", page(_enrol), name="security_enrol"),
        path("security/codes/", page(_codes), name="security_codes"),
        path("security/off/", page(_off), name="security_off"),
        path("security/confirm/", page(_confirm), name="security_confirm"),
        path("security/logout-all/", page(_logout_all), name="security_logout_all"),
    ]


@register_gatekeeper
def ask_again(request: HttpRequest) -> str | None:
    """Where somebody goes whose second factor was shown too long ago; it leads back to what they wanted."""
    if is_shown_lately(request):
        return None
    if request.method == "POST":
        messages.warning(request, _("Nothing was sent yet: show your second factor, then fill in the form again."))
    return f"{reverse('admin:security_confirm')}?{urlencode({'next': request.get_full_path()})}"


def _security(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """How things are, and what can be done about it."""
    user, since = _who(request), factor_since(request)
    left = queries.count_backup_codes(user.pk) if since else 0
    facts: list[tuple[Text, object]] = [
        (_("login"), user.login),
        (_("second factor"), badge(_("set up"), "good") if since else badge(_("not set up"), "warn")),
    ]
    if since:
        facts += [
            (_("set up since"), moment(since)),
            (_("backup codes left"), badge(str(left), "good" if left > 3 else "bad")),
        ]
    context = {
        **site.each_context(request),
        "title": _("Security"),
        "facts": facts,
        "has_factor": since is not None,
        "is_required": settings.REQUIRE_STAFF_2FA,
    }
    return TemplateResponse(request, "accounts/admin/security.html", context)


def _enrol(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Set up the first phone, or another one instead of it."""
    user, has_one = _who(request), factor_since(request) is not None
    if has_one and (elsewhere := asked_first(request)):
        return elsewhere
    if "begin" in request.POST:
        request.session[_ENROLLING] = sealer().encrypt(rules.new_secret()).decode()
        return HttpResponseRedirect(reverse("admin:security_enrol"))
    secret = _enrolling(request)
    if secret is None:
        return HttpResponseRedirect(reverse("admin:security"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = enrolled(form, user, secret, replace=has_one)
        if codes:
            del request.session[_ENROLLING]
            note_shown(request)
            return _shown_once(request, site, codes)
    context = {
        **site.each_context(request),
        "title": _("Set up a second factor"),
        "form": form,
        "back_url": reverse("admin:security"),
        **picture(secret, user),
    }
    return TemplateResponse(request, "accounts/admin/security_enrol.html", context)


def _codes(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """New backup codes, shown once."""
    if factor_since(request) is None:
        return HttpResponseRedirect(reverse("admin:security"))
    if elsewhere := asked_first(request):
        return elsewhere
    if request.method == "POST":
        return _shown_once(
            request, site, second_factors.renew_backup_codes(user_id=_who(request).pk, by=acting(request))
        )
    return _asked(
        request,
        site,
        DeedForm(),
        title=_("New backup codes"),
        explanation=_("Ten new codes are shown once, on the next page. The former ones end, used or not."),
        submit_label=_("Make new codes"),
    )


def _off(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Do without a second factor, where that is permitted."""
    if factor_since(request) is None:
        return HttpResponseRedirect(reverse("admin:security"))
    if elsewhere := asked_first(request):
        return elsewhere
    form = DeedForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            user = second_factors.switch_off(user_id=_who(request).pk, by=acting(request))
        except DomainError as refusal:
            form.refuse(refusal)
        else:
            # Of all their sessions this one alone goes on.
            update_session_auth_hash(request, user)
            messages.success(request, _("The second factor is switched off."))
            return HttpResponseRedirect(reverse("admin:security"))
    return _asked(
        request,
        site,
        form,
        title=_("Switch the second factor off"),
        explanation=_("From then on the password alone opens your account. Your other sessions end."),
        submit_label=_("Switch off"),
        is_dangerous=True,
    )


def _logout_all(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """End all of one's sessions. It takes rights from nobody else, so that no second factor is asked for again."""
    if request.method == "POST":
        sessions.revoke_all(user_id=_who(request).pk, by=acting(request))
        log_out(request)
        return HttpResponseRedirect(reverse("admin:login"))
    return _asked(
        request,
        site,
        DeedForm(),
        title=_("Log out everywhere"),
        explanation=_("All of your sessions end, over the API and in Admin, this one too."),
        submit_label=_("Log out everywhere"),
        is_dangerous=True,
    )


def _confirm(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask for a code, and lead back to what was wanted."""
    next_url = _safe(request)
    if is_shown_lately(request):
        return HttpResponseRedirect(next_url)
    backup = "backup" in request.GET
    form = CodeForm(request.POST or None, backup=backup)
    if request.method == "POST" and form.is_valid() and form.is_right_for(_who(request)):
        # More than before may be done in it, so that it gets another key.
        request.session.cycle_key()
        note_shown(request)
        return HttpResponseRedirect(next_url)
    other = {"next": next_url} | ({} if backup else {"backup": "1"})
    return _asked(
        request,
        site,
        form,
        template="accounts/admin/security_confirm.html",
        title=_("Is it you?"),
        explanation=_("What comes next is grave, so show your second factor once more. Then you go on where you were."),
        submit_label=_("Go on"),
        is_backup=backup,
        other_way=f"{reverse('admin:security_confirm')}?{urlencode(other)}",
    )


def _asked(
    request: HttpRequest, site: AdminSite, form: DeedForm, *, template: str = "core/admin/deed.html", **said: Any
) -> HttpResponse:
    context = {
        **site.each_context(request),
        "form": form,
        "media": form.media,
        "back_url": reverse("admin:security"),
        **said,
    }
    return TemplateResponse(request, template, context)


def _shown_once(request: HttpRequest, site: AdminSite, codes: list[str]) -> HttpResponse:
    context = {
        **site.each_context(request),
        "title": _("Backup codes"),
        "codes": codes,
        "next_url": reverse("admin:security"),
    }
    return TemplateResponse(request, "accounts/admin/security_codes.html", context)


def _enrolling(request: HttpRequest) -> bytes | None:
    try:
        return sealer().decrypt(str(request.session.get(_ENROLLING, "")).encode())
    except InvalidToken:
        return None


def _safe(request: HttpRequest) -> str:
    """Where to go on: a page of this very site, or one's own."""
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if is_ours and wanted.startswith("/") else reverse("admin:security")


def _who(request: HttpRequest) -> User:
    user: Any = request.user
    return User.objects.get(pk=user.pk)
