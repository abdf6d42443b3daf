from messaging.models.bot_update import BotUpdate

__all__ = ["BotUpdate"]
