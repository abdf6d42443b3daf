"""Codes by time and backup codes, as plain values."""

from __future__ import annotations

from base64 import b32decode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from accounts.rules import second_factors as rules

# RFC 6238, appendix B.
RFC = b"12345678901234567890"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
HERE = rules.step_of(NOON)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert rules.code_of(RFC, rules.step_of(datetime.fromtimestamp(seconds, UTC))) == code


class TestMatching:
    @pytest.mark.parametrize("steps", [-1, 0, 1])
    def test_takes_the_code_of_a_step_before_and_after(self, steps: int) -> None:
        assert rules.matching_step(RFC, rules.code_of(RFC, HERE + steps), now=NOON) == HERE + steps

    @pytest.mark.parametrize("steps", [-3, -2, 2, 3, 1000])
    def test_takes_no_other(self, steps: int) -> None:
        assert rules.matching_step(RFC, rules.code_of(RFC, HERE + steps), now=NOON) is None

    def test_takes_none_that_was_used_nor_one_before_it(self) -> None:
        for after, taken in ((HERE - 2, 3), (HERE - 1, 2), (HERE, 1), (HERE + 1, 0)):
            codes = [rules.code_of(RFC, HERE + steps) for steps in (-1, 0, 1)]
            found = [rules.matching_step(RFC, code, now=NOON, after=after) for code in codes]
            assert len([step for step in found if step is not None]) == taken

    def test_forgives_how_it_is_typed(self) -> None:
        code = rules.code_of(RFC, HERE)
        assert rules.matching_step(RFC, f" {code[:3]} {code[3:]}\n", now=NOON) == HERE

    @pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "0" * 10_000, "-", "\x00"])
    def test_takes_nothing_that_is_no_code(self, typed: str) -> None:
        assert rules.matching_step(RFC, typed, now=NOON) is None


class TestBackupCodes:
    def test_are_ten_of_eighty_bits_and_differ(self) -> None:
        codes = rules.new_backup_codes()
        assert len({rules.backup_digest(code) for code in codes}) == 10
        assert all(len(code.replace("-", "")) * 5 == 80 for code in codes)

    def test_forgive_case_hyphens_and_letters_that_look_alike(self) -> None:
        assert rules.backup_digest("0111-aaaa-bbbb-cccc") == rules.backup_digest(" OilI AAAA bbbb CCCC ")

    @pytest.mark.parametrize("typed", ["", "123456", "u" * 16, "a" * 15, "a" * 17, "ж" * 16, "a" * 10_000])
    def test_are_nothing_else(self, typed: str) -> None:
        assert rules.backup_digest(typed) is None


def test_a_phone_reads_the_secret_from_the_picture() -> None:
    told = urlsplit(rules.address(RFC, account="olga & co", issuer="Dvorik"))
    query = parse_qs(told.query)
    assert (told.scheme, told.netloc, unquote(told.path)) == ("otpauth", "totp", "/Dvorik:olga & co")
    assert b32decode(query["secret"][0]) == RFC == b32decode(rules.spelled(RFC).replace(" ", ""))
    assert (query["issuer"], query["digits"], query["period"]) == (["Dvorik"], ["6"], ["30"])


class TestWhatACodeIsWorth:
    BEFORE = NOON - timedelta(days=1)

    @pytest.mark.parametrize(
        ("verified_at", "factor_since", "is_required", "may"),
        [
            (None, None, False, True),
            (None, None, True, False),
            (NOON, None, True, False),
            (None, BEFORE, False, False),
            (NOON, BEFORE, False, True),
            (NOON, BEFORE, True, True),
            (NOON, NOON, True, True),
            (BEFORE, NOON, True, False),
        ],
    )
    def test_decides_who_acts_as_staff(
        self, verified_at: datetime | None, factor_since: datetime | None, is_required: bool, may: bool
    ) -> None:
        assert rules.acts_as_staff(verified_at=verified_at, factor_since=factor_since, is_required=is_required) is may

    @pytest.mark.parametrize(("minutes", "is_recent"), [(0, True), (9.99, True), (10, False), (60, False)])
    def test_is_forgotten_after_a_while(self, minutes: float, is_recent: bool) -> None:
        later = NOON + timedelta(minutes=minutes)
        ten = timedelta(minutes=10)
        assert rules.is_recent(verified_at=NOON, factor_since=self.BEFORE, now=later, within=ten) is is_recent
        assert rules.is_recent(verified_at=None, factor_since=None, now=later, within=ten), "who has none is not asked"
        assert not rules.is_recent(verified_at=None, factor_since=self.BEFORE, now=later, within=ten)
        assert not rules.is_recent(verified_at=NOON, factor_since=later + ten, now=later, within=ten)
