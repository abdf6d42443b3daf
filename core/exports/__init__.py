"""
Lists of Admin as files: what is exported is registered by the app that owns it, written page by page, and told of.

    LEDGER = register(name="ledger", title=_("Ledger"), columns=(Column(_("id"), lambda row: row.pk), …))

The page that names it as its ``export`` gets the button; its filters are the export's.
"""

from core.exports.registry import Column, Deed, Definition, definition, definitions, on_deed, register

__all__ = ["Column", "Deed", "Definition", "definition", "definitions", "on_deed", "register"]
