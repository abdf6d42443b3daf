-- Comparisons with providers' books: tried until they are finished, then never changed.
CREATE TRIGGER billing_providerstatement_is_never_deleted
    BEFORE DELETE ON billing_providerstatement
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_providerstatement_is_never_truncated
    BEFORE TRUNCATE ON billing_providerstatement
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_providerstatement_is_frozen
    BEFORE UPDATE ON billing_providerstatement
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'until_at', 'matched', 'missing_here', 'missing_there', 'amount_differs', 'decided', 'error', 'finished_at');
CREATE TRIGGER billing_providerstatement_is_finished_once
    BEFORE UPDATE ON billing_providerstatement
    FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL)
    EXECUTE FUNCTION core_refuse_change();

-- What they found: open until it agrees or is decided, once.
CREATE TRIGGER billing_statementline_is_never_deleted
    BEFORE DELETE ON billing_statementline
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_statementline_is_never_truncated
    BEFORE TRUNCATE ON billing_statementline
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_statementline_is_frozen
    BEFORE UPDATE ON billing_statementline
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'verdict', 'our_amount', 'our_currency', 'their_amount', 'their_currency', 'payment_id', 'fact',
        'state', 'decided_by', 'decided_at', 'reason');
CREATE TRIGGER billing_statementline_is_decided_once
    BEFORE UPDATE ON billing_statementline
    FOR EACH ROW WHEN (OLD.state <> 'open')
    EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_statementline_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_statementline
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('fact');
