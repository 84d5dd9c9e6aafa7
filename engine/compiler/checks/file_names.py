"""A rule's file is called like the rule, so that whoever reads an id in a report finds the file."""

from collections import Counter

from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code


def check_file_names(subject: Subject, problems: Problems) -> None:
    """Warn of files that are called otherwise; of several files with one id each begins with it."""
    heads = [each.head for rules in subject.action_rules for each in rules.versions]
    heads += [each.head for rules in (subject.themes, subject.triggers) for each in rules]
    files = Counter(head.rule for head in set(heads))
    for head in dict.fromkeys(heads):
        name = head.rule.partition("/")[2]
        stem = head.span.path.rpartition("/")[2].removesuffix(".yaml")
        if stem != name and not (files[head.rule] > 1 and stem.startswith(name)):
            message = f"the file `{stem}.yaml` holds `{head.rule}`"
            problems.warning(head.span, message, f"call it `{name}.yaml`", code=Code.MISNAMED_FILE)
