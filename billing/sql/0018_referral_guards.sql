-- Referrals: bound when somebody is first seen, for good.
CREATE TRIGGER billing_referral_is_never_deleted
    BEFORE DELETE ON billing_referral
    FOR EACH ROW EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_referral_is_never_truncated
    BEFORE TRUNCATE ON billing_referral
    FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change();
CREATE TRIGGER billing_referral_is_frozen
    BEFORE UPDATE ON billing_referral
    FOR EACH ROW EXECUTE FUNCTION core_refuse_frozen_change(
        'state', 'reward_tokens', 'payment_id', 'qualified_at', 'matures_at', 'lot_id', 'rewarded_at', 'reversed_at');
CREATE TRIGGER billing_referral_is_audited
    AFTER INSERT OR UPDATE OR DELETE ON billing_referral
    FOR EACH ROW EXECUTE FUNCTION audit_record_row();

-- A reward is earned once, by one payment, and given once; it comes and goes with the money of that payment, which a
-- dispute may bring back: then it is given as another row.
CREATE FUNCTION billing_refuse_referral_step() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('pending', 'qualified'), ('qualified', 'rewarded'), ('qualified', 'reversed'), ('rewarded', 'reversed'),
        ('reversed', 'qualified'), ('reversed', 'rewarded')
    ) OR (OLD.state <> 'pending' AND (NEW.reward_tokens, NEW.payment_id, NEW.qualified_at, NEW.matures_at)
            IS DISTINCT FROM (OLD.reward_tokens, OLD.payment_id, OLD.qualified_at, OLD.matures_at))
      OR (OLD.lot_id IS NOT NULL AND NEW.rewarded_at IS DISTINCT FROM OLD.rewarded_at)
      OR (OLD.lot_id IS NOT NULL AND NEW.lot_id IS DISTINCT FROM OLD.lot_id
            AND (OLD.state, NEW.state) <> ('reversed', 'rewarded'))
      OR (OLD.lot_id IS NULL AND (OLD.state, NEW.state) = ('reversed', 'rewarded'))
    THEN
        RAISE EXCEPTION 'a referral does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER billing_referral_state_follows_its_edges
    BEFORE UPDATE ON billing_referral
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_referral_step();

-- Nobody is brought by somebody whom they have brought, however far apart. Those who bind at one moment take turns, or
-- neither would see the other's row; the lock is taken last, after the person's own row, and lasts until the end.
CREATE FUNCTION billing_refuse_referral_cycle() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('billing_referral', 0));
    IF EXISTS (
        WITH RECURSIVE above AS (
            SELECT NEW.referrer_id AS id
            UNION
            SELECT r.referrer_id FROM above JOIN billing_referral r ON r.referred_id = above.id
        )
        SELECT FROM above WHERE id = NEW.referred_id AND NEW.referred_id <> NEW.referrer_id
    ) THEN
        RAISE EXCEPTION 'the referrer was brought by whom they refer'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER billing_referral_has_no_cycle
    BEFORE INSERT ON billing_referral
    FOR EACH ROW EXECUTE FUNCTION billing_refuse_referral_cycle();

-- Whoever was brought before there were referrals, and has paid nothing yet.
INSERT INTO billing_referral (id, referrer_id, referred_id, state, reward_tokens)
    SELECT gen_random_uuid(), u.referred_by_id, u.id, 'pending', 0 FROM accounts_user u
    WHERE u.referred_by_id IS NOT NULL AND u.referred_by_id <> u.id AND NOT EXISTS (
        SELECT FROM billing_payment p
        JOIN billing_invoice i ON i.id = p.invoice_id JOIN billing_wallet w ON w.id = i.wallet_id
        WHERE w.user_id = u.id AND p.outcome = 'credited' AND p.amount > 0)
    ORDER BY u.created_at, u.id;
