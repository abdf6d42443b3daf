"""Where Telegram knocks, and where superadmins have it knock. These routes stand at the root."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from core.api.declarations import Example, documented
from core.api.fields import MomentField
from core.api.permissions import by_method, may
from core.api.views import ApiView
from messaging import errors, intake, webhooks
from messaging.bots import get_bot

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  the header's name

_BOTS: Final = may(scopes=("bots:write",), permission="messaging.manage_bots")
_REFUSALS: Final = (errors.BotsAreOff, errors.TelegramRefused, errors.TelegramUnavailable)
_EXAMPLE: Final = {
    "results": [
        {
            "bot": "main",
            "url": "https://office.example/webhooks/main-bot",
            "pending": 0,
            "last_error": "",
            "silent_until": None,
        },
    ]
}


class WebhookSerializer(serializers.Serializer[Any]):
    bot = serializers.ChoiceField(choices=["main", "auth"])
    url = serializers.CharField(help_text=_("Where Telegram sends the bot's updates; empty for nowhere."))
    pending = serializers.IntegerField(help_text=_("How many updates wait with Telegram."))
    last_error = serializers.CharField(help_text=_("Why Telegram could not deliver lately."))
    silent_until = MomentField(
        allow_null=True,
        help_text=_("Until when the bot is silent: Telegram has asked for it, or refuses the token."),
    )


class WebhooksSerializer(serializers.Serializer[Any]):
    results = WebhookSerializer(many=True)


@extend_schema(exclude=True)
class BotWebhookView(ApiView):
    """One bot's updates. Nobody but Telegram knows the secret, which is looked at before the body is."""

    authentication_classes = []
    permission_classes = [AllowAny]
    bot = ""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        :raises errors.WebhookSecretWrong: the secret is missing or another
        """
        shown = request.headers.get(SECRET_HEADER, "")
        if request.method in self.allowed_methods and not get_bot(self.bot).is_told_by_telegram(shown):
            raise errors.WebhookSecretWrong
        super().initial(request, *args, **kwargs)

    @documented(summary="One update of a bot", body=serializers.Serializer, answers={200: None})
    def post(self, request: Request) -> Response:
        """
        Telegram repeats what is not answered with 200: so is every update, known or not.

        :raises errors.UpdateMalformed: it is none
        """
        if not intake.take(bot=self.bot, payload=request.data):
            raise errors.UpdateMalformed
        return Response({"ok": True})


class WebhookInfoView(ApiView):
    permission_classes = [by_method(GET=_BOTS)]

    @documented(
        summary="Where Telegram sends the bots' updates",
        operation_id="webhook_info",
        answers={200: WebhooksSerializer},
        errors=_REFUSALS,
        examples=[Example("one bot", answer=_EXAMPLE)],
    )
    def get(self, request: Request) -> Response:
        """What Telegram says: the address, how many updates wait, and why it could not deliver lately."""
        return _answer(webhooks.list_all())


class SetWebhooksView(ApiView):
    permission_classes = [by_method(POST=_BOTS)]

    @documented(
        summary="Have Telegram send the bots' updates here",
        operation_id="set_webhooks",
        answers={200: WebhooksSerializer},
        errors=_REFUSALS,
        examples=[Example("one bot", answer=_EXAMPLE)],
    )
    def post(self, request: Request) -> Response:
        """To `PUBLIC_URL` of the settings; without one, to the address by which this request came."""
        base = settings.PUBLIC_URL or request.build_absolute_uri("/")
        return _answer(webhooks.set_all(base=base, by=self.actor))


class DeleteWebhooksView(ApiView):
    permission_classes = [by_method(POST=_BOTS)]

    @documented(
        summary="Have Telegram send the bots' updates nowhere",
        operation_id="delete_webhooks",
        answers={200: WebhooksSerializer},
        errors=_REFUSALS,
        examples=[Example("one bot", answer={"results": [{**_EXAMPLE["results"][0], "url": ""}]})],
    )
    def post(self, request: Request) -> Response:
        """They wait with Telegram for a day. `manage.py poll_bots` fetches them instead."""
        return _answer(webhooks.delete_all(by=self.actor))


def _answer(found: list[webhooks.Webhook]) -> Response:
    return Response(WebhooksSerializer({"results": found}).data)
