"""
Outside services that are made up: Telegram's Bot API and payment providers, over real HTTP, for tests and for trying
Dvorik out. They check what they are asked as strictly as the real ones do, and do on demand what the real ones do on
bad days.
"""
