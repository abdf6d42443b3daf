"""Every constraint and trigger of the database has a name that says what it holds, a test, and one meaning."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

import pytest

from core.errors import DomainError, by_constraint, catalogue
from tests.laws.house import Sources, house_models, rows, sources_of_tests, table_of
from tests.laws.unmapped import BY_ENDING, BY_NAME


@dataclass(frozen=True)
class Guard:
    """
    :param kind: ``c`` check, ``u`` unique, ``x`` exclusion, ``i`` a unique index, ``t`` trigger
    :param columns: what it is about, where the catalogue says so
    """

    name: str
    table: str
    kind: str
    columns: tuple[str, ...] = ()

    @property
    def is_djangos(self) -> bool:
        """Made by Django from a single field (``unique=True``, a positive integer), and named after it."""
        ending = {"c": "check", "u": "key"}.get(self.kind)
        return len(self.columns) == 1 and self.name == f"{self.table}_{self.columns[0]}_{ending}"


def guards() -> list[Guard]:
    """
    Every guard of the house's tables, and every trigger wherever it stands. Primary and foreign keys and NOT NULL are
    kept by a generic rule: each has its own law or type.
    """
    ours = [table_of(model) for model in house_models()]
    found = rows(
        """
        SELECT conname, conrelid::regclass::text, contype::text, ARRAY(
            SELECT attname::text FROM unnest(conkey) AS key JOIN pg_attribute ON attrelid = conrelid AND attnum = key)
        FROM pg_constraint WHERE contype IN ('c', 'u', 'x') AND conrelid::regclass::text = ANY(%s::text[])
        UNION ALL
        SELECT i.indexrelid::regclass::text, i.indrelid::regclass::text, 'i', '{}' FROM pg_index i
        WHERE i.indisunique AND i.indrelid::regclass::text = ANY(%s::text[])
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = i.indexrelid)
        UNION ALL
        SELECT tgname, tgrelid::regclass::text, 't', '{}' FROM pg_trigger WHERE NOT tgisinternal
        """,
        ours,
        ours,
    )
    return [Guard(name, table, kind, tuple(columns)) for name, table, kind, columns in found]


pytestmark = pytest.mark.django_db

# Their names stand in tests by necessity: here is where they are listed.
NOT_TESTS: Final = ("tests/laws/",)


# Tested.


def untested(names: Iterable[str], sources: Sources) -> list[str]:
    """Guards that no test file names. A test's own name may hold one, too."""
    text = "\n".join(text for path, text in sources.items() if not path.startswith(NOT_TESTS))
    return sorted(name for name in set(names) if not re.search(rf"{re.escape(name)}(?!\w)", text))


def test_every_guard_occurs_by_name_in_a_test() -> None:
    assert untested([guard.name for guard in guards()], sources_of_tests()) == []


def test_a_guard_that_no_test_names_is_found() -> None:
    assert untested(["core_job_has_a_name_and_more"], sources_of_tests()) == ["core_job_has_a_name_and_more"]
    assert untested(["a_b"], {"x/test_x.py": "a_b_c"}) == ["a_b"], "a longer name is another one"
    assert untested(["a_b"], {"tests/laws/test_x.py": "a_b"}) == ["a_b"], "a list of names is no test"


# Named.

_VERBS: Final = (
    "is|are|has|have|fits|fit|names|adds|add|moves|counts|follows|ends|exceeds|expires|reverses|credits|captures|refers"
    "|came|live|lives|sells|runs|overlaps|only|takes|leaves|stay|stays|waits"
)


def nameless(found: Iterable[Guard]) -> list[str]:
    """Guards whose name is not ``<table>_<sentence>``."""
    return sorted(
        guard.name
        for guard in found
        if not guard.is_djangos and not re.fullmatch(rf"{guard.table}_(\w+_)?({_VERBS})_\w+", guard.name)
    )


def test_every_name_is_a_sentence_about_its_table() -> None:
    assert nameless(guards()) == []


def test_a_name_that_says_nothing_is_found() -> None:
    for name in ("billing_wallet_check1", "billing_wallet_balance_chk", "wallet_balance_is_not_negative"):
        assert nameless([Guard(name, "billing_wallet", "c")]) == [name]
    assert nameless([Guard("billing_wallet_user_id_key", "billing_wallet", "u", ("company_id",))]) != []


# Understood.


def unmapped(names: Iterable[str], mapped: Collection[str]) -> list[str]:
    """Guards that neither mean an error nor have a reason not to."""
    excused = {*mapped, *BY_NAME}
    return sorted(name for name in set(names) if name not in excused and not name.endswith(tuple(BY_ENDING)))


def claimed_twice(errors: Iterable[type[DomainError]]) -> list[str]:
    """Constraints that mean two errors."""
    claims = [name for error in errors for name in error.constraints]
    return sorted({name for name in claims if claims.count(name) > 1})


def test_every_guard_means_one_error_or_has_a_reason_why_none() -> None:
    assert unmapped([guard.name for guard in guards()], by_constraint()) == []
    assert claimed_twice(catalogue()) == []


def test_no_error_and_no_reason_stands_for_a_guard_that_is_gone() -> None:
    names = {guard.name for guard in guards()}
    assert set(by_constraint()) - names == set()
    assert set(BY_NAME) - names == set()
    assert [ending for ending in BY_ENDING if not any(name.endswith(ending) for name in names)] == []
    assert set(by_constraint()) & set(BY_NAME) == set(), "it means an error, and is excused"


def test_a_guard_without_a_meaning_or_with_two_is_found() -> None:
    assert unmapped(["billing_wallet_is_blue"], by_constraint()) == ["billing_wallet_is_blue"]
    one = next(error for error in catalogue() if error.constraints)
    assert claimed_twice([one, one]) == sorted(one.constraints)
