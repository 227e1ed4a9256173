"""`workings`: the verbs, and one sentence instead of a traceback when something is wrong."""

import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import CycloptsError, UnusedCliTokensError

from workings.cli.shape import make_app
from workings.errors import BadInput

DONE, BAD_INPUT, INTERRUPTED = 0, 2, 130

app = make_app(
    "workings",
    "workings demo",
    "workings train language --data my.txt --minutes 5",
    'workings write runs/NAME "Once upon a time"',
    "workings train language --help",
    help="Deep learning, workings shown: train models, look inside them, use them.",
)
app.command("workings.cli.train:app", name="train", help="Train a model on your data.")
app.command("workings.cli.train:resume_app", name="resume", help="Go on with a run that was stopped; the bits are those of never having stopped.")
app.command("workings.cli.use:evaluate_app", name="evaluate", help="Score a trained model on its validation text or on another text.")
app.command("workings.cli.write:app", name="write", help="Let a trained language model go on with a text.")
app.command("workings.cli.translate:app", name="translate", help="Translate texts, or every line of a file, with a model that translates.")
app.command("workings.cli.weights:import_app", name="import", help="Make a model folder from another system's model.")
app.command("workings.cli.weights:export_app", name="export", help="Write a model in a form that other systems load.")
app.command("workings.cli.weights:push_app", name="push", help="Send a model's folder to the Hugging Face hub.")
app.command("workings.cli.embed:app", name="embed", help="Turn texts into vectors, and say which of them mean the like.")
app.command("workings.cli.classify:app", name="classify", help="Say the class of texts, of every line or row of a file, or of pictures.")
app.command("workings.cli.draw:app", name="draw", help="Let a trained model draw pictures.")
app.command("workings.cli.combine:app", name="combine", help="Make one model of several: an ensemble, or the mean of their weights.")
app.command("workings.cli.use:report_app", name="report", help="Write the report of a run, or of several side by side, as one HTML file.")
app.command("workings.cli.study:app", name="study", help="Run a claim of the lectures as an experiment, with its verdict.")
app.command("workings.cli.about:data_app", name="data", help="List the built-in data, or show one of them.")
app.command("workings.cli.about:doctor_app", name="doctor", help="Say what this machine has, and what to do about what is wrong.")
app.command("workings.cli.about:demo_app", name="demo", help="Train a transformer on a built-in novel and watch it learn to write.")
app.command("workings.cli.tour:app", name="tour", help="Do all seven jobs and three studies in ten minutes, and show everything on one page.")


def main(tokens: Sequence[str] | None = None) -> None:
    """Run one command; exits with 0 when done, 2 on bad input, 130 when interrupted.

    WORKINGS_DEBUG=1 shows the traceback of what would be one sentence.
    """
    words = list(sys.argv[1:] if tokens is None else tokens)
    try:
        if words and words[0] in app and app[words[0]].default_command is not None:
            app[words[0]].help = None  # above is what the list of commands says; a command's own help is all of its docstring
        app(words, exit_on_error=False, print_error=False, result_action="return_none")
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        print(f"workings: {str(stop) or 'stopped before there was anything to save'}", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except (BadInput, CycloptsError, OSError, MemoryError, RuntimeError) as error:
        if os.environ.get("WORKINGS_DEBUG") or (isinstance(error, RuntimeError) and not _is_out_of_memory(error)):
            raise
        fail(sentence(error))


def fail(message: str) -> NoReturn:
    """Print `workings: message` on standard error and exit with 2."""
    print(f"workings: {message}", file=sys.stderr)
    sys.exit(BAD_INPUT)


def sentence(error: BaseException) -> str:
    """One line that says what is wrong."""
    if isinstance(error, UnusedCliTokensError):
        words = " ".join(map(str, error.unused_tokens or ()))
        return f"{words!r} is not expected after {' '.join(error.command_chain or ())!r}; put --help there to see what is."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return "The memory is full; make the batch, the context, the pictures or the model smaller."
    return as_flags(" ".join(str(error).split())) or type(error).__name__


def as_flags(text: str) -> str:
    """The settings of a verb by the names that they have on the command line.

    >>> as_flags("write.top_k is -1; it cannot be negative.")
    '--top-k is -1; it cannot be negative.'
    """
    return re.sub(r"\b(?:write|translate)\.([a-z_]+)", lambda name: "--" + name[1].replace("_", "-"), text)


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in ("out of memory", "not enough memory", "tried to allocate"))
