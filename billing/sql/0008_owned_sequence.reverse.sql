ALTER SEQUENCE billing_transaction_position_seq OWNED BY NONE;
