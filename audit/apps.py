from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = _("Audit")

    def ready(self) -> None:
        from audit import receivers, sealing
        from audit.models import AuditLog
        from core import exports, jobs, limits, time_limits

        sealing.register(AuditLog, ordering="id")
        jobs.on_dead_letter(receivers.tell_of_dead_letter)
        jobs.on_decision(receivers.record_decision)
        exports.on_deed(receivers.record_export)
        limits.on_outage(receivers.tell_of_limits_away)
        limits.on_reached(receivers.tell_of_limit_reached)
        time_limits.on_ended(receivers.tell_of_ended_transaction)
