"""What the database itself refuses about sessions and the tokens of logins."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from accounts.models import RefreshToken, Session, SpentInitData
from accounts.operations import login_tokens, sessions
from accounts.tests.factories import UserFactory, opened
from conftest import TestClock
from core import clock as database_clock
from core.actors import SYSTEM
from core.ids import uuid7
from core.tests.guards import (
    SOME_MOMENT,
    Case,
    Change,
    Copy,
    GuardTests,
    Id,
    Rows,
    execute,
    guard_of,
)
from core.tests.made_once import made_once

DIGEST = "\\x" + "5f" * 32
LATER = "2999-01-31T12:00:00Z"


@made_once
def rows() -> Rows:
    user, other = UserFactory.create_batch(2)
    tokens = opened(user)
    used = tokens.session.refresh_tokens.get()
    sessions.refresh(shown=tokens.refresh, user_agent="", by=SYSTEM)
    used.refresh_from_db()
    over = opened(user).session
    sessions.revoke(session_id=over.pk, user_id=user.pk, ending=Session.Ending.LOGOUT, by=SYSTEM)
    confirmed = login_tokens.issue(user_agent="", by=SYSTEM)
    assert user.telegram_id
    login_tokens.confirm(token=confirmed.token, telegram_id=user.telegram_id, by=SYSTEM)
    redeemed = login_tokens.issue(user_agent="", by=SYSTEM)
    login_tokens.confirm(token=redeemed.token, telegram_id=user.telegram_id, by=SYSTEM)
    login_tokens.redeem(token=redeemed.token, nonce=redeemed.nonce, user_agent="", by=SYSTEM)
    assert used.successor
    return {
        "user": user,
        "other": other,
        "session": tokens.session,
        "revoked": over,
        "used": used,
        "current": used.successor,
        "pending": login_tokens.issue(user_agent="", by=SYSTEM).row,
        "confirmed": confirmed.row,
        "redeemed": redeemed.row,
        "spent": SpentInitData.objects.create(digest=b"x" * 32, expires_at=database_clock.now()),
    }


CASES = [
    Case(
        "accounts_session_lives_90_days_at_most",
        refused=Copy("session", {"id": uuid7(), "expires_at": LATER}),
        allowed=Copy("session", {"id": uuid7()}),
    ),
    Case(
        "accounts_session_is_revoked_for_a_reason",
        refused=Change("session", {"revoked_at": SOME_MOMENT}),
        allowed=Change("session", {"revoked_at": SOME_MOMENT, "revoked_for": "logout"}),
    ),
    Case(
        "accounts_session_is_frozen",
        refused=Change("session", {"user_id": Id("other")}),
        allowed=Change("session", {"ip": "192.0.2.9"}),
    ),
    Case(
        "accounts_session_is_revoked_for_good",
        refused=Change("revoked", {"revoked_at": None, "revoked_for": ""}),
        allowed=Change("revoked", {"last_used_at": SOME_MOMENT}),
    ),
    Case(
        "accounts_refreshtoken_is_current_once_per_session",
        refused=Copy("current", {"id": uuid7(), "digest": DIGEST}),
        allowed=Copy("used", {"id": uuid7(), "digest": DIGEST, "successor_id": Id("used")}),
    ),
    Case(
        "accounts_refreshtoken_has_a_successor_when_used",
        refused=Change("current", {"used_at": SOME_MOMENT, "used_by": DIGEST}),
        allowed=Change("current", {"used_at": SOME_MOMENT, "used_by": DIGEST, "successor_id": Id("used")}),
    ),
    Case(
        "accounts_refreshtoken_lives_30_days_at_most",
        refused=Copy("used", {"id": uuid7(), "digest": DIGEST, "successor_id": Id("used"), "expires_at": LATER}),
        allowed=Copy("used", {"id": uuid7(), "digest": DIGEST, "successor_id": Id("used")}),
    ),
    Case(
        "accounts_refreshtoken_is_frozen",
        refused=Change("current", {"session_id": Id("revoked")}),
        allowed=Change("current", {"used_at": SOME_MOMENT, "used_by": DIGEST, "successor_id": Id("used")}),
        behind=("accounts_refreshtoken_is_current_once_per_session",),
    ),
    Case(
        "accounts_refreshtoken_is_used_once",
        refused=Change("used", {"used_at": SOME_MOMENT}),
        allowed=Change("current", {"used_at": SOME_MOMENT, "used_by": DIGEST, "successor_id": Id("used")}),
    ),
    Case(
        "accounts_refreshtoken_digest_key",
        refused=Copy("used", {"id": uuid7(), "successor_id": Id("used")}),
        allowed=Copy("used", {"id": uuid7(), "successor_id": Id("used"), "digest": DIGEST}),
    ),
    Case(
        "accounts_refreshtoken_successor_id_key",
        refused=Copy("used", {"id": uuid7(), "digest": DIGEST}),
        allowed=Copy("used", {"id": uuid7(), "digest": DIGEST, "successor_id": Id("used")}),
    ),
    Case(
        "accounts_logintoken_lives_5_minutes_at_most",
        refused=Copy("pending", {"id": uuid7(), "digest": DIGEST, "expires_at": LATER}),
        allowed=Copy("pending", {"id": uuid7(), "digest": DIGEST}),
    ),
    Case(
        "accounts_logintoken_is_confirmed_by_somebody",
        refused=Change("pending", {"confirmed_at": SOME_MOMENT}),
        allowed=Change("pending", {"confirmed_at": SOME_MOMENT, "user_id": Id("user")}),
    ),
    Case(
        "accounts_logintoken_is_confirmed_before_use",
        refused=Change("pending", {"used_at": SOME_MOMENT}),
        allowed=Change("confirmed", {"used_at": SOME_MOMENT}),
    ),
    Case(
        "accounts_logintoken_is_frozen",
        refused=Change("pending", {"nonce_digest": DIGEST}),
        allowed=Change("pending", {"ip": ""}),
    ),
    Case(
        "accounts_logintoken_is_confirmed_once",
        refused=Change("confirmed", {"user_id": Id("other")}),
        allowed=Change("confirmed", {"used_at": SOME_MOMENT}),
    ),
    Case(
        "accounts_logintoken_is_used_once",
        refused=Change("redeemed", {"used_at": None}),
        allowed=Change("redeemed", {"ip": ""}),
    ),
    Case(
        "accounts_logintoken_digest_key",
        refused=Copy("pending", {"id": uuid7()}),
        allowed=Copy("pending", {"id": uuid7(), "digest": DIGEST}),
    ),
    Case(
        "accounts_spentinitdata_digest_key",
        refused=Copy("spent", {"id": 0}),
        allowed=Copy("spent", {"id": 0, "digest": DIGEST}),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
class TestGuards(GuardTests):
    pass


class TestKeeping:
    """``accounts_refreshtoken_is_kept_until_it_expires``: what is gone could be shown again unnoticed."""

    pytestmark = pytest.mark.django_db

    def test_refuses_to_lose_a_token_that_could_still_be_shown(self) -> None:
        token = opened(UserFactory.create()).session.refresh_tokens.get()
        with pytest.raises(IntegrityError) as refusal, transaction.atomic():
            token.delete()
        assert guard_of(refusal.value) == "accounts_refreshtoken_is_kept_until_it_expires"

    def test_lets_go_of_it_afterwards(self, clock: TestClock) -> None:
        token = opened(UserFactory.create()).session.refresh_tokens.get()
        clock.advance(days=30)
        token.delete()
        assert not RefreshToken.objects.exists()

    @pytest.mark.usefixtures("as_the_owner")
    def test_would_not_refuse_without_its_trigger(self) -> None:
        token = opened(UserFactory.create()).session.refresh_tokens.get()
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute("ALTER TABLE accounts_refreshtoken DISABLE TRIGGER accounts_refreshtoken_is_kept_until_it_expires")
        token.delete()
