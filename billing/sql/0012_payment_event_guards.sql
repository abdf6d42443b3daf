-- What was said of a payment is kept as it came.
CREATE TRIGGER billing_paymentevent_is_append_only
    BEFORE UPDATE OR DELETE ON billing_paymentevent
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_paymentevent_is_never_truncated
    BEFORE TRUNCATE ON billing_paymentevent
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();

-- A payment: its status and what went back move; what arrived does not change once it is there.
DROP TRIGGER billing_payment_is_frozen ON billing_payment;
CREATE TRIGGER billing_payment_is_frozen
    BEFORE UPDATE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'status', 'outcome', 'amount', 'currency', 'arrived_at', 'refunded_amount', 'taken_tokens', 'debt_tokens');
CREATE TRIGGER billing_payment_that_arrived_stays_what_it_was
    BEFORE UPDATE ON billing_payment
    FOR EACH ROW
    WHEN (OLD.outcome <> 'awaited' AND OLD.arrived_at IS NOT NULL
        AND (OLD.outcome, OLD.amount, OLD.currency, OLD.arrived_at)
            IS DISTINCT FROM (NEW.outcome, NEW.amount, NEW.currency, NEW.arrived_at))
    EXECUTE FUNCTION core_refuse_change();

-- Payments from before events were kept: what is known of them, as an event each. The money of all of them arrived.
UPDATE billing_payment SET arrived_at = created_at WHERE arrived_at IS NULL AND outcome <> 'awaited';
INSERT INTO billing_paymentevent (id, provider, provider_event_id, direction, kind, provider_payment_id, reference,
    invoice_id, amount, currency, source, payload, details, occurred_at)
SELECT core_uuid7(), provider, provider_payment_id, 'in', 'succeeded', provider_payment_id, '',
    invoice_id, amount, currency, 'carried_over', '{}', '{}', created_at
FROM billing_payment
ON CONFLICT DO NOTHING;

-- Refunds: asked for, sent, closed; what was asked for never changes.
CREATE TRIGGER billing_refund_is_never_deleted
    BEFORE DELETE ON billing_refund
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_refund_is_never_truncated
    BEFORE TRUNCATE ON billing_refund
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_refund_is_frozen
    BEFORE UPDATE ON billing_refund
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'state', 'provider_refund_id', 'tokens_reversed', 'shortfall_tokens', 'sent_at', 'closed_at', 'failure');
CREATE TRIGGER billing_refund_is_closed_once
    BEFORE UPDATE ON billing_refund
    FOR EACH ROW WHEN (OLD.state <> 'pending'
        AND (OLD.state, OLD.provider_refund_id, OLD.closed_at, OLD.failure)
            IS DISTINCT FROM (NEW.state, NEW.provider_refund_id, NEW.closed_at, NEW.failure))
    EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_refund_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_refund
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('request_hash');

-- Disputes: opened, judged, perhaps judged anew; never forgotten.
CREATE TRIGGER billing_dispute_is_never_deleted
    BEFORE DELETE ON billing_dispute
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_dispute_is_never_truncated
    BEFORE TRUNCATE ON billing_dispute
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_dispute_is_frozen
    BEFORE UPDATE ON billing_dispute
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('state', 'closed_at');
CREATE TRIGGER billing_dispute_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_dispute
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();

-- Checkouts: what was asked of a provider stands; its answer is filled in.
CREATE TRIGGER billing_checkout_is_never_deleted
    BEFORE DELETE ON billing_checkout
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_checkout_is_never_truncated
    BEFORE TRUNCATE ON billing_checkout
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_checkout_is_frozen
    BEFORE UPDATE ON billing_checkout
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'provider_payment_id', 'url', 'invoice_link', 'payload', 'answered_at');

-- What was paid and what of it went back may be judged anew: a lost dispute is won after all, a verdict comes late.
CREATE OR REPLACE FUNCTION billing_refuse_invoice_step() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (OLD.status, NEW.status) NOT IN (
        ('pending', 'paid'), ('pending', 'expired'), ('pending', 'cancelled'),
        -- Money that comes late is still honoured.
        ('expired', 'paid'),
        ('paid', 'partially_refunded'), ('paid', 'refunded'),
        ('partially_refunded', 'refunded'), ('partially_refunded', 'paid'),
        ('refunded', 'partially_refunded'), ('refunded', 'paid')
    ) OR (OLD.paid_at IS NOT NULL AND (NEW.paid_at, NEW.number_year, NEW.number_in_year)
            IS DISTINCT FROM (OLD.paid_at, OLD.number_year, OLD.number_in_year)) THEN
        RAISE EXCEPTION 'an invoice does not go from % to %', OLD.status, NEW.status
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
