"""What operators may change about billing while it runs."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from billing.models.tariff import MAX_TOKENS
from core.money import Money
from core.runtime_settings import Definition, register

INVOICE_LIFETIME_MINUTES: Final = register(
    key="billing.invoice_lifetime_minutes",
    value_type=int,
    default=24 * 60,
    minimum=1,
    maximum=30 * 24 * 60,
    help_text=_("How long an unpaid invoice waits for its payment, in minutes."),
)

# What payment providers take at the least. A price that a promo code pushes below is refused before it is shown.
MINIMUM_AMOUNTS: Final[dict[str, Definition[Money]]] = {
    currency: register(
        key=f"billing.minimum_amount_{currency.lower()}",
        value_type=Money,
        default=Money(default, currency),
        minimum=1,
        help_text=_("The least that a discounted invoice may ask for, in minor units."),
    )
    for currency, default in (("RUB", 100), ("USD", 50), ("EUR", 50))
}

PROMO_CODE_TRIES_PER_HOUR: Final = register(
    key="billing.promo_code_tries_per_hour",
    value_type=int,
    default=600,
    minimum=1,
    maximum=1_000_000,
    help_text=_("How many promo codes one caller may try in an hour."),
)

TRIALS_PER_HOUR: Final = register(
    key="billing.trials_per_hour",
    value_type=int,
    default=600,
    minimum=1,
    maximum=1_000_000,
    help_text=_("How many trials one caller may ask for in an hour."),
)

# By role; whoever has none of them gives nothing by hand. A key whose owner works here is that person's hand.
CREDIT_DAILY_LIMITS: Final[dict[str, Definition[int]]] = {
    role: register(
        key=f"billing.credit_daily_limit_{role}",
        value_type=int,
        default=default,
        minimum=0,
        maximum=MAX_TOKENS,
        help_text=help_text,
    )
    for role, default, help_text in (
        ("superadmin", 10_000, _("How many tokens a superadmin may credit by hand in a day.")),
        ("operator", 5_000, _("How many tokens an operator may credit by hand in a day.")),
        ("support", 100, _("How many tokens a colleague of the support may credit by hand in a day.")),
    )
}
CREDIT_DAILY_LIMIT_API_KEY: Final = register(
    key="billing.credit_daily_limit_api_key",
    value_type=int,
    default=100_000_000,
    minimum=0,
    maximum=MAX_TOKENS,
    help_text=_("How many tokens one API key may credit in a day, unless its owner works here."),
)

CREDIT_APPROVAL_ABOVE: Final = register(
    key="billing.credit_approval_above",
    value_type=int,
    default=1_000,
    minimum=0,
    maximum=MAX_TOKENS,
    help_text=_("A credit by hand of more tokens than this waits for a second colleague's approval."),
)
CREDIT_APPROVAL_ABOVE_API_KEY: Final = register(
    key="billing.credit_approval_above_api_key",
    value_type=int,
    default=1_000_000,
    minimum=0,
    maximum=MAX_TOKENS,
    help_text=_("A credit of more tokens than this by an API key, unless its owner works here, waits for approval."),
)
CREDIT_REQUEST_LIFETIME_HOURS: Final = register(
    key="billing.credit_request_lifetime_hours",
    value_type=int,
    default=72,
    minimum=1,
    maximum=30 * 24,
    help_text=_("How many hours a credit waits for a colleague's approval before it expires."),
)

RENEWAL_LEAD_HOURS: Final = register(
    key="billing.renewal_lead_hours",
    value_type=int,
    default=24,
    minimum=0,
    maximum=14 * 24,
    help_text=_("How many hours before a subscription's end its next invoice is issued or charged."),
)

LOW_BALANCE_TOKENS: Final = register(
    key="billing.low_balance_tokens",
    value_type=int,
    default=10,
    minimum=0,
    maximum=MAX_TOKENS,
    help_text=_("Other systems are told of a balance that falls below so many tokens; 0 tells of none."),
)
EXPIRY_NOTICE_DAYS: Final = register(
    key="billing.expiry_notice_days",
    value_type=int,
    default=3,
    minimum=0,
    maximum=365,
    help_text=_("How many days before tokens expire other systems are told of it; 0 tells of none."),
)

REFERRAL_PERCENT: Final = register(
    key="billing.referral_percent",
    value_type=int,
    default=10,
    minimum=0,
    maximum=100,
    help_text=_(
        "What a referrer earns: percents of the tokens that the first payment of whom they brought has bought."
    ),
)
REFERRAL_DAILY_CAP_TOKENS: Final = register(
    key="billing.referral_daily_cap_tokens",
    value_type=int,
    default=1_000,
    minimum=0,
    maximum=MAX_TOKENS,
    help_text=_("How many tokens one referrer earns in a day at most."),
)
REFERRAL_MATURITY_DAYS: Final = register(
    key="billing.referral_maturity_days",
    value_type=int,
    default=14,
    minimum=0,
    maximum=365,
    help_text=_("After how many days a referral is rewarded: when payments are returned no more."),
)
