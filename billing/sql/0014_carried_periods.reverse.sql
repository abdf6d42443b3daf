-- The migration before takes the tables away, and the wallets have kept their ends.
SELECT;
