"""Who is logged in to Admin, read at each request."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import F

from accounts.models import User


class StaffBackend(ModelBackend):
    """Django's own. It reads with the person since when they have their second factor: every page asks for it."""

    def get_user(self, user_id: Any) -> User | None:
        person = User.objects.filter(pk=user_id).annotate(factor_since=F("second_factor__confirmed_at")).first()
        return person if person and self.user_can_authenticate(person) else None
