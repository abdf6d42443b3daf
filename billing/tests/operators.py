"""Operators who use Admin as a browser would: pages, forms and deeds."""

from __future__ import annotations

from typing import Any, Final

from django.db.models import Model
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tests.factories import StaffFactory

ENGLISH: Final = {"Accept-Language": "en"}

# Django's answers in tests have more than their class says.
Answer = Any


class Operator:
    """
    Somebody who is logged in to Admin and reads English.

    :param role: of accounts.roles; none may enter and see nothing
    """

    def __init__(self, role: str | None = "operator") -> None:
        self.user: User = StaffFactory.create(role=role)
        self.client = Client(headers=ENGLISH)
        self.client.force_login(self.user)

    def open(self, url: str, **query: str) -> Answer:
        return self.client.get(url, query_params=query)

    def page(self, row: Model, **query: str) -> Answer:
        return self.open(page_of(row), **query)

    def list(self, model: type[Model], **query: str) -> Answer:
        return self.open(list_of(model), **query)

    def do(self, row: Model, deed: str, **typed: object) -> Answer:
        """Fill a deed's form in and send it, with the key that the form came with."""
        url = deed_of(row, deed)
        return self._send(url, typed)

    def do_to_list(self, model: type[Model], deed: str, **typed: object) -> Answer:
        return self._send(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{deed}"), typed)

    def save(self, row: Model, **typed: object) -> Answer:
        """Open an object's form, change some of its fields and save it."""
        return self.resend(page_of(row), self.filled(self.page(row)) | typed)

    def add(self, model: type[Model], **typed: object) -> Answer:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
        return self.resend(url, self.filled(self.open(url)) | typed)

    def resend(self, url: str, typed: dict[str, object]) -> Answer:
        """Send a form as it was filled in, at whatever time."""
        return self.client.post(url, {name: value for name, value in typed.items() if value is not None})

    @staticmethod
    def filled(answer: Answer) -> dict[str, object]:
        """What a page's form would send if nothing were typed."""
        assert answer.status_code == 200, answer.status_code
        form = answer.context["form"] if "form" in answer.context else answer.context["adminform"].form
        if "adminform" in answer.context:
            form = answer.context["adminform"].form
        sent: dict[str, object] = {}
        for bound in form:
            value = bound.value()
            if value is None or value is False:
                continue
            subwidgets = getattr(bound.field.widget, "widgets", None)
            if subwidgets:
                parts = bound.field.widget.decompress(bound.field.prepare_value(value))
                sent |= {f"{bound.html_name}_{place}": part for place, part in enumerate(parts) if part is not None}
            else:
                sent[bound.html_name] = "on" if value is True else value
        return sent

    def _send(self, url: str, typed: dict[str, object]) -> Answer:
        return self.resend(url, self.filled(self.open(url)) | typed)


def page_of(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def deed_of(row: Model, deed: str) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{deed}", args=[row.pk])


def errors_of(answer: Answer) -> dict[str, list[str]]:
    """What a form that was refused says, by field."""
    assert answer.status_code == 200, answer.status_code
    form = answer.context["adminform"].form if "adminform" in answer.context else answer.context["form"]
    assert form.errors, "nothing was refused"
    return {name: [str(each) for each in said] for name, said in form.errors.items()}


def told(answer: Answer) -> list[tuple[str, str]]:
    """The messages that the next page shows: level and words."""
    assert answer.status_code == 302, errors_of(answer)
    return [(message.level_tag, str(message)) for message in answer.wsgi_request._messages]
