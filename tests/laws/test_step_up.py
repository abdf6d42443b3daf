"""
Every page of Admin that moves something: it asks once more who it is, or it is said why not. A new deed is in neither
list, and fails here until somebody has decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from django.test import override_settings

from accounts.tests.desks import CONFIRM, Desk, inside
from accounts.tests.factories import StaffFactory
from conftest import TestClock
from tests.laws.admin_rows import NOBODY, row_of
from tests.laws.test_admin_permissions import ADDRESSES, Page

pytestmark = pytest.mark.django_db

_UNDONE: Final = "nothing leaves the house, and another click undoes it"
_COUNTED: Final = "what one colleague may give in a day is limited, and beyond it another one decides"
_MADE_SURE: Final = "what the provider says is asked of the provider, and nothing is booked twice"
_JUDGED: Final = "it moves only what the rules would have moved by themselves"

# Why whoever has shown their second factor once, at their login, is not asked for it again.
WITHOUT_A_CODE: Final[Mapping[str, str]] = {
    "accounts_apikey_revoke": "it only takes away, and in an emergency each second counts",
    "accounts_user_anonymise": "a customer's; of colleagues it is asked (accounts/tests/test_admin_security.py)",
    "accounts_user_change": "names and notes; roles and rights have deeds of their own",
    "accounts_user_end_sessions": "a customer's; of colleagues it is asked (accounts/tests/test_admin_security.py)",
    "accounts_user_keep_out": "a customer's; of colleagues it is asked (accounts/tests/test_admin_security.py)",
    "accounts_user_let_in": "a customer's; of colleagues it is asked (accounts/tests/test_admin_security.py)",
    "audit_adminalert_acknowledge": "it says that somebody looks after an alert, and moves nothing else",
    "audit_adminalert_resolve": "trouble that goes on raises the alert anew",
    "billing_creditrequest_approve": "it takes two people already, and the request says what they agree to",
    "billing_creditrequest_decline": "nothing moves, and it can be asked for again",
    "billing_invoice_cancel": "nothing was paid for it, and another one is made at once",
    "billing_invoice_record_payment": "it credits what an invoice asks, by a receipt that counts once",
    "billing_paymentevent_replay": _MADE_SURE,
    "billing_promocode_add": "a price is lowered, not money given; it can be switched off",
    "billing_promocode_change": "a price is lowered, not money given; it can be switched off",
    "billing_promocode_generate": "a price is lowered, not money given; they can be switched off",
    "billing_promocode_switch_off": "it only takes away, and another code is made at once",
    "billing_refund_send_again": "whoever asked for the refund was asked; the provider knows its key and pays it once",
    "billing_statementline_book": _MADE_SURE,
    "billing_statementline_ignore": "nothing moves, and the line stays in the list",
    "billing_subscription_cancel": _UNDONE,
    "billing_subscription_change_tariff": _JUDGED,
    "billing_subscription_resume": _JUDGED,
    "billing_tariff_add": "a price that customers see; no money moves before one of them pays it",
    "billing_tariff_archive": "it only takes off sale what another tariff can offer at once",
    "billing_tariff_change": "a price that customers see; no money moves before one of them pays it",
    "billing_wallet_credit": _COUNTED,
    "billing_wallet_freeze": _UNDONE,
    "billing_wallet_unfreeze": _UNDONE,
    "billing_webhookdelivery_replay": "the same message goes to the same address once more",
    "billing_webhookendpoint_replay_given_up": "the same messages go to the same address once more",
    "billing_webhookendpoint_remove": "it only takes away: nothing is told to anybody new",
    "billing_webhookendpoint_switch_off": _UNDONE,
    "billing_webhookendpoint_switch_on": "to an address for which somebody was asked",
    "core_job_give_up": _UNDONE,
    "core_job_run_again": "jobs are safe to run twice",
    "security_logout_all": "it only takes away, and whoever is in under another's name cannot keep them in by it",
}


def moving() -> Iterator[str]:
    """The names of the addresses at which somebody changes something."""
    for name in ADDRESSES:
        row = row_of(name)
        # Whoever leaves is asked for nothing.
        if row is not None and row.moves and row.post != NOBODY and name != "logout":
            yield name


def asking(name: str, desk: Desk) -> bool:
    """Whether a page asks for the second factor before it shows its form."""
    answer = desk.get(Page.of(name).url)
    assert answer.status_code in {200, 302}, (name, answer.status_code)
    return answer.status_code == 302 and str(answer.headers["Location"]).startswith(CONFIRM)


@pytest.fixture
def late(clock: TestClock) -> Desk:
    """A superadmin's desk, at which everything was shown too long ago."""
    desk, _phone = inside(StaffFactory.create(role="superadmin"))
    clock.advance(minutes=10)
    return desk


def test_each_page_that_moves_something_asks_or_says_why_not(late: Desk, tmp_path: Path) -> None:
    with override_settings(EXPORTS_FOLDER=tmp_path):
        asked = {name: asking(name, late) for name in moving()}
    assert {name for name, is_asking in asked.items() if not is_asking} == set(WITHOUT_A_CODE)
    assert {"accounts_apikey_issue", "accounts_apikey_rotate", "billing_payment_refund"} <= asked.keys()
    assert len(asked) > 45


def test_each_reason_says_something() -> None:
    assert [name for name, reason in WITHOUT_A_CODE.items() if len(reason) < 20] == []


def test_a_page_that_does_not_ask_is_told_from_one_that_does(late: Desk) -> None:
    """The negative control: the very page, once its second factor has just been shown, asks nobody."""
    early, _phone = inside(StaffFactory.create(role="superadmin"))
    assert asking("core_setting_change_value", late)
    assert not asking("core_setting_change_value", early)
