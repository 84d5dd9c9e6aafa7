"""`python -m api.worker`: the worker with its settings from the environment."""

import sys

from api.adapters.bundle_files import BundleUnreadable
from api.adapters.server_checks import UnsuitableStore
from api.compiled import ModulesOutOfDate, see_that_modules_are_up_to_date
from api.ingestion.kafka_settings import KafkaUnusable
from api.security import SecretsUnusable
from api.settings import Settings
from api.worker.run import run
from engine.errors import RuleErrors

if __name__ == "__main__":
    try:
        see_that_modules_are_up_to_date()
        run(Settings())
    except (RuleErrors, BundleUnreadable, KafkaUnusable, ModulesOutOfDate, SecretsUnusable, UnsuitableStore) as error:
        sys.exit(str(error))
