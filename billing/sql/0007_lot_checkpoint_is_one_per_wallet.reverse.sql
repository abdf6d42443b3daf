-- What was deleted is derived from the ledger; nothing is to be put back.
SELECT;
