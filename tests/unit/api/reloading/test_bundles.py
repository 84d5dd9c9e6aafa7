"""What is kept of bundles, and for whom a compiled plan is good."""

import os
from pathlib import Path

import pytest

from api.reloading.bundles import Bundles
from tests.unit.api.shells import KEYS

FILES = {"bank.yaml": b"bank: b\n"}
HASH = "sha256:" + "ab" * 32


def bundles(folder: Path, root: str = "rules", token: bytes = b"t" * 32) -> Bundles:
    return Bundles(folder, type(KEYS)(token=token, exploration=KEYS.exploration, ids=KEYS.ids), root)


def test_bundle_that_served_is_kept(tmp_path: Path) -> None:
    """And whichever serves is named."""
    ours = bundles(tmp_path)
    assert (ours.current, ours.has(HASH), ours.files(HASH)) == (None, False, None)
    ours.keep(HASH, FILES)
    ours.make_current(HASH)
    again = bundles(tmp_path)
    assert (again.current, again.has(HASH), again.files(HASH)) == (HASH, True, FILES)


def test_damaged_bundle_is_as_good_as_none(tmp_path: Path) -> None:
    """Rules on disk are still there."""
    bundles(tmp_path).keep(HASH, FILES)
    (archive,) = (tmp_path / "bundles").glob("*.nextbest")
    archive.write_bytes(b"")
    assert bundles(tmp_path).files(HASH) is None


def test_plan_is_handed_over_under_a_seal(tmp_path: Path) -> None:
    """It is code: nobody without the installation's key can slip one in, and none serves under another name."""
    bundles(tmp_path).stage(HASH, b"plan")
    assert bundles(tmp_path).staged(HASH) == b"plan"
    assert bundles(tmp_path, token=b"x" * 32).staged(HASH) is None
    (staged,) = (tmp_path / "bundles").glob("*.plan")
    staged.rename(staged.with_name(staged.name.replace("ab", "cd")))
    assert bundles(tmp_path).staged(HASH.replace("ab", "cd")) is None


def test_changed_plan_is_not_unpacked(tmp_path: Path) -> None:
    """One byte is enough."""
    bundles(tmp_path).stage(HASH, b"plan")
    (staged,) = (tmp_path / "bundles").glob("*.plan")
    staged.write_bytes(staged.read_bytes()[:-1] + b"N")
    assert bundles(tmp_path).staged(HASH) is None


def test_plan_that_names_its_places_otherwise_is_another(tmp_path: Path) -> None:
    """Explanations point into the folder as this process calls it."""
    bundles(tmp_path).stage(HASH, b"plan")
    assert bundles(tmp_path, root="elsewhere/rules").staged(HASH) is None


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """Whoever may write them decides what serves."""
    ours = bundles(tmp_path)
    ours.keep(HASH, FILES)
    ours.stage(HASH, b"plan")
    ours.make_current(HASH)
    ours.note_verdict(HASH, None, b"{}")
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "bundles").rglob("*") if path.is_file()} == {0}


def test_plans_and_verdicts_do_not_pile_up(tmp_path: Path) -> None:
    """Bundles stay as long as decisions; what was made of them does not."""
    ours = bundles(tmp_path)
    for number in range(40):
        ours.stage(f"sha256:{number:064x}", b"plan")
        ours.note_verdict(f"sha256:{number:064x}", HASH, b"{}")
    assert len(list((tmp_path / "bundles").glob("*.plan"))) == 4
    assert len(list((tmp_path / "bundles" / "judged").glob("*.json"))) == 32
    assert ours.verdict(f"sha256:{39:064x}", HASH) == b"{}"
    assert ours.verdict(f"sha256:{39:064x}", None) is None


def test_hash_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """A name is no path."""
    with pytest.raises(ValueError, match="not the hash of a bundle"):
        bundles(tmp_path).files("sha256:../../etc")


def test_what_several_processes_find_is_told_by_one(tmp_path: Path) -> None:
    """Until something else is found, and somebody who looks much later tells it again."""
    first, second = bundles(tmp_path), bundles(tmp_path)
    assert first.first_to_tell("refused", HASH, 1)
    assert not second.first_to_tell("refused", HASH, 1)
    assert second.first_to_tell("sound", HASH, 0)
    assert first.first_to_tell("refused", HASH, 1)
    (told,) = (tmp_path / "bundles").glob("told-*")
    os.utime(told, (0, 0))
    assert second.first_to_tell("refused", HASH, 1)
