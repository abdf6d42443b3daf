-- What each giver gave in a day: counted up, never down, never forgotten.
CREATE TRIGGER billing_creditallowance_is_never_deleted
    BEFORE DELETE ON billing_creditallowance
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_creditallowance_is_never_truncated
    BEFORE TRUNCATE ON billing_creditallowance
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_creditallowance_is_frozen
    BEFORE UPDATE ON billing_creditallowance
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('used_tokens', 'limit_tokens');
CREATE TRIGGER billing_creditallowance_use_is_never_taken_back
    BEFORE UPDATE ON billing_creditallowance
    FOR EACH ROW WHEN (NEW.used_tokens < OLD.used_tokens)
    EXECUTE FUNCTION core_refuse_change();

-- Credits that wait for a colleague: asked for, decided once, never deleted.
CREATE TRIGGER billing_creditrequest_is_never_deleted
    BEFORE DELETE ON billing_creditrequest
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_creditrequest_is_never_truncated
    BEFORE TRUNCATE ON billing_creditrequest
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_creditrequest_is_frozen
    BEFORE UPDATE ON billing_creditrequest
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'state', 'decided_by_id', 'decided_at', 'refusal', 'transaction_id');
CREATE TRIGGER billing_creditrequest_is_decided_once
    BEFORE UPDATE ON billing_creditrequest
    FOR EACH ROW WHEN (OLD.state <> 'pending')
    EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_creditrequest_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_creditrequest
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('request_hash');

-- What an approved request credited is what it asked for, and to whom.
CREATE FUNCTION billing_refuse_other_credit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM billing_transaction
        WHERE id = NEW.transaction_id AND wallet_id = NEW.wallet_id AND type = 'grant' AND tokens_delta = NEW.tokens
    ) THEN
        RAISE EXCEPTION 'the ledger row is not the credit that was asked for'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER billing_creditrequest_credit_is_what_was_asked_for
    BEFORE INSERT OR UPDATE ON billing_creditrequest
    FOR EACH ROW WHEN (NEW.transaction_id IS NOT NULL)
    EXECUTE FUNCTION billing_refuse_other_credit();
