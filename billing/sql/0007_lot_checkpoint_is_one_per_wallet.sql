-- Of several checkpoints of a wallet only the latest bounds a replay.
DELETE FROM billing_lotcheckpoint older
USING billing_lotcheckpoint newer
WHERE newer.wallet_id = older.wallet_id AND newer.sequence > older.sequence;
