-- A refund is closed once, and one that was made may still fail: the payer's bank sends its money back. That is its end.
DROP TRIGGER billing_refund_is_closed_once ON billing_refund;
CREATE TRIGGER billing_refund_is_closed_once
    BEFORE UPDATE ON billing_refund
    FOR EACH ROW WHEN (OLD.state <> 'pending'
        AND (OLD.state, OLD.provider_refund_id, OLD.closed_at, OLD.failure)
            IS DISTINCT FROM (NEW.state, NEW.provider_refund_id, NEW.closed_at, NEW.failure)
        AND (OLD.state, NEW.state, NEW.provider_refund_id)
            IS DISTINCT FROM ('succeeded', 'failed', OLD.provider_refund_id))
    EXECUTE FUNCTION core_refuse_change();
