"""Rule files as they lie in folders, behind links and in built bundles."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from api.adapters import bundle_files
from api.adapters.bundle_files import BundleUnreadable, build_archive, read_archive, read_rules
from engine.compiler.bundle import MODEL, hash_of
from engine.compiler.parse import MAX_BYTES

FILES = {"bank.yaml": b"bank: b\n", "actions/isa.yaml": b"action: isa\n"}


def written(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_folder_holds_its_yaml_files_and_the_models_name(tmp_path: Path) -> None:
    """What editors leave beside them is passed over."""
    model = {MODEL: b"0" * 64}
    others = {
        "actions/.isa.yaml": b"",
        "actions/isa.yaml~": b"",
        ".git/x.yaml": b"",
        "actions/MODEL": b"",
        "a.txt": b"",
    }
    assert read_rules(written(tmp_path, {**FILES, **model, **others})) == {**FILES, **model}


def test_folder_as_kubernetes_mounts_it_is_read_through_its_links(tmp_path: Path) -> None:
    """The files are links into a hidden folder that is replaced as a whole."""
    written(tmp_path / "..2026_11_22")
    (tmp_path / "..data").symlink_to("..2026_11_22")
    for name in ("bank.yaml", "actions"):
        (tmp_path / name).symlink_to(Path("..data") / name)
    assert read_rules(tmp_path) == FILES


def test_file_of_another_ending_is_read_so_that_the_compiler_can_say_how_to_call_it(tmp_path: Path) -> None:
    """A rule file that is passed over in silence would be missed by nobody until a customer asks."""
    others = {"actions/card.yml": b"action: card\n", "actions/loan.YAML": b"action: loan\n"}
    assert read_rules(written(tmp_path, {**FILES, **others})) == {**FILES, **others}


def test_of_a_file_that_is_too_large_no_more_is_read_than_the_compiler_needs_to_refuse_it(tmp_path: Path) -> None:
    """However large it is; the other files are whole."""
    path = written(tmp_path) / "actions" / "large.yaml"
    with path.open("wb") as file:
        file.truncate(10**9)
    files = read_rules(tmp_path)
    assert len(files.pop("actions/large.yaml")) == MAX_BYTES + 1
    assert files == FILES


def test_what_is_no_ordinary_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    """A pipe would never end; everything that cannot be read is told at once."""
    os.mkfifo(written(tmp_path) / "actions" / "pipe.yaml")
    (tmp_path / "actions" / "gone.yaml").symlink_to("nowhere.yaml")
    with pytest.raises(BundleUnreadable) as refused:
        read_rules(tmp_path)
    here = tmp_path / "actions"
    assert str(refused.value).split("\n") == [f"{here}/gone.yaml is not there", f"{here}/pipe.yaml is no ordinary file"]


def test_folder_of_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it fills the memory."""
    monkeypatch.setattr(bundle_files, "_MOST_FILES", 1)
    with pytest.raises(BundleUnreadable, match="holds more than 1 files"):
        read_rules(written(tmp_path))


def test_link_that_leads_back_is_refused(tmp_path: Path) -> None:
    """It would be read for ever."""
    (written(tmp_path) / "actions" / "again").symlink_to(tmp_path)
    with pytest.raises(BundleUnreadable, match="leads back"):
        read_rules(tmp_path)


def test_built_bundle_gives_the_same_files_and_is_the_same_each_time(tmp_path: Path) -> None:
    """Whatever order they came in, whenever it was built."""
    built = build_archive(FILES)
    assert build_archive(dict(reversed(FILES.items()))) == built
    path = tmp_path / "rules.nextbest"
    path.write_bytes(built)
    assert read_rules(path) == FILES


def test_damaged_bundle_is_refused(tmp_path: Path) -> None:
    """Cut short, changed inside, or no bundle at all: in one sentence."""
    built = build_archive(FILES)
    for damaged in (b"", b"bank: b\n", built[:-10], built[:40] + b"\0" + built[41:], with_another_file(built)):
        with pytest.raises(BundleUnreadable, match=r"^rules: neither|^rules is (neither|damaged)"):
            read_archive(damaged, "rules")


def with_another_file(built: bytes) -> bytes:
    changed = io.BytesIO(built)
    with zipfile.ZipFile(changed, "a") as archive:
        archive.writestr("actions/slipped_in.yaml", "action: slipped_in\n")
    return changed.getvalue()


def test_bundle_that_would_fill_the_memory_is_refused() -> None:
    """By what it says it unpacks to."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20_001):
            archive.writestr(f"{number}.yaml", b"")
    with pytest.raises(BundleUnreadable, match="more than rules can be"):
        read_archive(packed.getvalue(), "rules")


def test_nothing_there_is_said(tmp_path: Path) -> None:
    """A folder that was deleted, or a file that may not be read."""
    with pytest.raises(BundleUnreadable, match="gone is not there"):
        read_rules(tmp_path / "gone")
    round_about = tmp_path / "round_about"
    round_about.symlink_to(round_about)
    with pytest.raises(BundleUnreadable, match="cannot be read"):
        read_rules(round_about)


def test_hash_covers_the_models_name() -> None:
    """Other model, other bundle."""
    assert hash_of({**FILES, MODEL: b"0" * 64}) != hash_of(FILES)
