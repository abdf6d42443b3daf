-- The ledger: rows are inserted and never change.
CREATE TRIGGER billing_transaction_is_append_only
    BEFORE UPDATE OR DELETE ON billing_transaction
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_transaction_is_never_truncated
    BEFORE TRUNCATE ON billing_transaction
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();

-- Wallets: never deleted; the owner never changes; the balance moves only with its version.
CREATE TRIGGER billing_wallet_is_never_deleted
    BEFORE DELETE ON billing_wallet
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_wallet_is_never_truncated
    BEFORE TRUNCATE ON billing_wallet
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_wallet_owner_is_frozen
    BEFORE UPDATE OF id, user_id, company_id, created_at ON billing_wallet
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'token_balance', 'held_tokens', 'balance_version', 'debt_tokens', 'next_expiry_at', 'protected_tokens',
        'subscription_end', 'frozen_at', 'frozen_reason');
-- The condition is evaluated without calling the function: it costs the hot path next to nothing.
CREATE TRIGGER billing_wallet_balance_moves_with_its_version
    BEFORE UPDATE ON billing_wallet
    FOR EACH ROW
    WHEN ((NEW.token_balance <> OLD.token_balance AND NEW.balance_version <= OLD.balance_version)
        OR NEW.balance_version < OLD.balance_version)
    EXECUTE FUNCTION core_refuse_change();

-- Holds: opened, closed once, never deleted.
CREATE TRIGGER billing_hold_is_never_deleted
    BEFORE DELETE ON billing_hold
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_hold_is_never_truncated
    BEFORE TRUNCATE ON billing_hold
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_hold_is_frozen
    BEFORE UPDATE ON billing_hold
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('state', 'captured_tokens', 'closed_at');
CREATE TRIGGER billing_hold_is_closed_once
    BEFORE UPDATE ON billing_hold
    FOR EACH ROW WHEN (OLD.state <> 'open')
    EXECUTE FUNCTION core_refuse_change();

-- Invoices: a frozen quote whose status follows its edges.
CREATE FUNCTION billing_refuse_invoice_step() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('pending', 'paid'), ('pending', 'expired'), ('pending', 'cancelled'),
        -- Money that comes late is still honoured.
        ('expired', 'paid'),
        ('paid', 'partially_refunded'), ('paid', 'refunded'), ('partially_refunded', 'refunded')
    ) OR (OLD.paid_at IS NOT NULL AND (NEW.paid_at, NEW.number_year, NEW.number_in_year)
            IS DISTINCT FROM (OLD.paid_at, OLD.number_year, OLD.number_in_year)) THEN
        RAISE EXCEPTION 'an invoice does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER billing_invoice_is_never_deleted
    BEFORE DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_invoice_is_never_truncated
    BEFORE TRUNCATE ON billing_invoice
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_invoice_is_frozen
    BEFORE UPDATE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('status', 'number_year', 'number_in_year', 'paid_at');
CREATE TRIGGER billing_invoice_status_follows_its_edges
    BEFORE UPDATE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_invoice_step();

-- Payments: what arrived is never dropped or rewritten; only the status moves.
CREATE TRIGGER billing_payment_is_never_deleted
    BEFORE DELETE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_payment_is_never_truncated
    BEFORE TRUNCATE ON billing_payment
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_payment_is_frozen
    BEFORE UPDATE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('status');

-- Redemptions: reserved, then applied or released, once.
CREATE TRIGGER billing_promoredemption_is_never_deleted
    BEFORE DELETE ON billing_promoredemption
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_promoredemption_is_never_truncated
    BEFORE TRUNCATE ON billing_promoredemption
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_promoredemption_is_frozen
    BEFORE UPDATE ON billing_promoredemption
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('state', 'closed_at');
CREATE TRIGGER billing_promoredemption_is_closed_once
    BEFORE UPDATE ON billing_promoredemption
    FOR EACH ROW WHEN (OLD.state <> 'reserved')
    EXECUTE FUNCTION core_refuse_change();

-- Tariffs: every change of what is sold raises the version by one, whoever makes it.
CREATE FUNCTION billing_count_tariff_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.version := OLD.version
        + (to_jsonb(NEW) - '{version,updated_at}'::text[]
            IS DISTINCT FROM to_jsonb(OLD) - '{version,updated_at}'::text[])::int;
    RETURN NEW;
END
$$;
CREATE TRIGGER billing_tariff_counts_its_version
    BEFORE UPDATE ON billing_tariff
    FOR EACH ROW EXECUTE FUNCTION billing_count_tariff_version();

-- The audit trail of rows. Charging, holding and redeeming are their own record and write none.
CREATE TRIGGER billing_tariff_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_tariff
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();
CREATE TRIGGER billing_promocode_is_audited
    AFTER INSERT OR DELETE ON billing_promocode
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();
CREATE TRIGGER billing_promocode_change_is_audited
    AFTER UPDATE ON billing_promocode
    FOR EACH ROW
    WHEN (OLD.uses_count = NEW.uses_count)
    EXECUTE FUNCTION audit_record_row();
CREATE TRIGGER billing_invoice_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_invoice
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('request_hash');
CREATE TRIGGER billing_payment_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();
CREATE TRIGGER billing_wallet_is_audited
    AFTER INSERT OR DELETE ON billing_wallet
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();
CREATE TRIGGER billing_wallet_change_is_audited
    AFTER UPDATE ON billing_wallet
    FOR EACH ROW
    WHEN ((OLD.frozen_at, OLD.frozen_reason, OLD.debt_tokens, OLD.subscription_end)
        IS DISTINCT FROM (NEW.frozen_at, NEW.frozen_reason, NEW.debt_tokens, NEW.subscription_end))
    EXECUTE FUNCTION audit_record_row();

-- The hot row: updated in place, with room for its next versions.
ALTER TABLE billing_wallet SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
-- An insert-only table is vacuumed for its visibility map, so that index-only scans stay cheap.
ALTER TABLE billing_transaction SET (autovacuum_vacuum_insert_scale_factor = 0.05);
