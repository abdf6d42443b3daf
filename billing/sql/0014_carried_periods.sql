-- What was paid for before there were periods: a wallet knew one end, which each payment moved on from itself or, where
-- it had passed, from the payment. The same walk over the same payments gives the periods and that end. A wallet's whole
-- time becomes one subscription, of the tariff that is used now or was used last.
WITH RECURSIVE paid AS (
    SELECT i.id, i.wallet_id, i.tariff_id, i.amount, i.paid_at, i.subscription_days * interval '86400 seconds' AS lasts,
        i.subscription_days * 86400 AS seconds, w.subscription_end,
        row_number() OVER (PARTITION BY i.wallet_id ORDER BY i.paid_at, i.id) AS number,
        count(*) OVER (PARTITION BY i.wallet_id) AS numbers
    FROM billing_invoice i JOIN billing_wallet w ON w.id = i.wallet_id
    WHERE i.subscription_days > 0 AND i.paid_at IS NOT NULL AND w.subscription_end IS NOT NULL
        AND NOT EXISTS (SELECT FROM billing_subscription s WHERE s.wallet_id = w.id)
), walked AS (
    SELECT paid.*, paid_at AS starts_at, paid_at + lasts AS ends_at FROM paid WHERE number = 1
    UNION ALL
    SELECT p.*, greatest(w.ends_at, p.paid_at), greatest(w.ends_at, p.paid_at) + p.lasts
    FROM walked w JOIN paid p ON p.wallet_id = w.wallet_id AND p.number = w.number + 1
), laid AS (
    -- Where somebody has moved the end by hand, it stands.
    SELECT *, CASE WHEN number = numbers AND subscription_end > starts_at THEN subscription_end ELSE ends_at END AS until
    FROM walked
), present AS (
    SELECT DISTINCT ON (l.wallet_id) l.*, min(l.starts_at) OVER whole AS began, max(l.until) OVER whole AS over_at,
        last_value(l.tariff_id) OVER whole AS last_tariff_id, last_value(l.seconds) OVER whole AS last_seconds
    FROM laid l
    WINDOW whole AS (
        PARTITION BY l.wallet_id ORDER BY l.number ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
    ORDER BY l.wallet_id, l.until > core_now() DESC, CASE WHEN l.until > core_now() THEN l.number ELSE -l.number END
), begun AS (
    INSERT INTO billing_subscription (
        id, wallet_id, tariff_id, next_tariff_id, family, status, started_at, current_period_start, current_period_end,
        ends_at, renews_at, ended_at, cancel_at_period_end, grace_days, agreement_provider, agreement_id
    )
    SELECT gen_random_uuid(), p.wallet_id, p.tariff_id, nullif(p.last_tariff_id, p.tariff_id),
        coalesce(nullif(t.family, ''), t.slug), CASE WHEN p.over_at > core_now() THEN 'active' ELSE 'expired' END,
        p.began, p.starts_at, p.until, p.over_at,
        CASE WHEN p.over_at > core_now()
            THEN p.over_at - least(interval '24 hours', p.last_seconds * interval '0.5 seconds') END,
        CASE WHEN p.over_at <= core_now() THEN p.over_at END, false, t.grace_days, '', ''
    FROM present p JOIN billing_tariff t ON t.id = p.tariff_id
    RETURNING id, wallet_id
)
INSERT INTO billing_subscriptionperiod (
    id, subscription_id, invoice_id, tariff_id, number, starts_at, ends_at, months, rate_amount, rate_seconds, created_at
)
SELECT gen_random_uuid(), b.id, l.id, l.tariff_id, l.number, l.starts_at, l.until, 0, l.amount, l.seconds, l.paid_at
FROM laid l JOIN begun b ON b.wallet_id = l.wallet_id;
