"""Every code of the catalogue is answered in a test of the API, or cannot be answered there, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from billing.tests import test_api_errors as billing
from core.errors import catalogue
from tests.laws.house import Sources, sources_of_tests

_ADMIN: Final = "only Admin and the shell do what it refuses"

_BOT: Final = "the bot confirms logins, by a call of its own"

NOT_OVER_HTTP: Final[Mapping[str, str]] = {
    **billing.NOT_OVER_HTTP,
    "accounts.login_token_confirmed": _BOT,
    "accounts.login_token_not_found": _BOT,
    "accounts.api_key_not_found": _ADMIN,
    "accounts.api_key_not_in_force": _ADMIN,
    "accounts.last_superadmin": "whoever asks is a superadmin, and not the one who would go: only a race shows it",
    "accounts.not_staff": _ADMIN,
    "accounts.role_not_yours_to_give": _ADMIN,
    "accounts.second_factor_exists": _ADMIN,
    "accounts.second_factor_needed": _ADMIN,
    "accounts.scope_unknown": _ADMIN,
    "core.export_not_found": _ADMIN,
    "core.job_is_not_queued": _ADMIN,
    "common.reason_missing": "routes take the reason as a field, and name it themselves",
}
# Where tests talk HTTP; billing's derive the codes from what they are answered.
_OF_THE_API: Final = re.compile(r"(\w+/tests/test_api_\w+|tests/(api|fuzz)/\w+)\.py")


def unanswered(codes: Iterable[str], tests: Sources) -> list[str]:
    """Codes that no test of the API names, quoted."""
    text = "\n".join(text for path, text in tests.items() if _OF_THE_API.fullmatch(path))
    return sorted(code for code in codes if not re.search(rf"[\"']{re.escape(code)}[\"']", text))


def test_every_code_is_answered_in_a_test_of_the_api() -> None:
    missing = unanswered([error.code for error in catalogue()], sources_of_tests())
    assert set(missing) - set(billing.CASES) - set(NOT_OVER_HTTP) == set()


def test_every_exception_is_still_one() -> None:
    codes = [error.code for error in catalogue()]
    assert set(NOT_OVER_HTTP) <= set(codes)
    assert set(NOT_OVER_HTTP) <= set(unanswered(codes, sources_of_tests())) | set(billing.NOT_OVER_HTTP)


def test_a_code_that_no_test_answers_is_found() -> None:
    tests = {"x/tests/test_api_y.py": 'code == "x.known"', "x/tests/test_y.py": 'code == "x.elsewhere"'}
    assert unanswered(["x.known", "x.elsewhere", "x.know"], tests) == ["x.elsewhere", "x.know"]
