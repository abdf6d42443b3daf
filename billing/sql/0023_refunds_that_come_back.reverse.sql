DROP TRIGGER billing_refund_is_closed_once ON billing_refund;
CREATE TRIGGER billing_refund_is_closed_once
    BEFORE UPDATE ON billing_refund
    FOR EACH ROW WHEN (OLD.state <> 'pending'
        AND (OLD.state, OLD.provider_refund_id, OLD.closed_at, OLD.failure)
            IS DISTINCT FROM (NEW.state, NEW.provider_refund_id, NEW.closed_at, NEW.failure))
    EXECUTE FUNCTION core_refuse_change();
