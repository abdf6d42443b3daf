"""Which people may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from accounts.api.bearer import PersonCredentials
from accounts.errors import StepUpRequired
from core.api.permissions import OWN, may

if TYPE_CHECKING:
    from rest_framework.views import APIView

# People in a session of theirs, whoever they are, for what is their own. Servers have none.
IsPerson: Final = may(own=OWN)

# Who hires, dismisses and gives roles. No server: whoever stole a key must not be able to make himself a colleague.
ManagesStaff: Final = may(permission="accounts.manage_staff")


class LatelyVerified(BasePermission):
    """
    People who have shown their second factor lately, for grave changes; reading asks nobody. Who has none is not asked:
    where everybody must have one, who has none is no staff in the first place.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        """
        Always true for whom the factor counts.

        :raises accounts.errors.StepUpRequired: the second factor was shown too long ago, or never
        """
        is_change = request.method not in SAFE_METHODS
        if is_change and isinstance(request.auth, PersonCredentials) and not request.auth.is_lately_verified:
            raise StepUpRequired
        return True
