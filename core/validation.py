"""Saving rows whose fields people have typed."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model

from core.errors import ValidationFailed


def save_checked(row: Model, save: Callable[[], object]) -> None:
    """
    Save a row, or say by field what is wrong with it. Its constraints are the database's to judge, in one statement;
    where it says no they are asked one by one, each by a statement of its own, whose fault it was.

    :param save: saves it, and perhaps others that are like it; all or nothing
    :raises core.errors.ValidationFailed: a field is not valid, by name
    :raises django.db.IntegrityError: it is refused by what only stands in the database
    """
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
        try:
            with transaction.atomic():
                save()
        except IntegrityError:
            row.validate_constraints()
            raise
    except ValidationError as invalid:
        raise ValidationFailed(fields=invalid.message_dict) from invalid
