"""The wire's shapes of what ties customers to others: merges, relations and memberships of groups."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from api.forms import Form, NameText, OpaqueText

RecordText = Annotated[str, Field(min_length=1, max_length=256, examples=["C0000002", "cards:K17"])]
"""A customer's id, or an identity as `scheme:value`."""
NoteText = Annotated[str, Field(max_length=256)]


class Term(Form):
    """From a day to a day, whole days in the bank's zone, both included."""

    start: date | None = None
    """Absent: today for a membership, nobody knows for a relation."""
    end: date | None = None

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError("`end` lies before `start`")
        return self


class MergeForm(Form):
    """Another record is this customer's as well."""

    loser: RecordText
    """Whose record ends."""
    by: NoteText | None = None
    """Who decided it; absent: the caller."""
    why: NoteText = ""


class SeparationForm(Form):
    """This record is a customer of its own after all."""

    by: NoteText | None = None
    why: NoteText = ""


class MergeStepView(BaseModel):
    """How far a merge was when."""

    state: str
    at: datetime


class MergeView(BaseModel):
    """One merge with its reversal, if it was reversed."""

    merge_id: str
    loser: str
    winner: str
    state: str
    steps: list[MergeStepView]
    by: str
    why: str


class MergesView(BaseModel):
    """Every merge that a record took part in, on either side, oldest first."""

    merges: list[MergeView]


class RelationForm(Term):
    """Whom the customer is related to; stored again, it replaces the one of the same kind to the same."""

    kind: NameText
    to: OpaqueText | None = None
    """Absent: nobody; it says that there is no relation of this kind but for those that are named."""


class RelationReceipt(BaseModel):
    """How a relation was taken."""

    kind: str | None
    to: str | None
    status: Literal["stored", "refused"]
    problem: dict[str, Any] | None = None


class MemberForm(Term):
    """A customer who belongs to the group; stored again with the same start, it replaces what was."""

    customer: RecordText


class MemberReceipt(BaseModel):
    """How a membership was taken."""

    customer: str | None
    status: Literal["stored", "ended", "refused"]
    problem: dict[str, Any] | None = None
