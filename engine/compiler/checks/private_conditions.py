"""What shows on a public screen must not tell something private: a text that differs by a private fact does."""

from engine.compiler.checks.subject import Subject
from engine.compiler.problem_list import Problems
from engine.errors import Code
from engine.syntax import LastAgo, Seen, SeenSince, atoms


def check_private_conditions(subject: Subject, problems: Problems) -> None:
    """Warn of treatments on public screens whose condition reads a private fact or event."""
    for treatments in subject.treatments:
        for read in treatments:
            channel = subject.channels[read.channel]
            if channel.privacy != "public":
                continue
            for atom in atoms(read.condition):
                if isinstance(atom, Seen | LastAgo | SeenSince):
                    private, name = subject.catalogue.events[atom.event].private, str(atom.event)
                else:
                    private, name = atom.fact.spec.private, str(atom.fact.name)
                if private:
                    message = f"whoever sees `{channel.id}` can tell `{name}`, which is private, from the text shown"
                    hint = "show one text to everybody on a public screen"
                    problems.warning(atom.span, message, hint, code=Code.PRIVATE_ON_PUBLIC)
