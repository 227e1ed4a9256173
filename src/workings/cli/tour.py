"""`workings tour`."""

import sys

from workings.cli.shape import make_app
from workings.errors import command, counted

FAILED = 1
"""The exit code of a tour of which some parts did not work."""

app = make_app("tour", "workings tour", "workings tour --open", "workings tour --minutes 20 --out runs/long")


@app.default
def tour(*, out: str | None = None, minutes: float | None = None, open: bool = False, quiet: bool = False) -> None:
    """Do all seven jobs and three studies, and show everything on one page.

    It trains a model that writes, one that judges sentences, one that translates, one that tells pictures apart and three that draw, all from nothing
    and on built-in data, then runs three studies, and writes tour.html: text that was written, a sentence with what each of its tokens did, a
    translation with the words it looked at, pictures with why they were named so, drawings side by side, the studies' verdicts, and what every
    score is to be held against. Each run has its own report, which the page links to.

    Ctrl-C saves; the same command goes on with what is not done yet. A part that fails is said on the page, and the exit code is then 1.

    Args:
        out: The tour's folder. [default: that of the newest tour in runs/ that was stopped, else runs/tour-DATE-TIME]
        minutes: How long the whole tour takes on two cores, about; the trainings share what the studies leave. [default: 9]
        open: Show the page in the browser.
        quiet: Print nothing but warnings, and where the page is.
    """
    from workings import verbs

    done = verbs.tour(out=out, minutes=minutes, quiet=quiet)
    print(done.page)
    if open:
        import webbrowser

        webbrowser.open(done.page.resolve().as_uri())
    if done.failed:
        again = command(f"tour --out {done.folder}")
        print(
            f"workings: {counted(len(done.failed), 'part')} did not work: {', '.join(done.failed)}; the page says why, and {again} tries again", file=sys.stderr
        )
        sys.exit(FAILED)
