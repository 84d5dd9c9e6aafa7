"""Finds the customers that what somebody typed, or a card in a reader, may mean."""

from collections.abc import Sequence
from typing import Final

from api.deadline import Deadline
from api.ports import Identity, key_of
from api.routes.reading import unless_unavailable
from api.service_port import Shell
from engine.ids import CustomerId

MAX_FOUND: Final = 20
MAX_TYPED: Final = 200
BY_ID: Final = "customer_id"
BY_NAME: Final = "name"


async def find_customers(shell: Shell, typed: str) -> Sequence[CustomerId]:
    """Who is meant, by the first of the schemes of `find_by` under which anybody is known.

    A name is looked for in small letters with single spaces, as it is loaded.

    Raises:
        Problem: the store is away.
    """
    words = " ".join(typed.split())[:MAX_TYPED]
    deadline = Deadline.within(shell.settings.write_timeout_ms).deadline
    for scheme in shell.settings.find_by.split(",") if words else ():
        value = words.casefold() if scheme == BY_NAME else words
        resolving = shell.customers.resolve([Identity(scheme, value)], deadline=deadline)
        found = (await unless_unavailable(shell, "resolve", resolving)).customers
        if scheme == BY_ID:
            found = tuple([each for each in found if await _exists(shell, each, deadline)])
        if found:
            return found[:MAX_FOUND]
    return ()


async def _exists(shell: Shell, customer: CustomerId, deadline: float) -> bool:
    gathering = shell.customers.gather(key_of(customer), None, deadline=deadline)
    return (await unless_unavailable(shell, "gather", gathering)).record.owner is not None
