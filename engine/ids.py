"""The names that identify things, each with a type of its own so that two strings cannot be swapped."""

from typing import NewType

ActionId = NewType("ActionId", str)
ChannelId = NewType("ChannelId", str)
CustomerId = NewType("CustomerId", str)
EventName = NewType("EventName", str)
FactName = NewType("FactName", str)
GroupId = NewType("GroupId", str)
MomentId = NewType("MomentId", str)
PlacementId = NewType("PlacementId", str)
ProductId = NewType("ProductId", str)
RuleId = NewType("RuleId", str)
"""A rule's kind and id, `theme/home_buying`; unique in a bundle."""
TreatmentId = NewType("TreatmentId", str)
