"""The consent of two records that turn out to be one person's: whatever either refuses stays refused.

INVARIANT: what is joined allows nothing that either of two customers would not be allowed alone. Somebody not known yet
was never asked: without an answer of theirs the customer's consent stands.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from api.adapters.records import decode_consent, encode_consent
from api.merging.entries import STANDING, Image, Merge
from engine.facts import Consent


def stricter(ours: Image, theirs: Image) -> bytes | None:
    """The stricter of two consents, under the later of their versions; None where nobody was asked."""
    if ours.consent is None and theirs.consent is None:
        return None
    if theirs.consent is None and not theirs.known:
        return ours.consent
    if ours.consent is None and not ours.known:
        return theirs.consent
    return encode_consent(_stricter(decode_consent(ours.consent), decode_consent(theirs.consent)))


def _stricter(ours: Consent, theirs: Consent) -> Consent:
    allowed: dict[str, dict[str, bool]] = {}
    for purpose in {**ours.allowed_by_purpose, **theirs.allowed_by_purpose}:
        of_ours, of_theirs = (each.allowed_by_purpose.get(purpose, {}) for each in (ours, theirs))
        answers = {channel: (of_ours.get(channel), of_theirs.get(channel)) for channel in {**of_ours, **of_theirs}}
        # A yes that the other never said is no answer: what applies without one then applies.
        allowed[purpose] = {
            channel: False not in pair for channel, pair in answers.items() if False in pair or None not in pair
        }
    objections = (ours.profiling_objection, theirs.profiling_objection)
    return Consent(
        version=max(ours.version, theirs.version),
        allowed_by_purpose=allowed,
        profiling_objection=True if True in objections else None if None in objections else False,
    )


def without(merges: Sequence[Merge], taken_out: Merge, in_force: bytes | None) -> tuple[bytes | None, list[Merge]]:
    """The winner's consent without one merge, and the later merges as they then read.

    Where the customer has spoken since, what they said stays in force as it is.
    """
    assert taken_out.before is not None
    standing = [each for each in merges if each.state in STANDING]
    later = standing[[each.merge_id for each in standing].index(taken_out.merge_id) + 1 :]
    was, now = taken_out.joined_consent, taken_out.before.consent
    again: list[Merge] = []
    for at, each in enumerate(later):
        assert each.before is not None
        assert each.given is not None
        if each.before.consent != was:
            return in_force, [*again, *later[at:]]
        before = replace(each.before, consent=now)
        was, now = each.joined_consent, stricter(before, each.given)
        again.append(replace(each, before=before, joined_consent=now))
    return (now if in_force == was else in_force), again


def unchanged_since(merges: Sequence[Merge], in_force: bytes | None) -> bool:
    """Whether the consent in force is the one that the last standing merge made."""
    standing = [each for each in merges if each.state in STANDING]
    return bool(standing) and standing[-1].joined_consent == in_force
