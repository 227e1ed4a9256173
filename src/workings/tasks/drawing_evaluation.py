"""Scores of a model that draws: of its drawings by a judge, and those that it has of its own, such as a likelihood."""

from pathlib import Path
from typing import Any

from workings.errors import BadInput
from workings.settings import to_dict
from workings.tasks.drawer import Drawer
from workings.tasks.drawing import read_drawn
from workings.tasks.drawing_settings import FID_DRAWINGS, DrawingData, ScoresSettings
from workings.tasks.jobs import settings_module
from workings.tasks.kinds import open_model
from workings.tasks.media import PICTURES
from workings.tasks.picture_parts import whole
from workings.tasks.scorer import Scorer
from workings.training.run import Run, open_run
from workings.weights.folder import task_of

DRAWINGS = 2000
"""Drawn for an evaluation, unless a run's settings ask for more."""
CHECKED = 200
"""Drawn for it, if they are no pictures and code says how good they are."""


def evaluate_drawings(
    run: str | Path,
    data: str | None,
    encoding: str | None,
    picture: str | None,
    label: str | None,
    judge: str | None,
    drawings: int | None,
    inception: str | None,
    samples: int | None = None,
) -> dict[str, Any]:
    """The scores of `Scorer.of`, every class drawn equally often, then those of `Drawer.scores`; how many were drawn, by whom they were judged, facts.

    samples: of a VAE, by how many the log-likelihood of each picture is estimated: of the validation pictures, or of the test part of other data.

    Distances are from the training pictures and their floor is that of the test pictures, or of those for validation where there are no others; of other
    data it is the same. What is not given is as the run's settings say.
    """
    if encoding is not None:
        raise BadInput("--encoding says how a text is read, but this is a model of pictures; leave it out.")
    if samples is not None and samples < 1:
        raise BadInput(f"--samples is {samples}; it takes at least 1 to estimate a likelihood.")
    drawer: Drawer = open_model(run)
    if drawer.medium is not PICTURES:
        if data or judge or inception:
            raise BadInput(f"{run} draws {drawer.medium.name}, which are scored by code alone; leave --data, --judge and scores.inception out.")
        return scored_by_code(run, drawer, drawings or CHECKED)
    own = settings_module(task_of(run)).read_settings(open_run(run).settings()) if Run(Path(run)).config.exists() else None
    chosen = chosen_data(run, drawer, own, data, picture, label)
    parts = read_drawn(chosen)
    scores = chosen_scores(own.scores if own else ScoresSettings(), judge, drawings, inception)
    held = parts.tested or parts.held
    scorer = Scorer(scores, parts.learned, held, drawer.names)
    found: dict[str, Any] = {}
    if scorer:
        drawn = drawer.draw(scores.drawings)
        found = scorer.of(drawn.pictures, drawn.labels) | {"drawings": scores.drawings}
        found |= ({"judge": scorer.judge.name} if scorer.judge else {}) | {"facts": scorer.facts(scores.drawings)}
    elif drawings is not None:
        raise BadInput(f"--drawings {drawings} are to be scored, but by nobody; name a picture classifier with --judge, or leave --drawings out.")
    found = drawer.scores(parts.held if data is None else whole(chosen, labeled=bool(drawer.names)), samples or 0) | found
    if not found:
        raise BadInput(f"There is nothing to score the drawings of {run} by; give a trained picture classifier with --judge, or Inception's weights.")
    return found


def scored_by_code(run: str | Path, drawer: Drawer, count: int) -> dict[str, Any]:
    """The scores of a medium that code can read."""
    if not drawer.medium.scored:
        raise BadInput(f"{run} draws {drawer.medium.name}, of which code cannot say how good they are; look at them with `workings draw`.")
    drawn = drawer.draw(count)
    return drawer.medium.scores(drawn.pictures, drawn.labels) | {"drawings": count}


def chosen_data(run: str | Path, drawer: Drawer, own: Any, data: str | None, picture: str | None, label: str | None) -> DrawingData:
    """What to compare with: the run's own pictures, or others that are brought to the size of its drawings."""
    if data is not None:
        columns = {name: value for name, value in (("picture", picture), ("label", label)) if value is not None}
        return DrawingData(source=data, size=drawer.shape[1:], channels=drawer.shape[0], labels=bool(drawer.names), **columns)
    if own is None:
        raise BadInput(f"{run} is the folder of a model, which does not know the pictures it was trained on; name some with --data.")
    return own.data


def chosen_scores(own: ScoresSettings, judge: str | None, drawings: int | None, inception: str | None) -> ScoresSettings:
    """What was asked for, else what the run's settings say; by themselves there are enough drawings for steady distances."""
    wanted = to_dict(own) | {name: value for name, value in (("judge", judge), ("inception", inception)) if value is not None}
    usual = max(DRAWINGS, own.drawings, FID_DRAWINGS if wanted["inception"] else 0)
    return ScoresSettings(**(wanted | {"drawings": usual if drawings is None else drawings}))
