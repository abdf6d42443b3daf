from core.models.export import Export
from core.models.idempotency import IdempotencyRecord
from core.models.job import Job
from core.models.setting import Setting
from core.models.throttle import Throttle

__all__ = ["Export", "IdempotencyRecord", "Job", "Setting", "Throttle"]
