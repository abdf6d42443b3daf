CREATE OR REPLACE FUNCTION billing_refuse_invoice_step() RETURNS trigger
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
DROP TRIGGER billing_checkout_is_frozen ON billing_checkout;
DROP TRIGGER billing_checkout_is_never_truncated ON billing_checkout;
DROP TRIGGER billing_checkout_is_never_deleted ON billing_checkout;
DROP TRIGGER billing_dispute_is_audited ON billing_dispute;
DROP TRIGGER billing_dispute_is_frozen ON billing_dispute;
DROP TRIGGER billing_dispute_is_never_truncated ON billing_dispute;
DROP TRIGGER billing_dispute_is_never_deleted ON billing_dispute;
DROP TRIGGER billing_refund_is_audited ON billing_refund;
DROP TRIGGER billing_refund_is_closed_once ON billing_refund;
DROP TRIGGER billing_refund_is_frozen ON billing_refund;
DROP TRIGGER billing_refund_is_never_truncated ON billing_refund;
DROP TRIGGER billing_refund_is_never_deleted ON billing_refund;
DROP TRIGGER billing_payment_that_arrived_stays_what_it_was ON billing_payment;
DROP TRIGGER billing_payment_is_frozen ON billing_payment;
DROP TRIGGER billing_paymentevent_is_never_truncated ON billing_paymentevent;
DROP TRIGGER billing_paymentevent_is_append_only ON billing_paymentevent;
CREATE TRIGGER billing_payment_is_frozen
    BEFORE UPDATE ON billing_payment
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change('status');
