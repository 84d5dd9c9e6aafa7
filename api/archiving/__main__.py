"""`python -m api.archiving`: the archiver with its settings from the environment."""

import sys

from api.adapters.server_checks import UnsuitableStore
from api.archiving.errors import ArchiveBusy, ArchiveDamaged
from api.archiving.run import run
from api.security import SecretsUnusable
from api.settings import Settings

if __name__ == "__main__":
    try:
        run(Settings())
    except (ArchiveBusy, ArchiveDamaged, SecretsUnusable, UnsuitableStore) as error:
        sys.exit(str(error))
