"""Sealing: what is sealed when, also while slow transactions write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Final

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from audit.models import NO_HASH, AdminAlert, AuditLog, Seal, SealChain
from audit.operations import seals
from audit.queries import seals as queries
from audit.sealing import sealed_table, sealed_tables
from audit.tests.factories import AuditLogFactory, SealFactory
from audit.tests.sealed import as_the_owner, first_misfit, seal_everything
from conftest import TestClock
from core.actors import SYSTEM
from core.tests.guards import execute
from core.tests.racing import race, with_own_connection

LOG: Final = "audit.auditlog"


def sealed_rows() -> int:
    return sum(seal.row_count for seal in Seal.objects.filter(chain=LOG))


@pytest.mark.django_db
class TestSealing:
    def test_covers_the_audit_log_and_the_ledger(self) -> None:
        assert [table.chain for table in sealed_tables()] == [LOG, "billing.transaction"]

    def test_waits_until_rows_are_30_seconds_old(self, clock: TestClock) -> None:
        seal_everything(LOG, clock)
        AuditLogFactory.create_batch(3)

        seals.seal(chain=LOG, by=SYSTEM)
        clock.advance(seconds=29)
        assert seals.seal(chain=LOG, by=SYSTEM).rows == 0
        clock.advance(seconds=2)
        assert seals.seal(chain=LOG, by=SYSTEM).rows == 3

    def test_continues_the_seal_before(self, clock: TestClock) -> None:
        AuditLogFactory.create()
        seal_everything(LOG, clock)
        AuditLogFactory.create()
        seal_everything(LOG, clock)

        *_, before, last = Seal.objects.filter(chain=LOG).order_by("number")
        assert (last.number, last.previous, last.after) == (before.number + 1, before.hash, before.until)
        assert Seal.objects.get(chain=LOG, number=1).previous == NO_HASH
        assert first_misfit(LOG) is None

    def test_does_nothing_the_second_time(self, clock: TestClock) -> None:
        AuditLogFactory.create()
        seal_everything(LOG, clock)
        many = Seal.objects.count()

        assert seal_everything(LOG, clock) == 0
        assert Seal.objects.count() == many

    def test_hashes_the_seal_before_and_the_rows(self, clock: TestClock) -> None:
        """The hash made anew by hand: from what anybody can read with SQL."""
        AuditLogFactory.create_batch(2)
        seal_everything(LOG, clock)
        seal = Seal.objects.filter(chain=LOG).order_by("number").last()
        assert seal is not None

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT to_jsonb(t)::text FROM audit_auditlog t WHERE id > %s::bigint AND id <= %s::bigint ORDER BY id",
                [seal.after, seal.until],
            )
            texts = [text for (text,) in cursor.fetchall()]
        digests = b"".join(sha256(text.encode()).digest() for text in texts)
        micros = round(seal.sealed_at.timestamp() * 1_000_000)
        facts = [
            seal.previous,
            LOG,
            seal.number,
            seal.after,
            seal.until,
            ",".join(seal.columns),
            micros,
            len(texts),
            "",
        ]
        assert sha256("|".join(map(str, facts)).encode() + digests).hexdigest() == seal.hash

    def test_needs_no_more_statements_for_more_rows(self, clock: TestClock) -> None:
        def cost(rows: int) -> int:
            AuditLogFactory.create_batch(rows)
            seals.seal(chain=LOG, by=SYSTEM)
            clock.advance(seconds=31)
            with CaptureQueriesContext(connection) as captured:
                assert seals.seal(chain=LOG, by=SYSTEM).rows == rows
            return len(captured)

        seal_everything(LOG, clock)
        assert cost(1) == cost(40)

    @pytest.mark.usefixtures("as_the_owner")
    def test_goes_over_a_great_gap_in_one_step(self, clock: TestClock) -> None:
        AuditLogFactory.create()
        seal_everything(LOG, clock)
        execute("SELECT setval('audit_auditlog_id_seq', nextval('audit_auditlog_id_seq') + 1000000000)")
        AuditLogFactory.create()
        many = Seal.objects.filter(chain=LOG).count()

        assert seal_everything(LOG, clock) == 1
        assert Seal.objects.filter(chain=LOG).count() <= many + 2
        assert first_misfit(LOG) is None

    def test_goes_on_where_one_call_ends(self, clock: TestClock) -> None:
        seal_everything(LOG, clock)
        execute(
            "INSERT INTO audit_auditlog (actor, action, entity_type, entity_id, metadata) "
            "SELECT '{}', 'test.thing.done', 'test.thing', n, '{}' FROM generate_series(1, %s::int) n",
            seals.BATCH * 21,
        )
        seals.seal(chain=LOG, by=SYSTEM)
        clock.advance(seconds=31)

        assert seals.seal(chain=LOG, by=SYSTEM) == seals.Sealed(seals.BATCH * 20, has_more=True)
        assert seals.seal(chain=LOG, by=SYSTEM) == seals.Sealed(seals.BATCH, has_more=False)

    def test_does_not_depend_on_the_sessions_formats(self) -> None:
        def digests() -> list[tuple[object, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT encode(digest, 'hex'), to_jsonb(s)::text FROM audit_digests("
                    "'audit_seal', 'id', 'id', '{fingerprints,sealed_at}', 0, 9223372036854775807) "
                    "JOIN audit_seal s ON s.id = place"
                )
                return list(cursor.fetchall())

        SealFactory.create(fingerprints=b"\x00\xff")
        ((digest, text),) = digests()
        execute("SET LOCAL timezone = 'Asia/Kolkata'")
        execute("SET LOCAL bytea_output = 'escape'")

        ((again, other_text),) = digests()
        assert (again, text != other_text) == (digest, True)

    @pytest.mark.usefixtures("as_the_owner")
    def test_does_not_depend_on_columns_that_are_added_later(self, clock: TestClock) -> None:
        AuditLogFactory.create()
        seal_everything(LOG, clock)
        execute("ALTER TABLE audit_auditlog ADD COLUMN mood text DEFAULT 'calm'")
        AuditLogFactory.create()
        seal_everything(LOG, clock)

        assert first_misfit(LOG) is None
        with as_the_owner("audit_auditlog"):
            execute("UPDATE audit_auditlog SET mood = 'wild'")
        found = first_misfit(LOG)
        assert found is not None
        assert found.name == str(AuditLog.objects.order_by("-id")[0].pk), "only the later row had a mood when sealed"


class SlowWriter:
    """A transaction that has written a row and does not end before it is told to."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._may_end = threading.Event()
        self._has_written = threading.Event()
        self._result = pool.submit(with_own_connection(self._write))
        assert self._has_written.wait(30)

    def end(self) -> int:
        """:returns: the id of its row"""
        self._may_end.set()
        return self._result.result(30)

    def _write(self) -> int:
        with transaction.atomic():
            row = AuditLogFactory.create(action="test.slow.done")
            self._has_written.set()
            assert self._may_end.wait(60)
        return int(row.pk)


@pytest.mark.django_db(transaction=True)
class TestSlowTransactions:
    def test_are_waited_for(self, clock: TestClock) -> None:
        with ThreadPoolExecutor(1) as pool:
            seal_everything(LOG, clock)
            slow = SlowWriter(pool)
            AuditLogFactory.create()
            assert seal_everything(LOG, clock) == 0, "the slow one's row has the smaller number"
            late = slow.end()

        assert seal_everything(LOG, clock) == 2
        sealed = Seal.objects.get(chain=LOG, after__lt=late, until__gte=late)
        assert sealed.row_count == 2
        assert first_misfit(LOG) is None

    def test_would_come_as_inserted_if_nobody_waited_for_them(self, clock: TestClock) -> None:
        with ThreadPoolExecutor(1) as pool:
            seal_everything(LOG, clock)
            slow = SlowWriter(pool)
            AuditLogFactory.create()
            seals.seal(chain=LOG, by=SYSTEM)
            assert SealChain.objects.get(chain=LOG).waiting_for != []
            SealChain.objects.filter(chain=LOG).update(waiting_for=[])
            assert seal_everything(LOG, clock) == 1
            late = slow.end()

        found = first_misfit(LOG)
        assert found is not None
        assert (found.kind, found.place) == ("inserted", late)

    def test_that_began_later_are_not_waited_for(self, clock: TestClock) -> None:
        with ThreadPoolExecutor(1) as pool:
            seal_everything(LOG, clock)
            AuditLogFactory.create()
            seals.seal(chain=LOG, by=SYSTEM)
            slow = SlowWriter(pool)
            clock.advance(seconds=31)
            assert seals.seal(chain=LOG, by=SYSTEM).rows == 1
            slow.end()

    def test_that_are_undone_leave_nothing(self, clock: TestClock) -> None:
        seal_everything(LOG, clock)
        with transaction.atomic():
            AuditLogFactory.create()
            transaction.set_rollback(True)
        AuditLogFactory.create()

        assert seal_everything(LOG, clock) == 1
        assert first_misfit(LOG) is None

    def test_that_last_an_hour_raise_an_alert(self, clock: TestClock) -> None:
        with ThreadPoolExecutor(1) as pool:
            slow = SlowWriter(pool)
            seals.seal(chain=LOG, by=SYSTEM)
            clock.advance(minutes=59)
            seals.seal(chain=LOG, by=SYSTEM)
            assert not AdminAlert.objects.exists()
            clock.advance(minutes=2)
            seals.seal(chain=LOG, by=SYSTEM)
            slow.end()

        assert AdminAlert.objects.get().fingerprint == f"audit.seal_waits:{LOG}"


@pytest.mark.django_db(transaction=True)
class TestSealingAtOnce:
    def test_makes_one_chain(self, clock: TestClock) -> None:
        seal_everything(LOG, clock)
        before = sealed_rows()
        AuditLogFactory.create_batch(5)
        seals.seal(chain=LOG, by=SYSTEM)
        clock.advance(seconds=31)

        def sealer() -> Callable[[], int]:
            return lambda: seals.seal(chain=LOG, by=SYSTEM).rows

        assert sum(race(*[sealer() for _number in range(4)])) == 5
        assert sealed_rows() == before + 5
        assert first_misfit(LOG) is None


@pytest.mark.django_db
def test_states_tell_what_is_unsealed_and_count_no_further_than_they_show(clock: TestClock) -> None:
    seal_everything(LOG, clock)
    AuditLogFactory.create_batch(2)
    seal_everything(LOG, clock)
    AuditLogFactory.create_batch(3)
    (state,) = (each for each in queries.list_chain_states() if each.table is sealed_table(LOG))
    assert state.last is not None
    assert (state.last.row_count, state.unsealed) == (2, 3)

    AuditLog.objects.bulk_create(AuditLogFactory.build_batch(queries.COUNTED))
    (state,) = (each for each in queries.list_chain_states() if each.table is sealed_table(LOG))
    assert state.unsealed == queries.COUNTED + 1
