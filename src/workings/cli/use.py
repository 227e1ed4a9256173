"""`workings evaluate` and `workings report`: what a finished run has to say for itself."""

import json as json_module

from workings.cli.shape import MaybeWhole, make_app

evaluate_app = make_app(
    "evaluate",
    "workings evaluate runs/NAME",
    "workings evaluate runs/NAME --data other.txt --context 256 --stride 128",
    "workings evaluate runs/NAME --json",
)

report_app = make_app(
    "report",
    "workings report runs/NAME",
    "workings report runs/A runs/B runs/C --out compare.html",
    "workings report runs/NAME --open",
)

SCORES = {
    "loss": "nats per token",
    "perplexity": "perplexity, the exponential of that",
    "nats_per_character": "nats per character",
    "bits_per_byte": "bits per byte",
    "tokens": "tokens predicted, each once",
    "context": "tokens in a window",
    "stride": "tokens from one window to the next",
}
"""What a line of the scores says after its number."""


@evaluate_app.default
def evaluate(
    run: str,
    /,
    *,
    data: str | None = None,
    context: MaybeWhole = None,
    stride: MaybeWhole = None,
    column: str | None = None,
    encoding: str | None = None,
    json: bool = False,
) -> None:
    """Score a trained model on its validation text or on another text.

    Every token is predicted once, with a stated number of tokens before it: nats per token, nats per character and bits per byte.

    Args:
        run: A run's folder, or with --data a model's folder.
        data: Another text; everything that `train --data` reads. [default: the run's validation text]
        context: The window's length in tokens. [default: the model's context]
        stride: How far the window moves; each token but the first ones then has context - stride tokens before it. [default: the context]
        column: The column that holds the text, for tables and the hub.
        encoding: The text files' encoding. [default: utf-8]
        json: Print one JSON object instead of lines.
    """
    from workings import verbs

    scores = verbs.evaluate(run, data=data, context=context, stride=stride, column=column, encoding=encoding)
    if json:
        print(json_module.dumps(scores))
    else:
        for name, value in scores.items():
            print(f"{value:>12,.4f}" if isinstance(value, float) else f"{value:>12,}", SCORES.get(name, name))


@report_app.default
def report(run: str, /, *runs: str, out: str | None = None, open: bool = False) -> None:
    """Write the report of a run, or of several side by side, as one HTML file.

    The file holds everything that it shows and opens without a network. Its path is printed.

    Args:
        run: A run's folder.
        runs: More runs, to be laid beside the first.
        out: Where to write. [default: report.html in the run's folder; compare.html here for several runs]
        open: Show the report in the browser.
    """
    from workings import verbs

    path = verbs.report(run, *runs, out=out)
    print(path)
    if open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
