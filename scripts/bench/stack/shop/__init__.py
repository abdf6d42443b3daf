"""Customers, wallets and a ledger, written with the ORM."""
