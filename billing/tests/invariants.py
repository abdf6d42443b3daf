"""
The invariants of the books (docs/MONEY.md), each as a question in SQL of its own.

Reconciliation asks the same in production, in other words: that the two agree is part of what the tests show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from django.db import connection

from billing.queries import invariants as reconciled

# Each answers with what contradicts it. I13 is asked lot by lot, from outside.
QUESTIONS: Final[Mapping[str, str]] = {
    "I1": """
        SELECT w.id FROM billing_wallet w WHERE w.token_balance <>
            (SELECT coalesce(sum(t.tokens_delta), 0) FROM billing_transaction t WHERE t.wallet_id = w.id)
    """,
    "I2": """
        SELECT w.id FROM billing_wallet w WHERE w.held_tokens < 0 OR w.held_tokens > w.token_balance OR w.held_tokens <>
            (SELECT coalesce(sum(h.tokens), 0) FROM billing_hold h WHERE h.wallet_id = w.id AND h.state = 'open')
    """,
    "I3": """
        SELECT t.id FROM billing_transaction t LEFT JOIN billing_transaction before
            ON before.wallet_id = t.wallet_id AND before.sequence = t.sequence - 1
        WHERE t.balance_after <> coalesce(before.balance_after, 0) + t.tokens_delta
            OR (before.id IS NULL) <> (t.sequence = 1)
        UNION ALL
        SELECT w.id FROM billing_wallet w WHERE w.balance_version <>
            (SELECT count(*) FROM billing_transaction t WHERE t.wallet_id = w.id)
    """,
    "I4": """
        SELECT i.id FROM billing_invoice i
        WHERE (SELECT count(*) FROM billing_payment p WHERE p.invoice_id = i.id AND p.outcome = 'credited')
                <> (i.paid_at IS NOT NULL)::int
            OR (SELECT coalesce(sum(t.tokens_delta), 0) FROM billing_transaction t
                WHERE t.invoice_id = i.id AND t.type IN ('purchase', 'bonus'))
                <> CASE WHEN i.paid_at IS NULL THEN 0 ELSE i.tokens + i.bonus_tokens END
    """,
    "I5": """
        SELECT lot.id FROM billing_transaction lot WHERE lot.tokens_delta <
            (SELECT -sum(t.tokens_delta) FROM billing_transaction t WHERE t.reverses_id = lot.id)
    """,
    "I6": """
        SELECT wallet_id FROM billing_transaction GROUP BY wallet_id, idempotency_key HAVING count(*) > 1
        UNION ALL
        SELECT h.id FROM billing_hold h WHERE h.captured_tokens <>
            (SELECT coalesce(-sum(t.tokens_delta), 0) FROM billing_transaction t WHERE t.hold_id = h.id)
    """,
    "I7": """
        SELECT c.id FROM billing_promocode c WHERE c.uses_count > c.max_uses OR c.uses_count <>
            (SELECT count(*) FROM billing_promoredemption r WHERE r.promo_code_id = c.id AND r.state <> 'released')
    """,
    "I8": """
        SELECT wallet_id FROM billing_subscription WHERE status <> 'expired'
        GROUP BY wallet_id, family HAVING count(*) > 1
        UNION ALL
        SELECT a.id FROM billing_subscriptionperiod a JOIN billing_subscriptionperiod b USING (subscription_id)
        WHERE a.id < b.id AND a.removed_at IS NULL AND b.removed_at IS NULL
            AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
    """,
    "I9": """
        SELECT family::text FROM billing_trial GROUP BY owner_hash, family HAVING count(*) > 1
    """,
    "I10": """
        WITH RECURSIVE up(start, next) AS (
            SELECT id, referred_by_id FROM accounts_user WHERE referred_by_id IS NOT NULL
            UNION SELECT up.start, u.referred_by_id FROM up JOIN accounts_user u ON u.id = up.next
        ) SELECT start FROM up WHERE start = next
    """,
    "I11": """
        SELECT p.id FROM billing_payment p WHERE p.refunded_amount <>
            (SELECT coalesce(sum(r.amount), 0) FROM billing_refund r WHERE r.payment_id = p.id AND r.state <> 'failed')
            OR p.refunded_amount > p.amount
            OR (p.status IN ('succeeded', 'cancelled', 'pending')) = EXISTS (
                SELECT FROM billing_paymentevent e WHERE e.provider_payment_id = p.provider_payment_id
                    AND e.provider = p.provider AND (e.kind = 'dispute_lost' OR e.kind = 'refunded' AND e.reference
                        NOT IN (SELECT reference FROM billing_paymentevent WHERE kind = 'refund_failed')))
                AND NOT EXISTS (SELECT FROM billing_dispute d WHERE d.payment_id = p.id)
            OR (p.arrived_at IS NULL) = EXISTS (
                SELECT FROM billing_paymentevent e WHERE e.provider_payment_id = p.provider_payment_id
                    AND e.provider = p.provider AND e.kind = 'succeeded')
    """,
    "I12": """
        SELECT number_year FROM billing_invoice WHERE number_year IS NOT NULL
        GROUP BY number_year HAVING max(number_in_year) <> count(*) OR min(number_in_year) <> 1
    """,
}


def contradictions() -> list[str]:
    """The invariants that do not hold, in order; empty when the books are true."""
    return _asked(list(QUESTIONS.items()))


def divergences() -> list[str]:
    """
    The invariants of which reconciliation would show a row (:func:`billing.queries.reconciliation.list_divergences`),
    all asked in one statement: for tests that ask many times.
    """
    return _asked([(invariant, question) for invariant, _subject, question in reconciled.QUESTIONS])


def _asked(questions: Sequence[tuple[str, str]]) -> list[str]:
    asked = ", ".join(f"EXISTS ({question})" for _name, question in questions)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}")
        return [name for (name, _question), is_broken in zip(questions, cursor.fetchone(), strict=True) if is_broken]
