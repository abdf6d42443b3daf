"""Dates as Russians write them, all of one width."""

DATE_FORMAT = "d.m.Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "d.m.Y H:i"
MONTH_DAY_FORMAT = "j b"
