"""The names under which everything lies. The braces make one slot of a partition, so one script may touch all of it."""

from typing import Final

from api.ports import CustomerKey, Identity, RequestClaim, Stream

DAY_S: Final = 86_400
SCHEMAS: Final = "schemas"
"""Hash of profile schemas: their columns by their hash."""
LAYOUTS: Final = "layouts"
"""Hash of event layouts: their filters by their hash."""
FOLDING: Final = "folding"
"""Hash of the instants since which events are folded under a layout, by its hash; `NOW` names the latest of them."""
ARCHIVE: Final = "archive"
"""Which archive the store's records go into."""
NOW: Final = "now"
MERGING: Final = "merging"
"""Hash of the merges that are going on: their losers by id."""


def record(key: CustomerKey) -> str:
    return f"c:{{{key.partition}}}:{key.record}"


def orders(key: CustomerKey) -> str:
    """Hash of the orders on which there is a report, by order id."""
    return f"o:{{{key.partition}}}:{key.record}"


def holds(partition: int) -> str:
    """Hash of who works on which of the orders that wait, by order id."""
    return f"h:{{{partition}}}"


def times(branch: str) -> str:
    """Hash of the times at which customers come to a branch, by order id."""
    return f"a:{{{branch}}}:times"


def merges(key: CustomerKey) -> str:
    """The merges that a record took part in, on either side."""
    return f"m:{{{key.partition}}}:{key.record}"


def relations(key: CustomerKey) -> str:
    """Hash of a record's relations, by kind and whom they lead to."""
    return f"r:{{{key.partition}}}:{key.record}"


ANY_RELATIONS: Final = "r:{*}:*"
"""What the names of all hashes of relations look like."""


def key_of_relations(name: bytes) -> CustomerKey:
    """Whose relations a name is of."""
    partition, _, record = name.decode().removeprefix("r:{").partition("}:")
    return CustomerKey(int(partition), record)


def record_prefix(partition: int) -> str:
    """What the names of a partition's records begin with."""
    return f"c:{{{partition}}}:"


ANY_RECORD: Final = "c:{*}:*"
"""What the names of all records look like."""


def key_of_record(name: bytes) -> CustomerKey:
    """Whose record a name is."""
    partition, _, record = name.decode().removeprefix("c:{").partition("}:")
    return CustomerKey(int(partition), record)


def claim(key: CustomerKey, claimed: RequestClaim) -> str:
    """Scoped to the customer; the length keeps `a` + `b:c` apart from `a:b` + `c`."""
    return f"q:{{{key.partition}}}:{len(key.record)}:{key.record}:{claimed.request_id}"


def stream(kind: Stream, partition: int) -> str:
    return f"{kind.value}:{{{partition}}}"


def partition_of(stream_name: bytes) -> int:
    return int(stream_name[stream_name.index(b"{") + 1 : stream_name.index(b"}")])


def seen(partition: int, what: str, day: int) -> str:
    """The hashes seen on a day: `o` of outcomes and orders by the decision's day, or of a stream by day of receipt."""
    return f"seen:{{{partition}}}:{what}:{day}"


def owner(partition: int) -> str:
    return f"own:{{{partition}}}"


def held(partition: int) -> str:
    """The units of budgets that offers hold, by the instant at which their time is over."""
    return f"held:{{{partition}}}"


def settled(partition: int) -> str:
    """Units whose time is over, until their budgets are told what became of them."""
    return f"settled:{{{partition}}}"


def drawn(partition: int, lease: str) -> str:
    """How much commits in a partition have drawn of a lease."""
    return f"drawn:{{{partition}}}:{lease}"


def budget(name: str) -> str:
    """Hash of a budget: what is taken, spent, of today and of channels."""
    return f"b:{{{name}}}:state"


def leases(name: str) -> str:
    """Hash of the leases on a budget that nobody has ended."""
    return f"b:{{{name}}}:leases"


def past(key: CustomerKey) -> str:
    """What the archive knows of a record's events, while somebody is to rebuild its state."""
    return f"past:{{{key.partition}}}:{key.record}"


def due(partition: int) -> str:
    return f"due:{{{partition}}}"


def identity(of: Identity) -> str:
    return f"id:{{{of.scheme}:{of.value}}}"
