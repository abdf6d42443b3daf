-- So that it is found by its column, and goes with it.
ALTER SEQUENCE billing_transaction_position_seq OWNED BY billing_transaction.position;
