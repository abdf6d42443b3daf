-- Attempts to pay: what was asked of a provider stands; its answer is filled in, and the end comes once.
DROP TRIGGER billing_checkout_is_frozen ON billing_checkout;
CREATE TRIGGER billing_checkout_is_frozen
    BEFORE UPDATE ON billing_checkout
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'provider_payment_id', 'url', 'invoice_link', 'payload', 'answered_at', 'polled_at', 'closed_at');
CREATE TRIGGER billing_checkout_is_closed_once
    BEFORE UPDATE ON billing_checkout
    FOR EACH ROW WHEN (OLD.closed_at IS NOT NULL AND OLD.closed_at IS DISTINCT FROM NEW.closed_at)
    EXECUTE FUNCTION core_refuse_change();

-- Those of before: payments that were cancelled, and charges without an address to pay at, which nobody can resume.
UPDATE billing_checkout SET closed_at = core_now()
WHERE answered_at IS NOT NULL AND (
    (provider_payment_id = '' AND url = '' AND invoice_link = '')
    OR EXISTS (
        SELECT FROM billing_paymentevent AS told
        WHERE told.provider = billing_checkout.provider AND told.kind = 'cancelled'
            AND told.provider_payment_id = billing_checkout.provider_payment_id
    )
);
