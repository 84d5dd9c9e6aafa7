"""What must hold between the bundle that serves and the next: versions rise, caps and channels keep their meaning."""

from collections.abc import Mapping

from engine.compiler.succession import check_succession
from tests.builders import CHANNELS, a_trigger, an_action, rule_files, the_arbitration

FILE = "actions/isa.yaml"
ISA = {FILE: an_action("isa", "eligible: {when: {age: '>= 18'}}")[FILE].replace("version: 1", "version: 3")}


def told(serving: Mapping[str, str], following: Mapping[str, str]) -> list[str]:
    return [str(each) for each in check_succession(rule_files(serving), rule_files(following))]


def changed(files: Mapping[str, str], *pairs: tuple[str, str]) -> dict[str, str]:
    """The files with words replaced; each pair must fit somewhere."""
    for old, new in pairs:
        assert any(old in text for text in files.values()), old
        files = {name: text.replace(old, new) for name, text in files.items()}
    return dict(files)


def test_changed_content_needs_a_higher_version() -> None:
    """The sentence stands at the version and says what to write."""
    (problem,) = told(ISA, changed(ISA, (">= 18", ">= 21")))
    line = ISA[FILE].splitlines().index("version: 3") + 1
    assert problem == (
        f"rules/{FILE}:{line}:10: version 3 of the action `isa` serves with other content; write `version: 4`"
    )
    assert told(ISA, changed(ISA, (">= 18", ">= 21"), ("version: 3", "version: 4"))) == []


def test_comments_order_of_keys_and_tests_need_no_version() -> None:
    """None of them changes what serves."""
    lines = ISA[FILE].splitlines()
    assert told(ISA, {FILE: "\n".join(["# a remark", *reversed(lines)])}) == []
    assert (
        told(ISA, {FILE: ISA[FILE] + "\ntests: [{name: a, given: {age: 20}, ask: {channel: web}, expect: {}}]\n"}) == []
    )


def test_rule_that_moves_to_another_file_is_still_the_same() -> None:
    """Ids name rules; files do not."""
    moved = {"actions/savings/isa.yaml": ISA[FILE]}
    assert told(ISA, moved) == []
    assert "version 3 of the action `isa`" in told(ISA, changed(moved, (">= 18", ">= 21")))[0]


def test_lever_without_a_version_is_not_asked_for_one() -> None:
    """Entries of policy files may have versions; those that do have to raise them."""
    lever = "levers: [{lever: push, percent: 10, actions: [isa]}]"
    assert told(the_arbitration(lever), changed(the_arbitration(lever), ("10", "20"))) == []
    versioned = the_arbitration(lever.replace("percent", "version: 2, percent"))
    (problem,) = told(versioned, changed(versioned, ("10", "20")))
    assert "version 2 of the lever `push` serves with other content; write `version: 3`" in problem


def test_rule_that_is_new_or_gone_raises_no_question() -> None:
    """There is nothing to compare it with."""
    trigger = a_trigger("t", "when: {verified: true}\npromote: {isa: 2}")
    assert told(ISA, {**ISA, **trigger}) == []
    assert told({**ISA, **trigger}, ISA) == []


def test_renamed_action_keeps_its_first_id() -> None:
    """Its contacts stand under it, however often it is renamed."""
    bond = changed(ISA, ("action: isa", "action: bond\nformerly: isa"), ("version: 3", "version: 4"))
    assert told(ISA, bond) == []
    forgotten = changed(bond, ("formerly: isa\n", ""), ("version: 4", "version: 5"))
    assert told(bond, forgotten) == [
        f"rules/{FILE}:1:9: the contacts of `bond` stand under `isa` and would be forgotten; keep `formerly: isa`"
    ]
    again = changed(bond, ("action: bond\nformerly: isa", "action: gilt\nformerly: bond"), ("version: 4", "version: 5"))
    assert told(bond, again) == [
        f"rules/{FILE}:2:11: `bond` was renamed before: its contacts stand under `isa`; write `formerly: isa`"
    ]


def test_renamed_action_has_to_raise_its_version() -> None:
    """It is the same rule."""
    (problem,) = told(ISA, changed(ISA, ("action: isa", "action: bond\nformerly: isa")))
    assert "version 3 of the action `bond` serves with other content" in problem


def test_action_that_takes_anothers_place_may_be_meant() -> None:
    """A warning, since both may be true."""
    assert told(ISA, changed(ISA, ("action: isa", "action: bond"))) == [
        f"rules/{FILE}:1:9: warning [broken_history]: `bond` takes the place of `isa`, "
        "and its caps and cooling-off begin anew; if it is the same action under another name, write `formerly: isa`"
    ]


def test_channels_keep_their_places() -> None:
    """Stored contacts name them by place; new ones come at the end."""
    names = [line.strip(" :") for line in CHANNELS.splitlines() if line.startswith("  ") and line[2] != " "]
    names = [name.partition(":")[0] for name in names]
    first, second = names[:2]
    swapped = CHANNELS.replace(f"  {first}:", "  held:").replace(f"  {second}:", f"  {first}:")
    swapped = swapped.replace("  held:", f"  {second}:")
    (problem,) = told({"channels.yaml": CHANNELS}, {"channels.yaml": swapped})
    assert problem.startswith(f"rules/channels.yaml:2:3: `{second}` stands where `{first}` stood")
    assert problem.endswith(f"keep {', '.join(names)} in this order, and add new channels after them")
    (gone,) = told({"channels.yaml": CHANNELS}, {"channels.yaml": CHANNELS[: CHANNELS.index(f"  {names[-1]}:")]})
    assert f"the channel `{names[-1]}` is gone" in gone
