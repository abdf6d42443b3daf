"""What gunicorn itself says, as the lines that the rest of the house writes."""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger

from core import logs
from core.log_lines import LineHandler


class WebLog(Logger):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn's logger, whose lines are JSON as well and wait for nobody."""

    def setup(self, cfg: Any) -> None:  # Any: gunicorn carries no types
        """Called by gunicorn with its settings."""
        super().setup(cfg)
        handler = LineHandler()
        handler.setFormatter(logs.formatter())
        log: logging.Logger = self.error_log
        log.handlers[:] = [handler]
