"""Ways out of the house for what operators must hear. None of them is called inside a transaction."""
