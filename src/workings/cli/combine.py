"""`workings combine MODEL MODEL...`: several models as one."""

from typing import Literal

from workings.cli.shape import make_app
from workings.errors import command

app = make_app(
    "combine",
    "workings combine runs/A runs/B runs/C --out models/three",
    "workings combine runs/A runs/B --how soup --out models/soup",
    "workings combine runs/A runs/B --how greedy-soup --data held-out --out best",
)


@app.default
def combine(
    *models: str,
    out: str,
    how: Literal["ensemble", "soup", "greedy-soup"] = "ensemble",
    data: str | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Make one model of several, which every verb takes as it takes any other.

    An ensemble says the mean of its members' probabilities; it costs as much as all of them. Its members may be of any kind and prepare their input in any
    way, as long as they tell the same classes apart. A soup is one model whose weights are the mean of the others'; it costs as much as one, and is of use
    where the others have the same settings and began with the same trained weights.

    Args:
        models: Runs, model folders of ours or another system's, or names on the hub; two or more.
        out: The new model folder.
        how: ensemble (the mean of probabilities), soup (the mean of weights), or greedy-soup: the best model on --data, and each next best one with which
            the score of the mean does not fall.
        data: For a greedy soup, the data that the models are tried on; everything that evaluate --data reads.
        overwrite: Replace the model that is already in --out.
        quiet: Print nothing but what is wrong.
    """
    from workings import verbs
    from workings.tasks.kinds import command_to_try

    made = verbs.combine(*models, out=out, how=how, data=data, overwrite=overwrite)
    if quiet:
        return
    for note in made.notes:
        print(note)
    print(f"{'The mean of the probabilities of' if how == 'ensemble' else 'The mean of the weights of'} {', '.join(made.members)}")
    print(f"\nDone: {made.folder}\n\n  {command(command_to_try(made.task, made.folder) or f'push {made.folder} USER/NAME')}")
