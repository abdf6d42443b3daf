"""
Deeds: buttons on an object's page that ask for a reason, or more, and end in one operation.

    @deed(title=_("Freeze"), permission="freeze", icon="ac_unit")
    def freeze(self, request, wallet, form, by):
        wallets.freeze(owner=Owner.wallet(wallet.pk), reason=form.cleaned_data["reason"], by=by)
        return _("The wallet is frozen.")

The class names it in ``actions_detail`` and answers ``has_freeze_permission``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from unfold.decorators import action
from unfold.enums import ActionVariant

from core.actors import Actor, under
from core.admin.display import Text, change_url, list_url
from core.admin.forms import REASON, DeedForm, ReasonForm
from core.admin.pages import OfficeAdmin, acting
from core.errors import DomainError

# What a deed answers: a message of success, or a page of its own.
Outcome = str | Promise | HttpResponse

VARIANTS: Final[Mapping[str, ActionVariant]] = {
    "primary": ActionVariant.PRIMARY,
    "danger": ActionVariant.DANGER,
    "default": ActionVariant.DEFAULT,
}


def deed(
    *,
    title: Text,
    permission: str,
    form: type[DeedForm] = ReasonForm,
    icon: str = "",
    variant: str = "default",
    explanation: Text = "",
    submit: Text = "",
) -> Callable[[Callable[..., Outcome]], Callable[..., HttpResponse]]:
    """
    Make a method of an :class:`OfficeAdmin` a deed to be done to one object; it is called with the request, the
    object, the valid form and who acts.

    :param title: what the button says
    :param permission: ``has_<permission>_permission`` of the class decides who sees and may press it
    :param form: what is asked before it is done
    :param explanation: what will happen, said above the form
    :param submit: what the form's button says; the title by default
    """

    def decorate(function: Callable[..., Outcome]) -> Callable[..., HttpResponse]:
        @wraps(function)
        def page(self: OfficeAdmin[Any], request: HttpRequest, object_id: str) -> HttpResponse:
            row = self.get_object(request, unquote(object_id))
            if row is None:
                raise Http404
            filled = form(request.POST if request.method == "POST" else None, target=row)
            back_url = change_url(row, row.pk)
            if answer := _done(request, filled, lambda by: function(self, request, row, filled, by), back_url):
                return answer
            context = {
                "title": title,
                "original": row,
                "explanation": explanation,
                "submit": submit or title,
                "is_dangerous": variant == "danger",
                "back_url": back_url,
                "facts": self.get_facts(request, row),
            }
            return _form_page(self, request, filled, context)

        return _button(page, title=title, permission=permission, icon=icon, variant=variant)

    return decorate


def list_deed(
    *,
    title: Text,
    permission: str,
    form: type[DeedForm],
    icon: str = "",
    explanation: Text = "",
    submit: Text = "",
) -> Callable[[Callable[..., Outcome]], Callable[..., HttpResponse]]:
    """
    Make a method a deed that is done to no object in particular: a button above the list (``actions_list``). The
    method is called with the request, the valid form and who acts. For the parameters see :func:`deed`.
    """

    def decorate(function: Callable[..., Outcome]) -> Callable[..., HttpResponse]:
        @wraps(function)
        def page(self: OfficeAdmin[Any], request: HttpRequest) -> HttpResponse:
            filled = form(request.POST if request.method == "POST" else None)
            back_url = list_url(self.model)
            if answer := _done(request, filled, lambda by: function(self, request, filled, by), back_url):
                return answer
            context = {"title": title, "explanation": explanation, "submit": submit or title, "back_url": back_url}
            return _form_page(self, request, filled, context)

        return _button(page, title=title, permission=permission, icon=icon, variant="default")

    return decorate


def _done(request: HttpRequest, form: DeedForm, call: Callable[[Actor], Outcome], back_url: str) -> HttpResponse | None:
    """Do the deed, if the form was sent and is valid. None asks for the form to be shown."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        with under(reason=form.cleaned_data.get(REASON) or None):
            outcome = call(acting(request))
    except DomainError as refusal:
        form.refuse(refusal)
        return None
    if isinstance(outcome, HttpResponse):
        return outcome
    messages.success(request, str(outcome))
    return HttpResponseRedirect(back_url)


def _form_page(
    admin: OfficeAdmin[Any], request: HttpRequest, form: DeedForm, context: Mapping[str, object]
) -> HttpResponse:
    everything = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "form": form,
        "media": admin.media + form.media,
        **context,
    }
    return TemplateResponse(request, "core/admin/deed.html", everything)


def _button(
    page: Callable[..., HttpResponse], *, title: Text, permission: str, icon: str, variant: str
) -> Callable[..., HttpResponse]:
    button: Callable[..., HttpResponse] = action(
        description=title,
        permissions=[permission],
        url_path=page.__name__.replace("_", "-"),
        icon=icon,
        variant=VARIANTS[variant],
    )(page)
    return button
