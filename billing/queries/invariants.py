"""The invariants of the books that do not follow from a single wallet's ledger, each as a question in SQL."""

from __future__ import annotations

from typing import Final

# Invariant, what its rows are, and the question. The first column is the subject's id.
QUESTIONS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "I2",
        "wallet",
        """
        SELECT w.id, w.token_balance, w.held_tokens, coalesce(h.tokens, 0) AS open_holds
        FROM billing_wallet w
        FULL JOIN (SELECT wallet_id, sum(tokens) AS tokens FROM billing_hold WHERE state = 'open' GROUP BY wallet_id) h
            ON h.wallet_id = w.id
        WHERE w.held_tokens <> coalesce(h.tokens, 0) OR w.held_tokens NOT BETWEEN 0 AND w.token_balance
        """,
    ),
    (
        "I4",
        "payment",
        """
        SELECT p.id, p.invoice_id, p.outcome, i.status, count(t.id) AS credits, i.tokens, i.bonus_tokens
        FROM billing_payment p JOIN billing_invoice i ON i.id = p.invoice_id
        LEFT JOIN billing_transaction t
            ON t.invoice_id = i.id AND t.invoice_id IS NOT NULL AND t.type IN ('purchase', 'bonus')
        WHERE p.outcome = 'credited'
        GROUP BY p.id, i.id
        HAVING i.status NOT IN ('paid', 'partially_refunded', 'refunded')
            OR coalesce(sum(t.tokens_delta) FILTER (WHERE t.type = 'purchase'), 0) <> i.tokens
            OR coalesce(sum(t.tokens_delta) FILTER (WHERE t.type = 'bonus'), 0) <> i.bonus_tokens
            OR count(t.id) <> (i.tokens > 0)::int + (i.bonus_tokens > 0)::int
        """,
    ),
    (
        "I4",
        "credit",
        """
        SELECT t.id, t.invoice_id, t.tokens_delta FROM billing_transaction t
        WHERE t.invoice_id IS NOT NULL AND t.type IN ('purchase', 'bonus') AND NOT EXISTS (
            SELECT FROM billing_payment p WHERE p.invoice_id = t.invoice_id AND p.outcome = 'credited')
        """,
    ),
    (
        "I4",
        "invoice",
        """
        SELECT i.id, i.status FROM billing_invoice i
        WHERE i.status IN ('paid', 'partially_refunded', 'refunded') AND NOT EXISTS (
            SELECT FROM billing_payment p WHERE p.invoice_id = i.id AND p.outcome = 'credited')
        """,
    ),
    (
        "I5",
        "lot",
        """
        SELECT lot.id, lot.tokens_delta AS given, -sum(back.tokens_delta) AS taken_back
        FROM billing_transaction back JOIN billing_transaction lot ON lot.id = back.reverses_id
        WHERE back.reverses_id IS NOT NULL
        GROUP BY lot.id
        HAVING -sum(back.tokens_delta) > lot.tokens_delta OR bool_or(back.wallet_id <> lot.wallet_id)
        """,
    ),
    (
        "I5",
        "payment",
        """
        SELECT p.id, p.amount, p.refunded_amount, coalesce(sum(r.amount), 0) AS refunds
        FROM billing_payment p LEFT JOIN billing_refund r ON r.payment_id = p.id AND r.state <> 'failed'
        WHERE p.refunded_amount > 0 OR r.id IS NOT NULL
        GROUP BY p.id
        HAVING p.refunded_amount <> coalesce(sum(r.amount), 0) OR p.refunded_amount > p.amount
        """,
    ),
    (
        "I5",
        "purchase",
        """
        SELECT p.id, p.taken_tokens, p.debt_tokens, -coalesce(sum(t.tokens_delta), 0) AS taken
        FROM billing_payment p LEFT JOIN billing_transaction t
            ON t.invoice_id = p.invoice_id AND t.invoice_id IS NOT NULL
            AND t.type IN ('refund', 'chargeback', 'adjustment')
        WHERE p.outcome = 'credited' AND (t.id IS NOT NULL OR p.taken_tokens > 0)
        GROUP BY p.id
        HAVING p.taken_tokens <> -coalesce(sum(t.tokens_delta), 0)
        """,
    ),
    (
        "I6",
        "hold",
        """
        SELECT h.id, h.state, h.captured_tokens, count(t.id) AS captures
        FROM billing_hold h LEFT JOIN billing_transaction t ON t.hold_id = h.id AND t.hold_id IS NOT NULL
        GROUP BY h.id
        HAVING count(t.id) <> (h.state = 'captured')::int
            OR coalesce(-sum(t.tokens_delta), 0) <> h.captured_tokens
        """,
    ),
    (
        "I7",
        "promo code",
        """
        SELECT p.id, p.code, p.uses_count, p.max_uses, count(r.id) AS redemptions
        FROM billing_promocode p
        LEFT JOIN billing_promoredemption r ON r.promo_code_id = p.id AND r.state <> 'released'
        GROUP BY p.id
        HAVING count(r.id) <> p.uses_count OR p.uses_count > p.max_uses
        """,
    ),
    (
        "I7",
        "redemption",
        """
        SELECT r.id, r.state, i.status FROM billing_promoredemption r JOIN billing_invoice i ON i.id = r.invoice_id
        WHERE r.promo_code_id IS DISTINCT FROM i.promo_code_id OR r.wallet_id <> i.wallet_id
            OR (r.state = 'reserved') <> (i.status = 'pending')
            OR (r.state = 'applied' AND i.status NOT IN ('paid', 'partially_refunded', 'refunded'))
        """,
    ),
    (
        "I10",
        "referral",
        """
        SELECT r.id, r.state, r.reward_tokens, t.type, t.tokens_delta
        FROM billing_referral r JOIN accounts_user u ON u.id = r.referred_id
        LEFT JOIN billing_transaction t ON t.id = r.lot_id
        LEFT JOIN billing_wallet w ON w.user_id = r.referrer_id
        WHERE u.referred_by_id IS DISTINCT FROM r.referrer_id
            OR (r.lot_id IS NOT NULL AND (t.metadata ->> 'referral', t.tokens_delta, t.wallet_id)
                IS DISTINCT FROM (r.id::text, r.reward_tokens, w.id))
        """,
    ),
    (
        "I10",
        "reward",
        """
        SELECT t.id, t.wallet_id, t.tokens_delta FROM billing_transaction t
        WHERE t.type = 'referral' AND t.metadata ? 'referral'
            AND NOT EXISTS (SELECT FROM billing_referral r
                WHERE r.id::text = t.metadata ->> 'referral' AND r.lot_id IS NOT NULL)
        UNION ALL
        SELECT t.id, t.wallet_id, t.tokens_delta FROM billing_transaction t
        WHERE t.type = 'referral' AND EXISTS (SELECT FROM billing_transaction other
            WHERE other.wallet_id = t.wallet_id AND other.type = 'referral' AND other.id <> t.id
                AND other.metadata ->> 'referral' = t.metadata ->> 'referral')
        """,
    ),
    (
        "I10",
        "person",
        """
        WITH RECURSIVE above AS (
            SELECT referred_id AS person, referrer_id AS id FROM billing_referral
            UNION
            SELECT above.person, r.referrer_id FROM above JOIN billing_referral r ON r.referred_id = above.id
        )
        SELECT person, id AS refers_to_themselves FROM above WHERE id = person
        """,
    ),
    (
        "I8",
        "subscription",
        """
        SELECT s.id, s.wallet_id, s.family, s.status, count(*) OVER (PARTITION BY s.wallet_id, s.family) AS live
        FROM billing_subscription s WHERE s.status <> 'expired' AND EXISTS (
            SELECT FROM billing_subscription other WHERE other.wallet_id = s.wallet_id AND other.family = s.family
                AND other.status <> 'expired' AND other.id <> s.id)
        """,
    ),
    (
        "I8",
        "period",
        """
        SELECT p.id, p.subscription_id, p.number, other.number AS overlaps
        FROM billing_subscriptionperiod p JOIN billing_subscriptionperiod other
            ON other.subscription_id = p.subscription_id AND other.number > p.number
            AND other.starts_at < p.ends_at AND p.starts_at < other.ends_at
        WHERE p.removed_at IS NULL AND other.removed_at IS NULL
        """,
    ),
    (
        "I8",
        "subscription's end",
        """
        SELECT s.id, s.status, s.ends_at, max(p.ends_at) AS paid_until
        FROM billing_subscription s
        LEFT JOIN billing_subscriptionperiod p ON p.subscription_id = s.id AND p.removed_at IS NULL
        WHERE s.status <> 'expired'
        GROUP BY s.id
        HAVING s.ends_at IS DISTINCT FROM max(p.ends_at)
        """,
    ),
    (
        "I8",
        "wallet",
        """
        SELECT w.id, w.subscription_end, paid.until AS paid_until
        FROM billing_wallet w LEFT JOIN (
            SELECT s.wallet_id, max(p.ends_at) AS until
            FROM billing_subscription s JOIN billing_subscriptionperiod p ON p.subscription_id = s.id
            WHERE p.removed_at IS NULL GROUP BY s.wallet_id
        ) paid ON paid.wallet_id = w.id
        WHERE w.subscription_end IS DISTINCT FROM paid.until
        """,
    ),
    (
        "I9",
        "trial",
        """
        SELECT t.id, t.wallet_id, t.family FROM billing_trial t WHERE EXISTS (
            SELECT FROM billing_trial other WHERE other.id <> t.id AND other.family = t.family
                AND (other.owner_hash = t.owner_hash OR other.wallet_id = t.wallet_id))
        """,
    ),
    (
        "I9",
        "trial's period",
        """
        SELECT coalesce(t.id, p.id), t.subscription_id AS trial_of, p.subscription_id AS period_of
        FROM billing_trial t
        FULL JOIN (SELECT * FROM billing_subscriptionperiod WHERE invoice_id IS NULL) p USING (subscription_id)
        WHERE t.id IS NULL OR p.id IS NULL
        """,
    ),
    (
        "I11",
        "payment",
        # The fold of billing.rules.payment_events, said a second time: the two must agree.
        """
        WITH verdict AS (
            SELECT DISTINCT ON (provider, provider_payment_id, reference) provider, provider_payment_id, reference, kind
            FROM billing_paymentevent WHERE kind IN ('dispute_won', 'dispute_lost')
            ORDER BY provider, provider_payment_id, reference, occurred_at DESC, kind = 'dispute_lost' DESC
        ), back AS (
            SELECT provider, provider_payment_id, sum(amount) AS amount FROM billing_paymentevent r
            WHERE kind = 'refunded' AND NOT EXISTS (
                SELECT FROM billing_paymentevent f WHERE f.provider = r.provider AND f.kind = 'refund_failed'
                    AND f.provider_payment_id = r.provider_payment_id AND f.reference = r.reference)
            GROUP BY provider, provider_payment_id
        ), told AS (
            SELECT p.id, p.status, p.outcome,
                bool_or(e.kind = 'succeeded') AS arrived, bool_or(e.kind = 'cancelled') AS cancelled,
                b.amount >= p.amount AS all_back, b.amount IS NOT NULL AS some_back,
                bool_or(e.kind = 'dispute_opened' AND NOT EXISTS (
                    SELECT FROM verdict v WHERE v.provider = e.provider
                        AND v.provider_payment_id = e.provider_payment_id AND v.reference = e.reference)) AS disputed,
                EXISTS (SELECT FROM verdict v WHERE v.provider = p.provider
                    AND v.provider_payment_id = p.provider_payment_id AND v.kind = 'dispute_lost') AS lost
            FROM billing_payment p LEFT JOIN billing_paymentevent e
                ON e.provider = p.provider AND e.provider_payment_id = p.provider_payment_id
                AND e.provider_payment_id <> ''
                LEFT JOIN back b
                ON b.provider = p.provider AND b.provider_payment_id = p.provider_payment_id
            GROUP BY p.id, b.amount
        ), folded AS (
            SELECT *, CASE WHEN lost THEN 'charged_back' WHEN disputed THEN 'disputed'
                WHEN some_back THEN CASE WHEN all_back THEN 'refunded' ELSE 'partially_refunded' END
                WHEN arrived THEN 'succeeded' WHEN cancelled THEN 'cancelled' ELSE 'pending' END AS told
            FROM told
        )
        SELECT id, status, told, outcome FROM folded
        WHERE status <> told OR coalesce(arrived, false) = (outcome = 'awaited')
        """,
    ),
    (
        "I12",
        "year",
        """
        SELECT c.year, c.last_number, count(i.id) AS invoices, max(i.number_in_year) AS highest
        FROM billing_invoicecounter c LEFT JOIN billing_invoice i ON i.number_year = c.year
        GROUP BY c.year
        HAVING count(i.id) <> c.last_number OR coalesce(max(i.number_in_year), 0) <> c.last_number
        """,
    ),
)
