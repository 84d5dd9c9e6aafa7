"""Rule files as they lie in folders, behind links and in built bundles."""

import io
import zipfile
from pathlib import Path

import pytest

from api.adapters.bundle_files import BundleUnreadable, build_archive, read_archive, read_rules
from engine.compiler.bundle import MODEL, hash_of

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
        "a.yml": b"",
    }
    assert read_rules(written(tmp_path, {**FILES, **model, **others})) == {**FILES, **model}


def test_folder_as_kubernetes_mounts_it_is_read_through_its_links(tmp_path: Path) -> None:
    """The files are links into a hidden folder that is replaced as a whole."""
    written(tmp_path / "..2026_11_22")
    (tmp_path / "..data").symlink_to("..2026_11_22")
    for name in ("bank.yaml", "actions"):
        (tmp_path / name).symlink_to(Path("..data") / name)
    assert read_rules(tmp_path) == FILES


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
