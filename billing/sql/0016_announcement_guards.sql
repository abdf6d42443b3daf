-- Announcements: what was told stays told.
CREATE TRIGGER billing_announcement_is_append_only
    BEFORE UPDATE OR DELETE ON billing_announcement
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_announcement_is_never_truncated
    BEFORE TRUNCATE ON billing_announcement
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();

-- Endpoints: changed and removed, never deleted; their secrets stay out of the audit log.
CREATE TRIGGER billing_webhookendpoint_is_never_deleted
    BEFORE DELETE ON billing_webhookendpoint
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_webhookendpoint_is_never_truncated
    BEFORE TRUNCATE ON billing_webhookendpoint
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_webhookendpoint_is_frozen
    BEFORE UPDATE ON billing_webhookendpoint
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'url', 'events', 'description', 'is_active', 'secret', 'previous_secret', 'previous_secret_ends_at',
        'removed_at');
CREATE TRIGGER billing_webhookendpoint_is_removed_for_good
    BEFORE UPDATE ON billing_webhookendpoint
    FOR EACH ROW WHEN (OLD.removed_at IS NOT NULL)
    EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_webhookendpoint_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_webhookendpoint
    FOR EACH ROW EXECUTE FUNCTION audit_record_row('secret', 'previous_secret');

-- Deliveries: they move on, and are never forgotten. Attempts are counted up.
CREATE TRIGGER billing_webhookdelivery_is_never_deleted
    BEFORE DELETE ON billing_webhookdelivery
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_webhookdelivery_is_never_truncated
    BEFORE TRUNCATE ON billing_webhookdelivery
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_webhookdelivery_is_frozen
    BEFORE UPDATE ON billing_webhookdelivery
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'state', 'attempts', 'next_attempt_at', 'gives_up_at', 'lease', 'last_status', 'last_error', 'delivered_at');
CREATE TRIGGER billing_webhookdelivery_attempts_are_never_taken_back
    BEFORE UPDATE ON billing_webhookdelivery
    FOR EACH ROW WHEN (NEW.attempts < OLD.attempts)
    EXECUTE FUNCTION core_refuse_change();

-- Balances that are low already when the house learns to look are no news.
INSERT INTO billing_lowbalancecheckpoint (wallet_id, sequence, balance)
    SELECT id, balance_version, token_balance FROM billing_wallet;
