"""One's own password, changed in Admin as over the API: by the same operation, and counted in the same bucket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy

from accounts.api import throttles
from accounts.errors import PasswordTooWeak, PasswordWrong
from accounts.operations import passwords
from core.admin.forms import RefusableForm
from core.admin.pages import acting
from core.errors import DomainError

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite
    from django.contrib.auth.forms import PasswordChangeForm
else:
    from unfold.forms import AdminOwnPasswordChangeForm as PasswordChangeForm


class OwnPasswordForm(RefusableForm, PasswordChangeForm):
    """Unfold's form. Whether the old password is right, the operation says, once the try is counted."""

    def clean_old_password(self) -> str:
        return str(self.cleaned_data["old_password"])

    def refuse(self, refusal: DomainError) -> None:
        """The form has its own names for the operation's passwords."""
        if isinstance(refusal, PasswordWrong):
            self.add_error("old_password", str(refusal.title))
        else:
            renamed = {{"new": "new_password2"}.get(name, name): why for name, why in refusal.fields.items()}
            super().refuse(type(refusal)(refusal.detail, fields=renamed))


class OwnPasswordView(PasswordChangeView):
    """
    Django's page. Of all their sessions this one alone goes on.

    :raises core.errors.RateLimited: there were too many tries; the door answers with a page
    :raises core.errors.Unavailable: they cannot be counted now
    """

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def form_valid(self, form: Any) -> HttpResponse:
        me: Any = self.request.user
        throttles.count_password(me.pk)
        told = form.cleaned_data
        try:
            user = passwords.change(
                user_id=me.pk, old=told["old_password"], new=told["new_password1"], by=acting(self.request)
            )
        except (PasswordWrong, PasswordTooWeak) as refusal:
            form.refuse(refusal)
            return self.form_invalid(form)
        update_session_auth_hash(self.request, user)
        return HttpResponseRedirect(self.get_success_url())


def change(site: AdminSite, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Ask for the old password and twice for the new one, and change it."""
    page: Any = OwnPasswordView.as_view(extra_context={**site.each_context(request), **(extra_context or {})})
    answer: HttpResponse = page(request)
    return answer
