"""Routes about subscriptions and trials."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from billing import errors
from billing.api import examples
from billing.api.owners import EXACTLY_ONE_PAYER, owner_meant
from billing.api.serializers.subscriptions import (
    NewSubscriptionSerializer,
    SubscriptionParams,
    SubscriptionSerializer,
)
from billing.api.throttles import count_trial
from billing.operations import subscriptions as operations
from billing.operations import trials
from billing.queries import subscriptions
from core.api.declarations import Example, documented
from core.api.idempotency import answer_once, idempotency_key, stored
from core.api.pagination import Keyset, paged
from core.api.permissions import OWN, STAFF, by_method, may
from core.api.views import ApiView
from core.operations.idempotency import StoredAnswer

_NEWEST_FIRST: Final = Keyset("-id")
_READ: Final = may(scopes=("billing:read", STAFF), permission="billing.view_subscription", own=OWN)
_ADD: Final = may(scopes=("billing:write",), permission="billing.add_subscription", own=OWN)
_TARIFF_REFUSALS: Final = [
    errors.WalletNotFound,
    errors.TariffNotFound,
    errors.TariffNotOnSale,
    errors.TariffNotForOwner,
]
_WHO: Final = {"user": examples.ANNA, "tariff": "pro-month"}


class SubscriptionListView(ApiView):
    permission_classes = [by_method(GET=_READ, POST=_ADD)]

    @documented(
        summary="List subscriptions, newest first",
        operation_id="subscriptions_list",
        query=SubscriptionParams,
        answers={200: paged(SubscriptionSerializer)},
        examples=[Example("a page", answer=examples.page(examples.SUBSCRIPTION))],
    )
    def get(self, request: Request) -> Response:
        """Everybody's, or one customer's; in any state, or in one. Customers see their own."""
        query = self.query()
        rows = subscriptions.list_subscriptions(
            user_id=query.get("user"),
            company_id=query.get("company"),
            status=query.get("status"),
            only_of=self.admission.only_of,
        )
        return self.page(rows, _NEWEST_FIRST, SubscriptionSerializer)

    @documented(
        summary="Subscribe",
        body=NewSubscriptionSerializer,
        answers={201: SubscriptionSerializer},
        errors=[*_TARIFF_REFUSALS, errors.TariffWithoutSubscription, errors.IdempotencyMismatch],
        idempotent=True,
        examples=[Example("the first time", body=_WHO, answer=examples.PENDING_SUBSCRIPTION, status=201)],
    )
    def post(self, request: Request) -> HttpResponse:
        """
        Makes the invoice of the first period, named as `invoice`, and a subscription that waits for its payment. Where
        the customer has a subscription of the tariff's family, that one is the answer, and the invoice is for its next
        period. Customers subscribe for themselves and need not say so.
        """
        body = self.body()
        body["owner"] = owner_meant(self, body["owner"], otherwise=EXACTLY_ONE_PAYER)
        key = idempotency_key(request)

        def effect() -> StoredAnswer:
            begun = operations.start(**body, key=key, by=self.actor)
            return stored(status.HTTP_201_CREATED, SubscriptionSerializer(begun.subscription).data)

        return answer_once(request, effect, by=self.actor)


class SubscriptionView(ApiView):
    permission_classes = [_READ]

    @documented(
        summary="One subscription",
        answers={200: SubscriptionSerializer},
        errors=[errors.SubscriptionNotFound],
        examples=[Example("active", answer=examples.SUBSCRIPTION)],
    )
    def get(self, request: Request, subscription_id: UUID) -> Response:
        """With all its periods, also those whose money went back."""
        found = subscriptions.get_subscription(subscription_id, only_of=self.admission.only_of)
        return Response(SubscriptionSerializer(found).data)


class SubscriptionCancellationView(ApiView):
    permission_classes = [may(scopes=("billing:write",), permission="billing.change_subscription", own=OWN)]

    @documented(
        summary="Cancel a subscription",
        answers={200: SubscriptionSerializer},
        errors=[errors.SubscriptionNotFound, errors.SubscriptionOver],
        examples=[
            Example(
                "to its end",
                answer={
                    **examples.SUBSCRIPTION,
                    "status": "cancelled",
                    "cancel_at_period_end": True,
                    "cancelled_at": "2026-02-10T09:00:00Z",
                },
            )
        ],
    )
    def post(self, request: Request, subscription_id: UUID) -> Response:
        """It runs to the end of what is paid for; where nothing is, it ends now. Cancelling again changes nothing."""
        cancelled = operations.cancel(subscription_id=subscription_id, only_of=self.admission.only_of, by=self.actor)
        return Response(SubscriptionSerializer(cancelled).data)


class TrialListView(ApiView):
    permission_classes = [may(scopes=("billing:write",), permission="billing.add_trial", own=OWN)]

    @documented(
        summary="Begin a trial",
        body=NewSubscriptionSerializer,
        answers={201: SubscriptionSerializer},
        errors=[*_TARIFF_REFUSALS, errors.TrialNotOffered, errors.TrialUsed, errors.SubscriptionExists],
        idempotent=True,
        examples=[Example("a week", body=_WHO, answer=examples.TRIAL, status=201)],
    )
    def post(self, request: Request) -> HttpResponse:
        """
        Once per customer and family, for ever. The tariff's tokens come as a lot that expires with the trial.
        Customers begin their own and need not say so.
        """
        body = self.body()
        body["owner"] = owner_meant(self, body["owner"], otherwise=EXACTLY_ONE_PAYER)
        count_trial(self.actor)

        def effect() -> StoredAnswer:
            begun = trials.start(**body, by=self.actor)
            return stored(status.HTTP_201_CREATED, SubscriptionSerializer(begun.subscription).data)

        return answer_once(request, effect, by=self.actor)
