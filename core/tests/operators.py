"""Operators at work in Admin, for tests of every floor: they open pages, fill in forms, press buttons."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client

from core.admin.display import change_url, list_url

# Django's answers in tests have more than their class says.
Answer = Any

_numbers: Final = count(1)


class Operator:
    """
    Somebody who is logged in to Admin and reads English.

    :param role: the name of their group; None for somebody who may enter and has no rights
    """

    def __init__(self, role: str | None = "superadmin", **fields: Any) -> None:
        self.login = f"colleague-{next(_numbers)}"
        self.user = get_user_model()._default_manager.create(login=self.login, is_staff=True, **fields)
        if role:
            self.user.groups.add(Group.objects.get(name=role))
        self.client = Client(headers={"Accept-Language": "en"})
        self.client.force_login(self.user)

    def list(self, model: type[Model], **query: object) -> Answer:
        return self.client.get(list_url(model, **query))

    def page(self, row: Model) -> Answer:
        return self.client.get(change_url(row, row.pk))

    def do(self, row: Model, deed: str, **typed: object) -> Answer:
        """Send the form of a deed: its address is its name, with hyphens."""
        return self.client.post(change_url(row, row.pk).removesuffix("change/") + f"{deed}/", typed)

    def do_to_list(self, model: type[Model], deed: str, **typed: object) -> Answer:
        return self.client.post(list_url(model) + f"{deed}/", typed)

    def save(self, row: Model, **typed: object) -> Answer:
        """Send the whole form of a page."""
        return self.client.post(change_url(row, row.pk), typed)


def audit_log() -> Any:
    """The audit log's rows, which live a floor above this one."""
    return apps.get_model("audit.AuditLog")._default_manager


def errors_of(answer: Answer) -> dict[str, Any]:
    """What a form that was shown again says is wrong, by field."""
    assert answer.status_code == 200, answer.status_code
    form = answer.context["adminform"].form if "adminform" in answer.context else answer.context["form"]
    return dict(form.errors)
