"""`python -m api.worker.inference.child`: infers the needs of one customer after the other, told over a pipe.

It sees numbers and the names of rules alone, and ends when the worker does, or when anything goes wrong: the worker
starts another.
"""

import os
import resource
import signal
import sys
from typing import BinaryIO, Final, NoReturn

from api.worker.inference.messages import Chain, decode_chain, decode_facts, frame, read_frame

MOST_MEMORY_BYTES: Final = 2**30
BROKEN: Final = 3
NO_ENGINE: Final = 4
"""durable-rules cannot be imported."""


def serve(chain: Chain, questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the worker is gone.

    Raises:
        ImportError: durable-rules is not to be had.
    """
    from api.worker.inference.chaining import Chainer  # noqa: PLC0415 - the worker is told where it is missing

    chainer = Chainer(chain)
    answers.write(frame([]))
    answers.flush()
    while (body := read_frame(questions)) is not None:
        answers.write(frame(chainer.infer(decode_facts(body))))
        answers.flush()


def main() -> NoReturn:
    """Serve on standard input and output, which nothing else may write to; only the worker, or its end, ends it."""
    for meant_for_others in (signal.SIGINT, signal.SIGHUP):
        signal.signal(meant_for_others, signal.SIG_IGN)
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "r+b", buffering=0) as nowhere:  # noqa: PTH123 - a descriptor is what is wanted
        os.dup2(nowhere.fileno(), 0)
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    first = read_frame(questions)
    if first is None:
        sys.exit(0)
    try:
        serve(decode_chain(first), questions, answers)
    except ImportError:
        os._exit(NO_ENGINE)
    except Exception:  # noqa: BLE001 - it may quote what it was told; how it ended is all that may be known outside
        os._exit(BROKEN)
    os._exit(0)


if __name__ == "__main__":
    main()
