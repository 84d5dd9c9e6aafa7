"""What a score reads before it looks at any tree: the customer's values, the season, past contacts."""

from collections.abc import Callable, Sequence
from datetime import datetime

from engine import Plan
from engine.contacts import Contact
from engine.facts import Held
from models.history import count_history
from models.propensity import PropensityModel
from models.reading import CustomerReader, season

RowReader = Callable[[Sequence[Held], Sequence[Contact], datetime], object]


def row_reader(model: PropensityModel, plan: Plan) -> RowReader:
    """A function that reads just that, from a profile, a contact history and an instant."""
    features = model.learned.features
    used = [features.customer[column] for column in model.forest.used if column < len(features.customer)]
    reader = CustomerReader(used, plan.profile_schema)
    groups = sorted({action.group for action in plan.actions})
    group_by_hash = {action.hash: groups.index(action.group) for action in plan.actions}

    def read(profile: Sequence[Held], contacts: Sequence[Contact], now: datetime) -> object:
        now_s = int(now.timestamp())
        return reader.read(profile), season(now_s), count_history(contacts, group_by_hash, now_s)

    return read
