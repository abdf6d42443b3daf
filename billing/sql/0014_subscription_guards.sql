-- Subscriptions: never deleted; the customer and the family never change; what is over stays as it was.
CREATE TRIGGER billing_subscription_is_never_deleted
    BEFORE DELETE ON billing_subscription
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_subscription_is_never_truncated
    BEFORE TRUNCATE ON billing_subscription
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_subscription_is_frozen
    BEFORE UPDATE ON billing_subscription
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'tariff_id', 'next_tariff_id', 'status', 'started_at', 'current_period_start', 'current_period_end', 'ends_at',
        'renews_at', 'grace_ends_at', 'trial_end', 'cancel_at_period_end', 'cancelled_at', 'ended_at', 'anchor_day',
        'grace_days', 'reminded_days', 'renewal_invoice_id', 'agreement_provider', 'agreement_id');
CREATE TRIGGER billing_subscription_ends_once
    BEFORE UPDATE ON billing_subscription
    FOR EACH ROW WHEN (OLD.status = 'expired')
    EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_subscription_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_subscription
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('agreement_id');

-- Periods: never deleted; moved when an earlier one is taken back; taken back once.
CREATE TRIGGER billing_subscriptionperiod_is_never_deleted
    BEFORE DELETE ON billing_subscriptionperiod
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_subscriptionperiod_is_never_truncated
    BEFORE TRUNCATE ON billing_subscriptionperiod
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_subscriptionperiod_is_frozen
    BEFORE UPDATE ON billing_subscriptionperiod
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'tariff_id', 'starts_at', 'ends_at', 'months', 'rate_amount', 'rate_seconds', 'removed_at');
CREATE TRIGGER billing_subscriptionperiod_is_taken_back_once
    BEFORE UPDATE ON billing_subscriptionperiod
    FOR EACH ROW WHEN (OLD.removed_at IS NOT NULL)
    EXECUTE FUNCTION core_refuse_change();

-- What a subscription has paid for does not overlap, whoever writes it. The subscription's row is locked first, so that
-- of two writers the second one sees what the first one wrote. An exclusion constraint would need an extension.
CREATE FUNCTION billing_refuse_overlapping_periods() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM billing_subscription WHERE id = NEW.subscription_id FOR NO KEY UPDATE;
    IF EXISTS (
        -- The row as it is by now: the transaction may have gone on since.
        SELECT FROM billing_subscriptionperiod mine JOIN billing_subscriptionperiod other
            ON other.subscription_id = mine.subscription_id AND other.id <> mine.id AND other.removed_at IS NULL
        WHERE mine.id = NEW.id AND mine.removed_at IS NULL
            AND tstzrange(other.starts_at, other.ends_at) && tstzrange(mine.starts_at, mine.ends_at)
    ) THEN
        RAISE EXCEPTION 'two periods of the subscription % overlap', NEW.subscription_id
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER billing_subscriptionperiod_overlaps_no_other
    AFTER INSERT OR UPDATE ON billing_subscriptionperiod
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_overlapping_periods();

-- Trials: begun, never forgotten.
CREATE TRIGGER billing_trial_is_append_only
    BEFORE UPDATE OR DELETE ON billing_trial
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_trial_is_never_truncated
    BEFORE TRUNCATE ON billing_trial
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
