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
from dataclasses import dataclass
from functools import partial, wraps
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
from core.admin.step_up import asked_first
from core.errors import DomainError, RateLimited, Unavailable


@dataclass(frozen=True, slots=True)
class Shown:
    """
    A deed's answer that is to be read: the form's page again, with more on it.

    :param template: extends ``core/admin/deed.html``
    :param facts: what the template shows besides
    """

    template: str
    facts: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Warned:
    """A deed's answer that is no success: it was done, and somebody must look after what came of it."""

    message: Text


# What is said above a deed's form: a text, or what knows it of an object and a request.
Explanation = Text | Callable[[HttpRequest, Any], Text]

# What a deed answers: a message of success unless it is one of the others.
Outcome = str | Promise | Warned | Shown | HttpResponse

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
    explanation: Explanation = "",
    submit: Text = "",
    step_up: bool | Callable[[Any], bool] = False,
    template: str = "core/admin/deed.html",
) -> Callable[[Callable[..., Outcome]], Callable[..., HttpResponse]]:
    """
    Make a method of an :class:`OfficeAdmin` a deed to be done to one object; it is called with the request, the
    object, the valid form and who acts.

    :param title: what the button says
    :param permission: ``has_<permission>_permission`` of the class decides who sees and may press it
    :param form: what is asked before it is done
    :param explanation: what will happen, said above the form; a function of the request and the object may say it
    :param submit: what the form's button says; the title by default
    :param step_up: whether the operator shows once more who they are (:mod:`core.admin.step_up`), by the object maybe
    :param template: of the form's page; extends ``core/admin/deed.html``
    """

    def decorate(function: Callable[..., Outcome]) -> Callable[..., HttpResponse]:
        @wraps(function)
        def page(self: OfficeAdmin[Any], request: HttpRequest, object_id: str) -> HttpResponse:
            row = self.get_object(request, unquote(object_id))
            if row is None:
                raise Http404
            is_grave = step_up(row) if callable(step_up) else step_up
            if is_grave and (elsewhere := asked_first(request)):
                return elsewhere
            filled = form(request.POST if request.method == "POST" else None, target=row)
            back_url = change_url(row, row.pk)
            context = {
                "title": title,
                "original": row,
                "explanation": explanation(request, row) if callable(explanation) else explanation,
                "submit_label": submit or title,
                "is_dangerous": variant == "danger",
                "back_url": back_url,
                "name_of_original": self.name_of(row),
                "facts": self.get_facts(request, row),
            }
            call = partial(function, self, request, row, filled)
            return _answer(self, request, filled, call, context, template=template)

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
    step_up: bool = False,
) -> Callable[[Callable[..., Outcome]], Callable[..., HttpResponse]]:
    """
    Make a method a deed that is done to no object in particular: a button above the list (``actions_list``). The
    method is called with the request, the valid form and who acts. For the parameters see :func:`deed`.
    """

    def decorate(function: Callable[..., Outcome]) -> Callable[..., HttpResponse]:
        @wraps(function)
        def page(self: OfficeAdmin[Any], request: HttpRequest) -> HttpResponse:
            if step_up and (elsewhere := asked_first(request)):
                return elsewhere
            filled = form(request.POST if request.method == "POST" else None)
            context = {
                "title": title,
                "explanation": explanation,
                "submit_label": submit or title,
                "back_url": list_url(self.model),
            }
            return _answer(self, request, filled, lambda by: function(self, request, filled, by), context)

        return _button(page, title=title, permission=permission, icon=icon, variant="default")

    return decorate


def _answer(
    admin: OfficeAdmin[Any],
    request: HttpRequest,
    form: DeedForm,
    call: Callable[[Actor], Outcome],
    context: dict[str, Any],
    *,
    template: str = "core/admin/deed.html",
) -> HttpResponse:
    """Do the deed, if the form was sent and is valid; show the form otherwise."""
    outcome = _outcome(request, form, call)
    if isinstance(outcome, HttpResponse):
        return outcome
    if outcome is None or isinstance(outcome, Shown):
        everything = {
            **admin.admin_site.each_context(request),
            "opts": admin.opts,
            "form": form,
            "media": admin.media + form.media,
            **context,
            **(outcome.facts if outcome else {}),
        }
        return TemplateResponse(request, outcome.template if outcome else template, everything)
    if isinstance(outcome, Warned):
        messages.warning(request, str(outcome.message))
    else:
        messages.success(request, str(outcome))
    return HttpResponseRedirect(context["back_url"])


def _outcome(request: HttpRequest, form: DeedForm, call: Callable[[Actor], Outcome]) -> Outcome | None:
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        with under(reason=form.cleaned_data.get(REASON) or None):
            return call(acting(request))
    except (RateLimited, Unavailable):
        # Nothing in the form is wrong: the page that says when to come again is the door's.
        raise
    except DomainError as refusal:
        form.refuse(refusal)
        return None


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
