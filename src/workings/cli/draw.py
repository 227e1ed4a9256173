"""`workings draw MODEL`: pictures, each in a file of its own or all in one."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from workings.cli.shape import Whole, make_app
from workings.errors import BadInput, counted

app = make_app(
    "draw",
    "workings draw runs/NAME -n 64 --grid",
    "workings draw runs/NAME --label 7 -n 16 --out sevens",
    "workings draw runs/NAME --between --grid",
    "workings draw runs/NAME --between a.png b.png --grid",
    "workings draw runs/NAME --reconstruct photos --grid",
)


@app.default
def draw(
    run: str,
    /,
    *pictures: str,
    n: Annotated[Whole, Parameter(name=["-n", "--number"])] = 16,
    label: str | None = None,
    seed: Whole = 0,
    temperature: float = 1.0,
    between: bool = False,
    reconstruct: bool = False,
    traverse: bool = False,
    map: bool = False,
    steps: Whole = 8,
    grid: bool = False,
    out: str | None = None,
) -> None:
    """Let a trained model draw.

    The same seed draws the same pictures, and the first ones are the same however many are asked for. Files are named after their number, and their class
    where the model knows some.

    Args:
        run: A run's folder, a model's folder, or the one file that it is.
        pictures: Pictures, or folders of them, that --reconstruct, --traverse and --between begin with.
        n: How many pictures.
        label: The class to draw, of a model that was told classes. [default: each in turn]
        seed: Where the noise begins.
        temperature: What the noise is multiplied by: below 1 safer and more alike, above 1 wilder.
        between: Go from one drawing to another, a pair in each row; with two pictures, from one to the other (VAE).
        reconstruct: The pictures, and below each what the model makes of it (VAE).
        traverse: One picture, changed along each number of its latent in turn, a row for each (VAE).
        map: Pictures on a grid over a latent of two numbers (VAE).
        steps: How many pictures lie on the way, with --between, --traverse or --map.
        grid: One sheet instead of a file for each picture.
        out: The folder, or with --grid the .png file. [default: NAME-drawn, named after the run]
    """
    from workings import verbs

    asked = [name for name, wanted in dict(between=between, reconstruct=reconstruct, traverse=traverse, map=map).items() if wanted]
    if len(asked) > 1:
        raise BadInput(f"--{asked[0]} and --{asked[1]} are two things to draw; ask for one of them.")
    if grid and out and Path(out).suffix.lower() != ".png":
        raise BadInput(f"--out {out} would be a sheet of pictures; let its name end in .png.")
    drawn = verbs.draw(run, n=n, label=label, seed=seed, temperature=temperature, steps=steps, how=asked[0] if asked else "noise", pictures=pictures)
    files = drawn.save(out or f"{Path(run).resolve().stem}-drawn{'.png' if grid else ''}", grid)
    print(files[0] if len(files) == 1 else f"{counted(len(files), 'picture')} in {files[0].parent}")
