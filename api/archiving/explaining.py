"""`python -m api.archiving.explaining`: tells of one archived decision, in a process of its own beside the requests.

It reads the decision's id from standard input and writes a `Told` to standard output. Finding it, bringing its rules
and model back and deciding again takes a second or two of a processor, which no request may feel.
"""

import sys

import msgspec

from api import decision_record
from api.archiving.files import ARCHIVE
from api.archiving.finding import recorded
from api.archiving.known import Known
from api.archiving.makers import Makers, NotHere
from api.archiving.replaying import explained, replayed
from api.archiving.told import NO_SUCH, Told
from api.bootstrap import release
from api.security import open_secrets
from api.serving import RecordUnreadable
from api.settings import Settings

_GONE = {
    "rules": "the rules that made it are not in the data folder of this server",
    "model": "the model that made it is not in the data folder of this server",
}


def told(settings: Settings, decision_id: str) -> Told:
    """What the archive tells of a decision."""
    archive = settings.data_dir / ARCHIVE
    found = recorded(archive, decision_id)
    if found is None:
        return NO_SUCH
    makers = Makers(settings, open_secrets(settings), Known(archive))
    try:
        explanation = explained(makers, found)
    except NotHere as gone:
        return Told(refused=_GONE[gone.missing])
    except (RecordUnreadable, KeyError, ValueError):
        return Told(refused=_other_release(found) or "its record cannot be read any more")
    # By the scores that it was made with: an explanation of anything but the very decision would mislead.
    if replayed(makers, found, rescored=False).problem is not None:
        return Told(refused=_other_release(found) or "made again, it is not the same; `nextbest replay` says where")
    return Told(explanation=msgspec.Raw(explanation))


def _other_release(found: bytes) -> str | None:
    try:
        made_by = decision_record.decode(found).release
    except ValueError:
        return None
    return None if made_by == release() else f"it was made by release {made_by}, and this is {release()}"


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(told(Settings(), sys.stdin.readline().strip())))
