"""What operators may change about people, keys and their doors while the house runs."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from core.runtime_settings import register

API_KEY_REQUESTS_PER_MINUTE: Final = register(
    key="accounts.api_key_requests_per_minute",
    value_type=int,
    default=60_000,
    minimum=60,
    maximum=10_000_000,
    help_text=_(
        "How many requests one API key may make in a minute: in each process of the web server, or in all of them "
        "together where limits are counted in Redis."
    ),
)

REGISTRATIONS_PER_HOUR: Final = register(
    key="accounts.registrations_per_hour",
    value_type=int,
    default=1_000,
    minimum=1,
    maximum=1_000_000,
    help_text=_("When one caller registers more people than this in an hour, an alert is raised; nobody is refused."),
)

STEP_UP_MINUTES: Final = register(
    key="accounts.step_up_minutes",
    value_type=int,
    default=10,
    minimum=1,
    maximum=24 * 60,
    help_text=_("For how many minutes a second factor, once shown, counts for exports, roles and other grave deeds."),
)
