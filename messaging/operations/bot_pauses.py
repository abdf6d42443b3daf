"""
Having a bot say nothing for a while. One row per bot, in one statement: of two pauses at once the longer one stays.
"""

from __future__ import annotations

from django.db import connection
from django.utils.translation import gettext_noop

from audit.operations import alerts
from core.actors import Actor
from core.database import operation
from messaging.models import BotPause


@operation
def begin(*, bot: str, token_digest: str, cause: BotPause.Cause, seconds: int, says: str, by: Actor) -> None:
    """
    Have a bot be silent; a shorter pause than the one that it has changes nothing. The operators are told of a token
    that is refused: nothing goes on before they mend it.

    :param bot: ``main``
    :param token_digest: of the token with which it was met; another token has no pause
    :param seconds: for how long, from now
    :param says: Telegram's own words
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO bot_pauses AS kept (bot, token_digest, cause, until_at)
            VALUES (%s::text, %s::text, %s::text, core_now() + make_interval(secs => %s::int))
            ON CONFLICT (bot) DO UPDATE
            SET token_digest = excluded.token_digest, cause = excluded.cause, until_at = excluded.until_at,
                updated_at = core_now()
            WHERE kept.token_digest <> excluded.token_digest OR kept.until_at < excluded.until_at
            """,
            [bot, token_digest, cause, seconds],
        )
    if cause == BotPause.Cause.TOKEN:
        alerts.raise_alert(
            f"messaging.token_refused:{bot}",
            severity="critical",
            title=gettext_noop("Telegram refuses a bot's token: the bot is stopped until it is mended."),
            body=says,
            bot=bot,
        )
