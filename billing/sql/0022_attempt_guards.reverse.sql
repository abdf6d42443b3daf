DROP TRIGGER billing_checkout_is_closed_once ON billing_checkout;
DROP TRIGGER billing_checkout_is_frozen ON billing_checkout;
CREATE TRIGGER billing_checkout_is_frozen
    BEFORE UPDATE ON billing_checkout
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'provider_payment_id', 'url', 'invoice_link', 'payload', 'answered_at');
