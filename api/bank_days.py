"""Whole days in the bank's zone, as seconds since the epoch."""

from datetime import date, datetime, time, timedelta

from engine.plan import Plan


def first_second(plan: Plan, day: date) -> int:
    """When a day begins."""
    return int(datetime.combine(day, time(), plan.zone).timestamp())


def end_of(plan: Plan, day: date) -> int:
    """When a day is over."""
    return first_second(plan, day + timedelta(days=1))


def today_of(plan: Plan, now_s: float) -> date:
    """The bank's day at an instant."""
    return datetime.fromtimestamp(now_s, plan.zone).date()
