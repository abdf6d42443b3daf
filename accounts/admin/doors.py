"""
Admin's door: the password, then the second factor, and only then a session that anything knows.

Between the two the session is nobody's. It remembers for five minutes whose password was right, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth import login as log_in
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters

from accounts import queries
from accounts.admin.login import LoginForm, remember_device
from accounts.admin.verification import CodeForm, note_shown, picture, too_many
from accounts.api import throttles
from accounts.errors import OtpWrong, SecondFactorExists
from accounts.keyring import sealer
from accounts.models import User
from accounts.operations import admin_logins, second_factors
from accounts.people import actor_of
from accounts.rules import second_factors as rules
from core import clock
from core.admin.pages import acting
from core.errors import RateLimited

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite

LIFETIME: Final = timedelta(minutes=5)
_HALF_WAY: Final = "dvorik.half_way"


@dataclass(frozen=True, slots=True)
class HalfWay:
    """
    Somebody whose password was right, and who is not in yet.

    :param next_url: what they wanted
    :param secret: of the phone that they must enrol first; None for those who have one
    """

    user: User
    next_url: str
    secret: bytes | None

    @classmethod
    def begin(cls, request: HttpRequest, user: User, next_url: str, *, secret: bytes | None = None) -> None:
        """Whatever session there was is over: nobody can have planted this one."""
        request.session.flush()
        request.session[_HALF_WAY] = {
            "user": str(user.pk),
            "fits": user.get_session_auth_hash(),
            "since": clock.now().isoformat(),
            "next": next_url,
            "secret": sealer().encrypt(secret).decode() if secret else "",
        }

    @classmethod
    def of(cls, request: HttpRequest) -> HalfWay | None:
        """Who is half way in; None once it is too long ago, or they are kept out or have another password."""
        kept = request.session.get(_HALF_WAY)
        if not kept or datetime.fromisoformat(kept["since"]) <= clock.now() - LIFETIME:
            return None
        user = User.objects.filter(pk=kept["user"], is_active=True, is_staff=True).first()
        if user is None or not constant_time_compare(kept["fits"], user.get_session_auth_hash()):
            return None
        return cls(user, kept["next"], sealer().decrypt(kept["secret"].encode()) if kept["secret"] else None)

    def finish(self, request: HttpRequest, page: HttpResponse, way: admin_logins.Way) -> HttpResponse:
        """Let them in, in a session with a new key, and answer with the page."""
        admin_logins.begin(user=self.user, way=way, by=actor_of(self.user))
        del request.session[_HALF_WAY]
        log_in(request, self.user)
        note_shown(request)
        remember_device(request, page)
        return page


class OfficeLoginView(LoginView):
    """The first half: the password."""

    form_class = LoginForm

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.get_user()
        if queries.find_factor_since(user.pk):
            HalfWay.begin(self.request, user, self.get_success_url())
            return HttpResponseRedirect(reverse("admin:login_code"))
        if settings.REQUIRE_STAFF_2FA:
            HalfWay.begin(self.request, user, self.get_success_url(), secret=rules.new_secret())
            return HttpResponseRedirect(reverse("admin:login_enrol"))
        admin_logins.begin(user=user, way="password", by=actor_of(user))
        page = super().form_valid(form)
        remember_device(self.request, page)
        return page

    def form_invalid(self, form: Any) -> HttpResponse:
        page = super().form_invalid(form)
        if form.refusal:
            page.status_code = form.refusal.status
            page["Retry-After"] = str(form.refusal.retry_after)
        return page


def urls(site: AdminSite) -> list[URLPattern]:
    """The pages of those who are half way in."""

    def half_way(view: Any) -> Any:
        guarded = never_cache(csrf_protect(sensitive_post_parameters("code")(view)))

        def page(request: HttpRequest) -> HttpResponse:
            somebody = HalfWay.of(request)
            if somebody is None:
                return HttpResponseRedirect(reverse("admin:login"))
            answer: HttpResponse = guarded(request, site, somebody)
            return answer

        return page

    return [
        path("login/code/", half_way(_code), name="login_code"),
        path("login/enrol/", half_way(_enrol), name="login_enrol"),
    ]


def login(site: AdminSite, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Django's login page of Admin, with our form and our second half behind it."""
    if request.method == "GET" and site.has_permission(request):
        return HttpResponseRedirect(reverse("admin:index"))
    context = {
        **site.each_context(request),
        "title": _("Log in"),
        "subtitle": None,
        "app_path": request.get_full_path(),
        "username": request.user.get_username(),
        **(extra_context or {}),
    }
    if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
        context[REDIRECT_FIELD_NAME] = reverse("admin:index")
    page: Any = OfficeLoginView.as_view(template_name="admin/login.html", extra_context=context)
    answer: HttpResponse = page(request)
    return answer


def note_logout(request: HttpRequest) -> None:
    """Write down that whoever is logged in logs out."""
    user: Any = request.user
    admin_logins.end(user=user, by=acting(request))


def _code(request: HttpRequest, site: AdminSite, somebody: HalfWay) -> HttpResponse:
    """Ask for a code of the phone, or for a backup code."""
    backup = "backup" in request.GET
    form = CodeForm(request.POST or None, backup=backup)
    if request.method == "POST" and form.is_valid() and form.is_right_for(somebody.user):
        return somebody.finish(request, HttpResponseRedirect(somebody.next_url), form.way)
    context = {**site.each_context(request), "title": _("Second factor"), "form": form, "is_backup": backup}
    return TemplateResponse(request, "accounts/admin/login_code.html", context)


def _enrol(request: HttpRequest, site: AdminSite, somebody: HalfWay) -> HttpResponse:
    """Have a phone learn the secret, show that it did, and show the backup codes once."""
    if somebody.secret is None:
        return HttpResponseRedirect(reverse("admin:login_code"))
    form = CodeForm(request.POST or None)
    context = {**site.each_context(request), "title": _("Set up a second factor"), "form": form}
    if request.method == "POST" and form.is_valid():
        codes = enrolled(form, somebody.user, somebody.secret)
        if codes:
            context |= {"codes": codes, "next_url": somebody.next_url}
            page = TemplateResponse(request, "accounts/admin/login_codes.html", context)
            return somebody.finish(request, page, "enrolment")
    context |= picture(somebody.secret, somebody.user)
    return TemplateResponse(request, "accounts/admin/login_enrol.html", context)


def enrolled(form: CodeForm, user: User, secret: bytes, *, replace: bool = False) -> list[str]:
    """The backup codes of a phone that has shown the right code; none where the form says what is wrong."""
    try:
        throttles.count_code(user.pk)
        return second_factors.enrol(
            user_id=user.pk, secret=secret, code=form.cleaned_data["code"], replace=replace, by=actor_of(user)
        )
    except RateLimited as refusal:
        form.add_error("code", too_many(refusal))
    except OtpWrong:
        form.add_error("code", _("This is not the code that the app should show now. Is the phone's clock right?"))
    except SecondFactorExists as refusal:
        form.refuse(refusal)
    return []
