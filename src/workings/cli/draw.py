"""`workings draw MODEL`: pictures, each in a file of its own or all in one."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from workings.cli.shape import MaybeWhole, Whole, make_app
from workings.errors import BadInput, counted

app = make_app(
    "draw",
    "workings draw runs/NAME -n 64 --grid",
    "workings draw runs/NAME --label 7 -n 16 --out sevens",
    "workings draw runs/NAME --between --grid",
    'workings draw runs/NAME --prompt "a red apple" --guidance 3 -n 16',
    'workings draw runs/NAME --prompt "a cat" --begin dog.png --strength 0.6',
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
    columns: Whole = 8,
    prompt: str | None = None,
    negative: str | None = None,
    guidance: float | None = None,
    steps: MaybeWhole = None,
    sampler: Literal["ddpm", "ddim", "euler", "heun", "dpm++"] | None = None,
    begin: str | None = None,
    strength: float | None = None,
    mask: str | None = None,
    trajectory: bool = False,
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
        columns: How many pictures lie on the way, with --between, --traverse or --map.
        prompt: What to draw, in words, by a diffusion model that learned captions.
        negative: What to keep away from, in words; it acts with --guidance.
        guidance: How much a diffusion model follows the class or the prompt: 0 as it was trained, more makes it plainer and less varied, -1 ignores it.
            [default: as the model was shown in training]
        steps: How many steps a diffusion model takes from noise to a picture. [default: 25]
        sampler: How it takes them; ddpm wants hundreds, the others few. [default: dpm++]
        begin: A picture that a diffusion model begins from, instead of noise alone.
        strength: How much of it may change, from 0 to 1. [default: 0.75]
        mask: With --begin, a picture of the drawing's size: what is white in it is drawn anew, what is black stays.
        trajectory: Show each drawing on its way from noise.
        grid: One sheet instead of a file for each picture.
        out: The folder, or with --grid the .png file. [default: NAME-drawn, named after the run]
    """
    from workings import verbs

    asked = [name for name, wanted in dict(between=between, reconstruct=reconstruct, traverse=traverse, map=map).items() if wanted]
    if len(asked) > 1:
        raise BadInput(f"--{asked[0]} and --{asked[1]} are two things to draw; ask for one of them.")
    if grid and out and Path(out).suffix.lower() != ".png":
        raise BadInput(f"--out {out} would be a sheet of pictures; let its name end in .png.")
    told = dict(prompt=prompt, negative=negative, guidance=guidance, begin=begin, strength=strength, mask=mask)
    diffusing = told | dict(steps=steps, sampler=sampler, trajectory=trajectory)
    drawn = verbs.draw(
        run, n=n, label=label, seed=seed, temperature=temperature, columns=columns, how=asked[0] if asked else "noise", pictures=pictures, **diffusing
    )
    files = drawn.save(out or f"{Path(run).resolve().stem}-drawn{'.png' if grid else ''}", grid)
    print(files[0] if len(files) == 1 else f"{counted(len(files), drawn.medium.unit)} in {files[0].parent}")
