"""
Every operation that can refuse has a test in which it does, and in which nothing moved.

Billing's are read from its tests: inside ``with unmoved(Error):`` the operation is called, by itself or through a
function of the tests. Those of the floors below are refused here, from a table.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from django.utils import timezone

from accounts.errors import (
    ApiKeyNotFound,
    ApiKeyNotInForce,
    InitDataInvalid,
    LastSuperadmin,
    LoginRefused,
    LoginTaken,
    LoginTokenInvalid,
    LoginTokenNotFound,
    NoSecondFactor,
    NotStaff,
    OtpRequired,
    OtpWrong,
    PasswordTooWeak,
    PasswordWrong,
    ReferralCodeUnknown,
    RefreshTokenInvalid,
    RoleNotYoursToGive,
    RoleUnknown,
    ScopeUnknown,
    SecondFactorExists,
    SessionNotFound,
    UserKeptOut,
    UserNotFound,
)
from accounts.models import User
from accounts.operations import api_keys, login_tokens, logins, passwords, second_factors, sessions, staff, users
from accounts.rules import refresh_tokens
from accounts.tests.factories import STAFF_PASSWORD, ApiKeyFactory, StaffFactory, UserFactory, opened
from accounts.tests.phones import enrolled
from audit.errors import AlertNotFound, AlertResolved
from audit.operations import alerts
from audit.tests.factories import AdminAlertFactory
from billing.tests.factories import TESTER
from billing.tests.snapshots import refused_and_unmoved
from core.actors import SYSTEM, Actor
from core.errors import (
    DomainError,
    ExportNotFound,
    JobIsNotDead,
    JobIsNotQueued,
    NotFound,
    ReasonMissing,
    SettingInvalid,
    SettingUnknown,
    ValidationFailed,
)
from core.ids import uuid7
from core.models import Job
from core.operations import exports, jobs, settings
from tests.laws.house import Sources, decorators, functions, sources
from tests.laws.refused_calls import Calls, module_of

Operation = Callable[..., object]


def _nobody() -> Actor:
    """A colleague who is no superadmin."""
    return Actor(kind="user", id=str(StaffFactory.create().pk), label="colleague")


def _with_a_factor() -> User:
    user: User = StaffFactory.create()
    enrolled(user)
    return user


def _the_last_one() -> User:
    found: User = StaffFactory.create(role="superadmin")
    return found


def _job(state: str) -> Job:
    ended = timezone.now() if state in ("done", "dead") else None
    return Job.objects.create(name="core.some", state=state, max_attempts=3, lease_seconds=60, finished_at=ended)


CAME: Final[Mapping[str, Any]] = {"way": "telegram", "user_agent": ""}
STAFF: Final[Mapping[str, Any]] = {"login": "olga", "password": STAFF_PASSWORD}

# Operation, how it is refused, and what is asked of it.
REFUSED: Final[list[tuple[Operation, type[DomainError], Callable[[], dict[str, Any]]]]] = [
    (users.get_or_create_from_telegram, ReferralCodeUnknown, lambda: {"telegram_id": 7, "referral_code": "NOBODYS"}),
    (users.get_or_create_from_telegram, ValidationFailed, lambda: {"telegram_id": 0}),
    (users.update, UserNotFound, lambda: {"user_id": uuid7()}),
    (users.update, ValidationFailed, lambda: {"user_id": UserFactory.create().pk, "timezone": "Moon/Crater"}),
    (users.create_staff, RoleNotYoursToGive, lambda: {**STAFF, "by": _nobody()}),
    (users.create_staff, PasswordTooWeak, lambda: {**STAFF, "password": "123"}),
    (users.create_staff, RoleUnknown, lambda: {**STAFF, "role": "king"}),
    (users.create_staff, ValidationFailed, lambda: {**STAFF, "login": " "}),
    (users.create_staff, LoginTaken, lambda: {**STAFF, "login": StaffFactory.create().login}),
    (users.set_login, ReasonMissing, lambda: {"user_id": StaffFactory.create().pk, "login": "olya", "reason": " "}),
    (users.set_login, RoleNotYoursToGive, lambda: {"user_id": uuid7(), "login": "o", "reason": "why", "by": _nobody()}),
    (users.set_login, NotStaff, lambda: {"user_id": UserFactory.create().pk, "login": "o", "reason": "why"}),
    (users.set_role, ReasonMissing, lambda: {"user_id": StaffFactory.create().pk, "role": None, "reason": " "}),
    (users.set_role, NotStaff, lambda: {"user_id": UserFactory.create().pk, "role": None, "reason": "why"}),
    (users.set_active, ReasonMissing, lambda: {"user_id": UserFactory.create().pk, "is_active": False, "reason": ""}),
    (users.set_active, UserNotFound, lambda: {"user_id": uuid7(), "is_active": False, "reason": "why"}),
    (users.anonymise, ReasonMissing, lambda: {"user_id": UserFactory.create().pk, "reason": ""}),
    (users.anonymise, UserNotFound, lambda: {"user_id": uuid7(), "reason": "asked for it"}),
    (sessions.open, UserNotFound, lambda: {"user_id": uuid7(), **CAME}),
    (sessions.open, UserKeptOut, lambda: {"user_id": UserFactory.create(is_active=False).pk, **CAME}),
    (sessions.refresh, RefreshTokenInvalid, lambda: {"shown": refresh_tokens.new(), "user_agent": ""}),
    (
        sessions.revoke,
        SessionNotFound,
        lambda: {"session_id": opened(UserFactory.create()).session.pk, "user_id": uuid7(), "ending": "closed"},
    ),
    (sessions.revoke_all, UserNotFound, lambda: {"user_id": uuid7()}),
    (logins.by_password, LoginRefused, lambda: {"person": None, "user_agent": ""}),
    (logins.by_password, LoginRefused, lambda: {"person": StaffFactory.create(is_active=False), "user_agent": ""}),
    (logins.by_password, OtpRequired, lambda: {"person": _with_a_factor(), "user_agent": ""}),
    (
        sessions.verify,
        NoSecondFactor,
        lambda: {"session_id": uuid7(), "user_id": StaffFactory.create().pk, "code": "123456"},
    ),
    (second_factors.enrol, OtpWrong, lambda: {"user_id": StaffFactory.create().pk, "secret": b"x", "code": "1"}),
    (second_factors.enrol, NotStaff, lambda: {"user_id": UserFactory.create().pk, "secret": b"x", "code": "1"}),
    (second_factors.enrol, SecondFactorExists, lambda: {"user_id": _with_a_factor().pk, "secret": b"x", "code": "1"}),
    (second_factors.use, NoSecondFactor, lambda: {"user_id": StaffFactory.create().pk, "code": "123456"}),
    (second_factors.renew_backup_codes, NoSecondFactor, lambda: {"user_id": StaffFactory.create().pk}),
    (second_factors.switch_off, NoSecondFactor, lambda: {"user_id": StaffFactory.create().pk}),
    (second_factors.reset, ReasonMissing, lambda: {"user_id": _with_a_factor().pk, "reason": " "}),
    (second_factors.reset, RoleNotYoursToGive, lambda: {"user_id": uuid7(), "reason": "why", "by": _nobody()}),
    (
        second_factors.reset,
        NoSecondFactor,
        lambda: {"user_id": StaffFactory.create().pk, "reason": "why", "by": SYSTEM},
    ),
    (staff.hire, RoleNotYoursToGive, lambda: {"login": "olga", "reason": "why", "by": _nobody()}),
    (staff.hire, RoleUnknown, lambda: {"login": "olga", "role": "king", "reason": "why", "by": SYSTEM}),
    (staff.renew_password, ReasonMissing, lambda: {"user_id": StaffFactory.create().pk, "reason": " "}),
    (staff.renew_password, RoleNotYoursToGive, lambda: {"user_id": uuid7(), "reason": "why", "by": _nobody()}),
    (staff.renew_password, UserNotFound, lambda: {"user_id": UserFactory.create().pk, "reason": "why", "by": SYSTEM}),
    (staff.change, RoleNotYoursToGive, lambda: {"user_id": uuid7(), "reason": "why", "by": _nobody()}),
    (staff.change, UserNotFound, lambda: {"user_id": UserFactory.create().pk, "reason": "why", "by": SYSTEM}),
    (
        staff.change,
        LastSuperadmin,
        lambda: {"user_id": _the_last_one().pk, "first_name": "x", "role": "viewer", "reason": "why", "by": SYSTEM},
    ),
    (staff.dismiss, RoleNotYoursToGive, lambda: {"user_id": uuid7(), "reason": "why", "by": _nobody()}),
    (staff.dismiss, UserNotFound, lambda: {"user_id": UserFactory.create().pk, "reason": "why", "by": SYSTEM}),
    (staff.dismiss, LastSuperadmin, lambda: {"user_id": _the_last_one().pk, "reason": "why", "by": SYSTEM}),
    (users.anonymise, LastSuperadmin, lambda: {"user_id": _the_last_one().pk, "reason": "why"}),
    (
        users.set_active,
        LastSuperadmin,
        lambda: {"user_id": _the_last_one().pk, "is_active": False, "reason": "why"},
    ),
    (
        users.set_role,
        LastSuperadmin,
        lambda: {"user_id": _the_last_one().pk, "role": None, "reason": "why", "by": SYSTEM},
    ),
    (logins.by_init_data, InitDataInvalid, lambda: {"init_data": "hash=" + "0" * 64, "user_agent": ""}),
    (passwords.change, UserNotFound, lambda: {"user_id": uuid7(), "old": "", "new": ""}),
    (
        passwords.change,
        PasswordWrong,
        lambda: {"user_id": StaffFactory.create().pk, "old": "wrong", "new": "purple monkey dishwasher"},
    ),
    (
        passwords.change,
        PasswordTooWeak,
        lambda: {"user_id": StaffFactory.create().pk, "old": STAFF_PASSWORD, "new": "123"},
    ),
    (login_tokens.confirm, UserNotFound, lambda: {"token": "x", "telegram_id": 7}),
    (
        login_tokens.confirm,
        LoginTokenNotFound,
        lambda: {"token": "x", "telegram_id": UserFactory.create().telegram_id},
    ),
    (login_tokens.redeem, LoginTokenInvalid, lambda: {"token": "x", "nonce": "y", "user_agent": ""}),
    (api_keys.create, ScopeUnknown, lambda: {"name": "Bot", "scopes": ["everything"]}),
    (api_keys.create, UserNotFound, lambda: {"name": "Bot", "scopes": ["users:read"], "owner_id": uuid7()}),
    (api_keys.revoke, ReasonMissing, lambda: {"key_id": ApiKeyFactory.create().pk, "reason": ""}),
    (api_keys.revoke, ApiKeyNotFound, lambda: {"key_id": uuid7(), "reason": "why"}),
    (api_keys.rotate, ApiKeyNotInForce, lambda: {"key_id": ApiKeyFactory.create(revoked_at=timezone.now()).pk}),
    (
        api_keys.rotate,
        ValidationFailed,
        lambda: {"key_id": ApiKeyFactory.create().pk, "overlap": timedelta(seconds=-1)},
    ),
    (alerts.acknowledge, AlertNotFound, lambda: {"alert_id": 1}),
    (
        alerts.acknowledge,
        AlertResolved,
        lambda: {"alert_id": AdminAlertFactory.create(status="resolved", acknowledged_at=timezone.now()).pk},
    ),
    (alerts.resolve, AlertNotFound, lambda: {"alert_id": 1}),
    (jobs.run_again, JobIsNotDead, lambda: {"job_id": _job("done").pk, "reason": "why"}),
    (jobs.run_again, NotFound, lambda: {"job_id": uuid7(), "reason": "why"}),
    (jobs.give_up, JobIsNotQueued, lambda: {"job_id": _job("dead").pk, "reason": "why"}),
    (exports.begin, ExportNotFound, lambda: {"export_id": uuid7(), "rows_total": 1}),
    (exports.finish, ExportNotFound, lambda: {"export_id": uuid7(), "rows_written": 1, "bytes_written": 1}),
    (exports.give_out, ExportNotFound, lambda: {"export_id": uuid7()}),
    (settings.change, SettingUnknown, lambda: {"key": "core.nothing", "value": 1, "reason": "why"}),
    (settings.change, ReasonMissing, lambda: {"key": "billing.invoice_lifetime_minutes", "value": 1, "reason": ""}),
    (settings.change, SettingInvalid, lambda: {"key": "billing.invoice_lifetime_minutes", "value": 0, "reason": "why"}),
    (
        settings.change_many,
        SettingInvalid,
        lambda: {"values": {"billing.invoice_lifetime_minutes": 0}, "reason": "why"},
    ),
    (settings.reset, SettingUnknown, lambda: {"key": "core.nothing", "reason": "why"}),
]

# Refusals that need more than a call: where their tests are.
ELSEWHERE: Final[Mapping[str, str]] = {
    "core.operations.idempotency.run_once": (
        "core/tests/test_api_idempotency.py::test_refuses_another_request_and_moves_nothing"
    ),
    "billing.operations.disputes.record": "billing/tests/test_outside.py::test_refuses_what_cannot_be",
    "billing.operations.refunds.record_outside": (
        "billing/tests/test_outside.py::test_refuses_more_than_is_left_and_another_amount_of_the_same"
    ),
    "billing.operations.telegram_subscriptions.hear": (
        "billing/tests/test_telegram_subscriptions.py::test_a_cancellation_that_is_told_before_the_payment_waits_for_it"
    ),
    "billing.operations.demo.load": (
        "billing/tests/test_load_demo.py::test_leaves_a_database_with_data_of_its_own_alone"
    ),
}


@pytest.mark.parametrize(
    ("operation", "error", "asked"),
    REFUSED,
    ids=[f"{operation.__module__}.{operation.__name__}: {error.__name__}" for operation, error, _asked in REFUSED],
)
@pytest.mark.django_db(transaction=True)
def test_a_refusal_moves_nothing(
    operation: Operation, error: type[DomainError], asked: Callable[[], dict[str, Any]]
) -> None:
    arguments = {"by": TESTER, **asked()}
    with refused_and_unmoved(error):
        operation(**arguments)


# The law.


def refusing(tree: Sources) -> set[str]:
    """Operations that say in their docstring how they refuse."""
    return {
        f"{module_of(path)}.{function.name}"
        for path, text in tree.items()
        if "operations" in Path(path).parts
        for function in functions(text)
        if "operation" in decorators(function) and ":raises" in (ast.get_docstring(function) or "")
    }


def silent(tree: Sources) -> list[str]:
    """Operations that raise, and do not say so."""
    return [
        f"{module_of(path)}.{function.name}"
        for path, text in tree.items()
        if "operations" in Path(path).parts
        for function in functions(text)
        if "operation" in decorators(function)
        and ":raises" not in (ast.get_docstring(function) or "")
        and any(isinstance(node, ast.Raise) and _is_refusing(node) for node in ast.walk(function))
    ]


def _is_refusing(node: ast.Raise) -> bool:
    # A caller's defect is no refusal.
    return node.exc is not None and not ast.unparse(node.exc).startswith(("ValueError", "TypeError", "RuntimeError"))


def untested(tree: Sources) -> list[str]:
    """Operations that can refuse, and no test in which they do and nothing moved."""
    here = {f"{operation.__module__}.{operation.__name__}" for operation, _error, _asked in REFUSED}
    return sorted(refusing(tree) - Calls(tree).reached() - here - set(ELSEWHERE))


def test_every_operation_that_can_refuse_is_refused_in_a_test() -> None:
    assert untested(sources()) == []


def test_every_operation_says_how_it_refuses() -> None:
    assert silent(sources()) == []


def test_what_is_tested_elsewhere_is_there() -> None:
    assert set(ELSEWHERE) <= refusing(sources())
    for where in ELSEWHERE.values():
        path, _, test = where.partition("::")
        assert f"def {test}(" in sources()[path]


NEW: Final = (
    '@operation\ndef pay_out(*, by: Actor) -> None:\n    """\n    :raises errors.X: no\n    """\n    raise X()\n'
)
UNSAID: Final = '@operation\ndef pay_out(*, by: Actor) -> None:\n    """Pay."""\n    raise X()\n'


def test_an_operation_without_such_a_test_is_found() -> None:
    tree = {"billing/operations/payouts.py": NEW}
    assert untested(tree) == ["billing.operations.payouts.pay_out"]
    for block, found in (("with unmoved(X):", 0), ("with pytest.raises(X):", 1)):
        test = f"from billing.operations import payouts\ndef test(unmoved):\n    {block}\n        payouts.pay_out()\n"
        assert len(untested({**tree, "billing/tests/test_payouts.py": test})) == found


def test_an_operation_that_hides_its_refusals_is_found() -> None:
    assert silent({"billing/operations/payouts.py": UNSAID}) == ["billing.operations.payouts.pay_out"]
