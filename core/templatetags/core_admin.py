"""What templates of Admin need to show values as :mod:`core.admin.display` does."""

from django import template

from core.admin import display

register = template.Library()

register.filter("moment", display.moment)
register.filter("number", display.number)
register.filter("money", display.money)
register.filter("signed", display.signed)
