"""The refund desk: what each way of giving money back would do, said before anything is pressed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from billing.models import Payment, Referral, Refund
from billing.queries import refunds
from billing.queries.refund_effects import OnPeriod, PeriodEffect, RewardEffect
from billing.queries.refunds import Calculation, Desk
from core.admin.deeds import Shown
from core.admin.display import NOTHING, Text, badge, code, moment, number, object_link
from core.admin.forms import DeedForm, KeyField, MoneyTextField, ReasonField, in_words
from core.errors import DomainError

TEMPLATE: Final = "billing/admin/refund.html"

_WORDS: Final[Mapping[Refund.Policy, tuple[Text, Text]]] = {
    Refund.Policy.FULL: (
        gettext_lazy("Full"),
        gettext_lazy("Everything that was bought goes back; the tokens that were spent become a debt."),
    ),
    Refund.Policy.UNSPENT: (
        gettext_lazy("Unspent"),
        gettext_lazy("Only what is left goes back, for its share of the money. The sum is computed."),
    ),
    Refund.Policy.GOODWILL: (
        gettext_lazy("Goodwill"),
        gettext_lazy("The money goes back and the customer keeps the tokens."),
    ),
}

_OF_REWARDS: Final[Mapping[RewardEffect, Text]] = {
    RewardEffect.GOES_BACK: gettext_lazy("goes back; what was spent of it becomes a debt"),
    RewardEffect.NOT_GIVEN: gettext_lazy("is never given"),
    RewardEffect.STAYS: gettext_lazy("stays"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """
    One policy on the desk.

    :param why_not: why it cannot be; empty where it can
    """

    policy: str
    title: Text
    meaning: Text
    figures: Sequence[tuple[Text, object]]
    why_not: str
    is_chosen: bool


class RefundForm(DeedForm):
    """
    How much goes back, by which policy and why. It is sent twice: filled in, and then with ``confirmed``, which says
    what was shown to the operator.
    """

    key = KeyField()
    policy = forms.ChoiceField(
        label=gettext_lazy("policy"),
        choices=Refund.Policy.choices,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose how the money goes back.")},
    )
    amount = MoneyTextField(required=False)
    reason = ReasonField()
    confirmed = forms.CharField(required=False, max_length=100, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        payment: Payment = self.target
        self.fields["amount"] = MoneyTextField(
            label=_("Amount"),
            currency=payment.currency,
            required=False,
            help_text=_("Empty: all that can go back, %(amount)s. The policy “unspent” computes it itself.")
            % {"amount": payment.amount_money - payment.refunded_money},
        )

    @property
    def wanted(self) -> dict[str, Any]:
        """What the operation and its preview are told."""
        return {"policy": Refund.Policy(self.cleaned_data["policy"]), "amount": self.cleaned_data["amount"]}

    @cached_property
    def desk(self) -> Desk:
        return refunds.lay_out(self.target.pk)

    def known(self) -> Sequence[tuple[Text, object]]:
        """What became of the purchase."""
        desk = self.desk
        facts: list[tuple[Text, object]] = [
            (_("can go back at the most"), desk.refundable),
            (_("tokens of this purchase left"), number(desk.purchase.remaining)),
            (_("tokens of it spent"), number(desk.purchase.spent)),
            (_("tokens of it expired"), number(desk.purchase.expired)),
        ]
        if desk.days_bought:
            used = {"used": number(desk.days_used), "bought": number(desk.days_bought)}
            facts.append((_("days of the subscription used"), _("%(used)s of %(bought)s") % used))
        if desk.promo_code:
            facts.append((_("promo code, whose use is not given back"), code(desk.promo_code)))
        if desk.period is not None:
            lies = format_html("{} – {}", moment(desk.period.starts_at), moment(desk.period.ends_at))
            facts.append((_("the paid period"), lies))
        if desk.referral is not None:
            state = badge(desk.referral.get_state_display())
            earned = format_html("{}, {} {}", object_link(desk.referral.referrer), _tokens(desk.referral), state)
            facts.append((_("referrer and reward"), earned))
        parts = _("whole or in parts") if desk.refunds_parts else _("whole only")
        if not desk.sends_refunds:
            parts = _("in its own office alone")
        return [*facts, (_("the provider refunds"), parts)]

    def choices(self) -> Iterator[Choice]:
        """Every policy, possible or not."""
        chosen = self["policy"].value()
        for policy, option in self.desk.options.items():
            title, meaning = _WORDS[policy]
            is_refused = isinstance(option, DomainError)
            yield Choice(
                policy=policy,
                title=title,
                meaning=meaning,
                figures=() if isinstance(option, DomainError) else figures(option),
                why_not=" ".join(in_words(option)) if isinstance(option, DomainError) else "",
                is_chosen=not is_refused and chosen == policy,
            )

    def ask_to_confirm(self, found: Calculation) -> Shown:
        """The page with the exact sum on its button."""
        self._say("confirmed", found.fingerprint)
        title, meaning = _WORDS[found.policy]
        return Shown(
            TEMPLATE,
            {
                "confirming": {
                    "title": title,
                    "meaning": meaning,
                    "figures": figures(found),
                    "reason": self.cleaned_data["reason"],
                },
                "is_dangerous": True,
                "submit_label": _("Send back %(amount)s") % {"amount": found.amount},
            },
        )

    def go_back(self) -> Shown:
        """The page to fill in, as it was filled in."""
        self._say("confirmed", "")
        return Shown(TEMPLATE, {})

    def _say(self, name: str, value: str) -> None:
        # No field of this form is sent twice over.
        self.data = {**dict(self.data.items()), name: value}


def policy_title(refund: Refund) -> Text:
    """A refund's policy, in a word."""
    return _WORDS[Refund.Policy(refund.policy)][0]


def figures(found: Calculation) -> Sequence[tuple[Text, object]]:
    """What a refund does, in three figures, and to the period and the reward where there are any."""
    done: list[tuple[Text, object]] = [
        (_("goes back to the payer"), found.amount),
        (_("tokens to take back"), number(found.tokens_reversed)),
        (_("tokens that become a debt"), number(found.shortfall_tokens) if found.shortfall_tokens else NOTHING),
    ]
    if found.period is not None:
        done.append((_("the paid period"), _what_of(found.period)))
    if found.referral is not None:
        done.append((_("the referrer's reward"), _OF_REWARDS[found.referral.effect]))
    return done


def _what_of(period: OnPeriod) -> str:
    if period.effect == PeriodEffect.STAYS:
        return _("stays")
    if not period.moved_up:
        return _("is taken back")
    return ngettext(
        "is taken back; %(count)s later one moves up",
        "is taken back; %(count)s later ones move up",
        period.moved_up,
    ) % {"count": number(period.moved_up)}


def _tokens(referral: Referral) -> str:
    tokens = referral.reward_tokens
    return ngettext("%(tokens)s token", "%(tokens)s tokens", tokens) % {"tokens": number(tokens)}
