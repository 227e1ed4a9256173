"""All the scores that the settings of a job that draws ask for."""

from collections.abc import Sequence

from torch import Tensor

from workings.data.labeled_pictures import LabeledPictures
from workings.tasks.drawing_scores import DrawingScores
from workings.tasks.drawing_settings import ScoresSettings
from workings.tasks.fid import FID
from workings.tasks.judge import open_judge


class Scorer:
    """Scores of drawings by a judge, by FID's network, by both or by neither, which then gives none."""

    def __init__(self, settings: ScoresSettings, reference: LabeledPictures, held: LabeledPictures | None, names: Sequence[str] = ()):
        """names: the classes that drawings are asked to be; a judge that does not know them is refused at once."""
        self.parts: list[DrawingScores | FID] = []
        self.judge = open_judge(settings.judge) if settings.judge else None
        if self.judge:
            self.judge.check(names)
            self.parts.append(DrawingScores(self.judge, reference, held))
        if settings.inception:
            self.parts.append(FID(settings.inception, reference, held))

    def __bool__(self) -> bool:
        return bool(self.parts)

    def of(self, drawn: Tensor, labels: Sequence[str] | None = None) -> dict[str, float]:
        """The scores of drawings uint8 [N, C, H, W], as `DrawingScores.of` and `FID.of` give them; labels: what each was asked to be."""
        return {name: value for part in self.parts for name, value in part.of(drawn, labels or None).items()}

    def facts(self, count: int) -> list[str]:
        """What has to be said beside the scores of so many drawings."""
        return [fact for part in self.parts for fact in part.facts(count)]
