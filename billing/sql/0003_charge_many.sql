-- Charge many wallets in one statement. Wallets are locked by id, so that two batches never wait for each other in a
-- circle; what is decided after the lock sees everything committed before it, so that a key never works twice.
-- Items of one wallet are served in order, as far as the balance goes: what does not fit is refused alone.
--
-- items: [{"place", "id", "kind", "owner", "tokens", "key", "hash" (hex), "description", "metadata"}, …]
-- verdict: charged, replayed, mismatch, unknown (no such wallet), due (something must be booked first), frozen, short
CREATE FUNCTION billing_charge_many(items jsonb, actor jsonb)
    RETURNS TABLE (place int, verdict text, wallet uuid, available bigint, entry billing_transaction)
    LANGUAGE plpgsql
    AS $$
DECLARE
    item record;
    current_wallet uuid;
    balance bigint;
    free bigint;
    version bigint;
    charged jsonb;
    twin jsonb;
    moment timestamptz := core_now();
    places int[] := '{}';
    verdicts text[] := '{}';
    wallets uuid[] := '{}';
    frees bigint[] := '{}';
    entries uuid[] := '{}';
    new_places int[] := '{}';
    new_versions bigint[] := '{}';
    new_balances bigint[] := '{}';
    resolved jsonb;
BEGIN
    SELECT jsonb_agg(given || jsonb_build_object('wallet', CASE given->>'kind'
        WHEN 'wallet' THEN (given->>'owner')::uuid
        WHEN 'user' THEN (SELECT w.id FROM billing_wallet w WHERE w.user_id = (given->>'owner')::uuid)
        WHEN 'company' THEN (SELECT w.id FROM billing_wallet w WHERE w.company_id = (given->>'owner')::uuid)
        WHEN 'telegram' THEN (SELECT w.id FROM billing_wallet w JOIN accounts_user u ON u.id = w.user_id
            WHERE u.telegram_id = (given->>'owner')::bigint)
        END))
    INTO resolved FROM jsonb_array_elements(items) AS given;

    PERFORM FROM billing_wallet w
    WHERE w.id IN (SELECT (given->>'wallet')::uuid FROM jsonb_array_elements(resolved) AS given)
    ORDER BY w.id FOR NO KEY UPDATE;

    FOR item IN
        SELECT given.*, w.id AS found, w.token_balance, w.held_tokens, w.balance_version,
            w.frozen_at IS NOT NULL AS is_frozen,
            coalesce(w.next_expiry_at <= moment, false) OR EXISTS (
                SELECT FROM billing_hold h
                WHERE h.wallet_id = w.id AND h.state = 'open' AND h.expires_at <= moment) AS is_due,
            t.id AS first_id, encode(t.request_hash, 'hex') AS first_hash
        FROM jsonb_to_recordset(resolved) AS given(
            place int, wallet uuid, id uuid, tokens bigint, key text, hash text)
        LEFT JOIN billing_wallet w ON w.id = given.wallet
        LEFT JOIN billing_transaction t ON t.wallet_id = given.wallet AND t.idempotency_key = given.key
        ORDER BY w.id, given.place
    LOOP
        IF item.found IS DISTINCT FROM current_wallet THEN
            current_wallet := item.found;
            balance := item.token_balance;
            free := item.token_balance - item.held_tokens;
            version := item.balance_version;
            charged := '{}';
        END IF;
        twin := charged -> item.key;
        places := places || item.place;
        wallets := wallets || item.found;
        frees := frees || free;
        IF item.found IS NULL THEN
            verdicts := verdicts || 'unknown'::text;
            entries := entries || NULL::uuid;
        ELSIF item.first_id IS NOT NULL THEN
            verdicts := verdicts || CASE WHEN item.first_hash = item.hash THEN 'replayed' ELSE 'mismatch' END;
            entries := entries || item.first_id;
        ELSIF twin IS NOT NULL THEN
            verdicts := verdicts || CASE WHEN twin->>'hash' = item.hash THEN 'replayed' ELSE 'mismatch' END;
            entries := entries || (twin->>'id')::uuid;
        ELSIF item.is_due OR item.is_frozen OR free < item.tokens THEN
            verdicts := verdicts
                || CASE WHEN item.is_due THEN 'due' WHEN item.is_frozen THEN 'frozen' ELSE 'short' END;
            entries := entries || NULL::uuid;
        ELSE
            version := version + 1;
            balance := balance - item.tokens;
            free := free - item.tokens;
            charged := charged || jsonb_build_object(item.key, jsonb_build_object('id', item.id, 'hash', item.hash));
            verdicts := verdicts || 'charged'::text;
            entries := entries || item.id;
            new_places := new_places || item.place;
            new_versions := new_versions || version;
            new_balances := new_balances || balance;
        END IF;
    END LOOP;

    WITH fresh AS (
        SELECT * FROM unnest(new_places, new_versions, new_balances) AS f(place, version, balance)
    ), inserted AS (
        INSERT INTO billing_transaction AS t (id, wallet_id, sequence, type, tokens_delta, balance_after, description,
            metadata, idempotency_key, request_hash, actor, created_at)
        SELECT given.id, given.wallet, fresh.version, 'charge', -given.tokens, fresh.balance, given.description,
            given.metadata, given.key, decode(given.hash, 'hex'), billing_charge_many.actor, moment
        FROM fresh JOIN jsonb_to_recordset(resolved) AS given(
            place int, wallet uuid, id uuid, tokens bigint, key text, hash text, description text, metadata jsonb)
            USING (place)
        RETURNING t.wallet_id, t.sequence, t.tokens_delta
    ), summed AS (
        SELECT wallet_id, max(sequence) AS version, sum(tokens_delta)::bigint AS delta FROM inserted GROUP BY wallet_id
    )
    UPDATE billing_wallet w
    SET token_balance = w.token_balance + summed.delta, balance_version = summed.version
    FROM summed WHERE w.id = summed.wallet_id;

    RETURN QUERY
        SELECT answer.place, answer.verdict, answer.wallet, answer.available, t
        FROM unnest(places, verdicts, wallets, frees, entries) AS answer(place, verdict, wallet, available, entry_id)
        LEFT JOIN billing_transaction t ON t.id = answer.entry_id
        ORDER BY answer.place;
END
$$;
