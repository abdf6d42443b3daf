"""What the database itself refuses about first answers and limits."""

from __future__ import annotations

from typing import Final

import pytest

from core.models import IdempotencyRecord, Throttle
from core.tests.guards import SOME_MOMENT, Case, Change, Copy, GuardTests, Rows
from core.tests.made_once import made_once

NEW: Final = {"id": 2_000_000_000}

CASES: Final = [
    Case(
        "core_idempotencyrecord_is_one_per_caller_and_key",
        Copy("record", NEW),
        # Two callers may use the same key.
        Copy("record", {**NEW, "caller": "api_key:2"}),
    ),
    Case(
        "core_idempotencyrecord_status_is_of_http", Change("record", {"status": 199}), Change("record", {"status": 200})
    ),
    Case(
        "core_idempotencyrecord_status_is_of_http", Change("record", {"status": 600}), Change("record", {"status": 599})
    ),
    Case(
        "core_throttle_is_one_per_scope_and_subject",
        Copy("bucket", NEW),
        Copy("bucket", {**NEW, "subject": "another"}),
    ),
]


@made_once
def rows() -> Rows:
    return {
        "record": IdempotencyRecord.objects.create(caller="api_key:1", key="k", request_hash="0" * 64),
        "bucket": Throttle.objects.create(scope="some", subject="one", empty_at=SOME_MOMENT),
    }


@pytest.mark.parametrize("case", CASES, ids=str)
class TestRow(GuardTests):
    pass
