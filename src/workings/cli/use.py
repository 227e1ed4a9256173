"""`workings evaluate` and `workings report`: what a finished run has to say for itself."""

import json as json_module
from typing import Literal

from workings.cli.shape import MaybeWhole, make_app

evaluate_app = make_app(
    "evaluate",
    "workings evaluate runs/NAME",
    "workings evaluate runs/NAME --data other.txt --context 256 --stride 128",
    "workings evaluate runs/NAME --data reviews.csv --text review --label sentiment",
    "workings evaluate runs/NAME --data photos/test",
    "workings evaluate runs/NAME --data pairs.tsv --source en --target de --beam 5",
    "workings evaluate runs/NAME --judge runs/CLASSIFIER --drawings 5000",
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
    "accuracy": "accuracy: the part that was given its class",
    "majority_accuracy": "that of always saying the commonest class",
    "f1": "F1, the mean over the classes",
    "auroc": "AUROC, the mean over the classes",
    "calibration_error": "expected calibration error",
    "examples": "examples, each once",
}
"""What a line of the scores says after its number."""
CLASSES = {"loss": "nats per example"}
"""The same of a model that says classes, where it differs."""
PAIRS = {
    "pairs": "pairs, each once",
    "left_out": "pairs more, with a side that is too long for the model",
    "empty": "rows more, with an empty side",
    "overlap": "of the sources also among those that the model has learned from",
    "perplexity": "perplexity of the references, the exponential of that",
    "tokens": "tokens of the references predicted, each once",
    "accuracy": "of them predicted right",
    "bleu": "BLEU",
    "chrf": "chrF",
    "seconds": "seconds to translate them all",
}
"""The same of a translator."""
DRAWINGS = {
    "frechet": "Frechet distance on the features of {judge}",
    "frechet_floor": "that of as many held-out real pictures, its floor",
    "kernel": "kernel distance on the same features",
    "kernel_deviation": "its deviation over subsets",
    "kernel_floor": "that of held-out real pictures, its floor",
    "precision": "precision: the part of the drawings that looks real",
    "recall": "recall: the part of the real pictures that could have been drawn",
    "label_accuracy": "of the drawings that the judge takes for what was asked",
    "fid": "FID",
    "fid_floor": "that of as many held-out real pictures, its floor",
    "drawings": "drawings",
}
"""The same of a model that draws."""
DENSITIES = {
    "loss": "nats a picture: minus a bound of its log-likelihood",
    "reconstruction": "nats of them for the pixels",
    "divergence": "nats of them for the latent",
    "bits_per_dimension": "bits for each number of a picture",
    "active_units": "numbers of the latent that say something",
    "nll": "nats a picture: minus its log-likelihood, estimated",
    "nll_bits_per_dimension": "bits for each number of a picture, estimated",
    "importance_samples": "samples of each picture for that estimate",
    "left_out": "pictures left out",
}
"""The same of a VAE, whose drawings may be scored too."""
WARNINGS = {
    "cut": "of them longer than what is read of a text",
    "unknown_tokens": "tokens in them unknown to the tokenizer, so not told apart",
    "left_out": "left out: without a label, empty or not to be read",
    "overlap": "of them also in the training texts ({overlap_part:.1%}), which flatters the scores",
}
"""The same of what is only said of a model that says classes where there is some."""


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
    text: str | None = None,
    label: str | None = None,
    picture: str | None = None,
    source: str | None = None,
    target: str | None = None,
    tokenize: Literal["13a", "none", "intl", "char", "zh"] | None = None,
    lowercase: bool = False,
    beam: MaybeWhole = None,
    judge: str | None = None,
    drawings: MaybeWhole = None,
    inception: str | None = None,
    samples: MaybeWhole = None,
    json: bool = False,
) -> None:
    """Score a trained model on its validation data or on other data.

    A language model predicts every token once, with a stated number of tokens before it: nats per token, nats per character and bits per byte. A model of
    sentences says the class of every text: accuracy beside that of always saying the commonest class, F1, AUROC, calibration error, and how many texts
    of --data the run has learned. A model of pictures does so too, on the test part of --data if it has one. A translator predicts every token of the
    references and translates every source: loss, BLEU and chrF with sacreBLEU's signatures, and how long it took. A model that draws is judged by a picture
    classifier: how far its drawings lie from real pictures, beside how far other real pictures do, and how many show what was asked for. A VAE also
    gives a bound of the log-likelihood of every picture.

    Args:
        run: A run's folder, or with --data a model's folder.
        data: Another text or table; everything that `train --data` reads. [default: the run's validation data]
        context: The window's length in tokens. [default: the model's context]
        stride: How far the window moves; each token but the first ones then has context - stride tokens before it. [default: the context]
        column: The column that holds the text, for tables and the hub.
        encoding: The text files' encoding. [default: utf-8]
        text: Of a model of sentences, the column that holds the texts. [default: that of the training]
        label: The column that holds their classes, or those of pictures. [default: that of the training]
        picture: Of a model of pictures, the column of a table that holds them.
        samples: Of a VAE, the samples of each picture by which its log-likelihood is estimated, such as 200; by default it is not.
        source: Of a translator, the column, or the end of the file's name, of the texts to translate. [default: that of the training]
        target: That of their translations. [default: that of the training]
        tokenize: How BLEU finds words: 13a, or none for texts whose words are set apart already, intl, char, zh. [default: 13a]
        lowercase: BLEU and chrF without regard to case.
        beam: How many hypotheses are kept open. [default: as the model's folder says, else 4]
        judge: Of a model that draws, a trained picture classifier: a run, a model's folder or its file. [default: that of the training]
        drawings: How many pictures it draws to be judged. [default: 2000, or more if the training's settings ask for more]
        inception: Inception's weights for FID, a .safetensors file.
        json: Print one JSON object instead of lines.
    """
    from workings import verbs

    pairs = dict(source=source, target=target, tokenize=tokenize, lowercase=lowercase or None, beam=beam)
    reading = dict(encoding=encoding, column=column, text=text, label=label, picture=picture)
    drawn = dict(judge=judge, drawings=drawings, inception=inception, samples=samples)
    scores = verbs.evaluate(run, data=data, context=context, stride=stride, **reading, **pairs, **drawn)
    kinds = {"bleu": PAIRS, "f1": CLASSES, "drawings": DRAWINGS, "active_units": DENSITIES}
    named = SCORES | {name: said for mark, words in kinds.items() if mark in scores for name, said in words.items()}
    warned = WARNINGS if "f1" in scores else {}
    if json:
        print(json_module.dumps(scores))
    else:
        for name, value in scores.items():
            if name in warned and value:
                print(f"{value:>12,}", warned[name].format(**scores))
            elif not isinstance(value, (str, list)) and name not in warned and name != "overlap_part":
                signature = f" ({scores[f'{name}_signature']})" if f"{name}_signature" in scores else ""
                print(f"{value:>12,.4f}" if isinstance(value, float) else f"{value:>12,}", named.get(name, name).format(**scores) + signature)
        for fact in scores.get("facts", []):
            print(fact)


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
