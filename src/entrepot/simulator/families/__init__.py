"""Families of generated tasks: each file makes one kind of task in English and in Chinese, with its answer key.

May import what the simulator may. Start at `base.py`; `ALL` below is the order in which tasks are dealt.
"""

from entrepot.simulator.families import arithmetic, calendar, code, extraction, lookup, ordering, steps, ticket
from entrepot.simulator.families.base import Family

ALL: tuple[Family, ...] = (
    arithmetic.FAMILY,
    ticket.FAMILY,
    lookup.FAMILY,
    steps.FAMILY,
    extraction.FAMILY,
    calendar.FAMILY,
    ordering.FAMILY,
    code.FAMILY,
)
