"""The test clock's route, which production does not have."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from core import errors
from core.api.declarations import Example, documented
from core.api.fields import MomentField
from core.api.permissions import STAFF, may
from core.api.serializers import StrictSerializer
from core.api.views import ApiView
from core.jobs.runner import Outcome
from core.operations import clocks

# As many as a request has time for.
MOST_STOPS: Final = 200


class AdvanceSerializer(StrictSerializer):
    seconds = serializers.IntegerField(
        min_value=1, max_value=clocks.MOST_SECONDS, help_text=_("How far the clock moves on; ten years at most.")
    )


class RanSerializer(serializers.Serializer[clocks.Ran]):
    at = MomentField()
    job = serializers.CharField()
    outcome = serializers.ChoiceField(choices=[each.value for each in Outcome])


class AdvancedSerializer(serializers.Serializer[clocks.Advance]):
    now = MomentField()
    arrived = serializers.BooleanField(
        help_text=_("False where so much fell due on the way that the clock stopped before: ask again for the rest.")
    )
    ran = RanSerializer(many=True, help_text=_("The jobs that ran, in their order; the first thousand."))
    ran_in_all = serializers.IntegerField()


class AdvanceView(ApiView):
    permission_classes = [may(scopes=(STAFF,), permission="core.change_setting")]

    @documented(
        summary="Let time pass, for tests",
        operation_id="test_clock_advance",
        body=AdvanceSerializer,
        answers={200: AdvancedSerializer},
        errors=[errors.ClockIsFixed, errors.ClockIsMoving],
        examples=[
            Example(
                "a day",
                body={"seconds": 86_400},
                answer={
                    "now": "2026-02-01T12:00:00Z",
                    "arrived": True,
                    "ran": [{"at": "2026-02-01T09:30:00Z", "job": "billing.expire_invoices", "outcome": "done"}],
                    "ran_in_all": 1,
                },
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """
        Move the clock by which everything is decided, and run what falls due on the way, in order: expiries, renewals,
        reminders. Every customer of this installation ages. There is no way back, and no such route in production.
        """
        seconds: Any = self.body()["seconds"]
        done = clocks.advance(seconds=seconds, most_stops=MOST_STOPS, by=self.actor)
        return Response(AdvancedSerializer(done).data)
