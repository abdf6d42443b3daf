from core.models.job import Job
from core.models.setting import Setting

__all__ = ["Job", "Setting"]
