"""Questions to what core keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core import runtime_settings
from core.models import Setting
from core.runtime_settings import Definition


@dataclass(frozen=True, slots=True)
class SettingState:
    """
    A setting as it is now.

    :param row: what overrides the default; None where nothing does
    """

    definition: Definition[Any]
    row: Setting | None

    @property
    def value(self) -> Any:
        """The value in force, as the table has it: no cache stands between."""
        return self.definition.of(self.row)


def list_settings() -> list[SettingState]:
    """Every setting that the code knows, by key. One query."""
    changed = Setting.objects.in_bulk()
    return [SettingState(each, changed.get(each.key)) for each in runtime_settings.definitions()]


def get_setting(key: str) -> SettingState:
    """
    One setting.

    :raises core.errors.SettingUnknown: the code has no such setting
    """
    definition = runtime_settings.definition(key)
    return SettingState(definition, Setting.objects.filter(pk=key).first())
