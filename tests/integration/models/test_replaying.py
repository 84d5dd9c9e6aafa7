"""A decision that a trained model ranked comes out the same from its record, with the scores found again."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from api import decision_log, decision_record
from api.adapters.record_reader import RecordReader
from api.adapters.records import encode_consent, encode_profile
from api.archiving.files import ARCHIVE
from api.archiving.known import Known
from api.archiving.makers import Makers
from api.archiving.replaying import replayed
from api.bootstrap import bundles_of, release
from api.ports import StoredRecord, key_of
from api.security import open_secrets
from api.serving import Serving
from api.settings import Settings
from api.tokens import TokenCodec
from engine.compiler.bundle import hash_of
from engine.facts import Consent
from engine.pipeline import decide
from models.baseline import Baseline
from tests.builders import a_question
from tests.integration.models.conftest import Installation
from tests.integration.models.test_parity import Files
from tests.unit.models.banks import PLACES, rule_files

AT_US = 1_790_000_000_123_456
NOW = datetime.fromtimestamp(AT_US / 1_000_000, UTC)


def test_decisions_ranked_by_a_trained_model_replay_to_the_last_byte(
    installation: Installation, tmp_path: Path
) -> None:
    """What made them is brought back from disk, by the versions that their records name."""
    settings = Settings(data_dir=tmp_path)
    keys = open_secrets(settings)
    shutil.copytree(installation.models_dir, tmp_path / "models")
    bundles_of(settings, keys).keep(hash_of(rule_files()), rule_files())
    plan = installation.plan
    serving = Serving(
        plan=plan,
        scorer=installation.model.bind(plan),
        baseline=Baseline(plan, installation.model.learned, installation.model.version),
        reader=RecordReader(plan.profile_schema, plan.event_layout),
        tokens=TokenCodec(keys),
        release=release(),
    )
    files = Files(installation)
    allowed = Consent(
        version=1, allowed_by_purpose={"marketing": dict.fromkeys(PLACES, True)}, profiling_objection=False
    )
    records = []
    for name in files.names[:100]:
        stored = StoredRecord(
            profile=encode_profile(plan.profile_schema, files.profile(name, NOW)),
            consent=encode_consent(allowed),
            owner=name.encode(),
        )
        for channel, places in PLACES.items():
            question = a_question(plan, f"{channel}.{next(iter(places))}", customer=name)
            decision = decide(
                plan=plan,
                request=question,
                snapshot=serving.reader.read(stored),
                scorer=serving.scorer,
                baseline=serving.baseline,
                now=NOW,
                exploration_key=keys.exploration,
            )
            records.append(
                decision_log.encode(
                    decision_id="00000000000000abcdef",
                    decided_at_us=AT_US,
                    origin=serving.origin,
                    key=key_of(name),
                    request=question,
                    moment=None if question.moment is None else str(plan.moments[question.moment]),
                    stored=stored,
                    known=True,
                    decision=decision,
                    actions=serving.action_ids,
                )
            )
    makers = Makers(settings, keys, Known(tmp_path / ARCHIVE))
    scored = [decision_record.decode(each) for each in records]
    assert {each.model for each in scored} == {installation.trained.version}
    assert len({score for each in scored for _, score in each.scores}) > 100
    assert {replayed(makers, each).problem for each in records} == {None}
