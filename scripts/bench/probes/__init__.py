"""Questions that are asked inside a Django of their own: each prints its answer as JSON."""
