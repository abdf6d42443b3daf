"""Payment providers, each one file behind one small interface."""
