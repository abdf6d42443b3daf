"""Billing's objects as the API writes and reads them, by noun."""
