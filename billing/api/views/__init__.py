"""Billing's routes, by noun. Each checks who knocks and makes one call."""
