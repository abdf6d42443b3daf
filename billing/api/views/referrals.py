"""Routes about who brought whom."""

from __future__ import annotations

from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import UserNotFound
from accounts.queries import get_user
from billing.api import examples
from billing.api.owners import person_meant
from billing.api.serializers.referrals import (
    ReferralCodeParams,
    ReferralCodeSerializer,
    ReferralParams,
    ReferralSerializer,
)
from billing.queries import referrals
from core.api.declarations import Example, documented
from core.api.pagination import Keyset, paged
from core.api.permissions import OWN, STAFF, may
from core.api.views import ApiView

_NEWEST_FIRST: Final = Keyset("-id")
_READ: Final = may(scopes=("billing:read", STAFF), permission="billing.view_referral", own=OWN)


class ReferralListView(ApiView):
    permission_classes = [_READ]

    @documented(
        summary="List referrals, newest first",
        operation_id="referrals_list",
        query=ReferralParams,
        answers={200: paged(ReferralSerializer)},
        examples=[Example("a page", answer=examples.page(examples.REFERRAL))],
    )
    def get(self, request: Request) -> Response:
        """
        Everybody's, or whom one customer brought. Customers see whom they brought: a filter by somebody else finds
        nothing, as one by nobody does.
        """
        rows = referrals.list_referrals(referrer_id=self.query().get("user"), only_of=self.admission.only_of)
        return self.page(rows, _NEWEST_FIRST, ReferralSerializer)


class ReferralCodeView(ApiView):
    permission_classes = [_READ]

    @documented(
        summary="A customer's referral code",
        operation_id="referral_code",
        query=ReferralCodeParams,
        answers={200: ReferralCodeSerializer},
        errors=[UserNotFound],
        examples=[Example("Anna's", answer={"user": examples.ANNA, "referral_code": "K7M2QX9P"})],
    )
    def get(self, request: Request) -> Response:
        """Who is registered with this code for the first time was brought by this customer, for good."""
        return Response(ReferralCodeSerializer(get_user(person_meant(self, self.query().get("user")))).data)
