from messaging.models.bot_pause import BotPause
from messaging.models.bot_update import BotUpdate

__all__ = ["BotPause", "BotUpdate"]
