"""What the report of a job that draws shows: sheets over time, exactly, and what else was drawn."""

import base64
import io
import json

import numpy as np
import torch
from PIL import Image

from tests.report.folders import make_run
from tests.report.pages import Page
from workings.data.pictures import png
from workings.report.drawings import drawing_sections
from workings.report.record import read_record
from workings.report.write import samples_of


def grid(seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (1, 10, 14), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


def a_run(folder):
    """With a sheet at each of three steps, and a reconstruction at the first two."""
    run = make_run(folder / "run")
    (run / "samples").mkdir(exist_ok=True)
    rows = []
    for step in (1, 2, 3):
        files = {"grid.png": png(grid(step))} | ({"reconstruction.png": png(grid(10 + step))} if step < 3 else {})
        for name, data in files.items():
            (run / "samples" / f"{step:08}-{name}").write_bytes(data)
        rows.append({"event": "sample", "step": step, "seconds": float(step), "text": "drawn", "files": {name: f"samples/{step:08}-{name}" for name in files}})
    (run / "samples" / "data.png").write_bytes(png(grid(99)))
    (run / "samples" / "data.txt").write_text("60 pictures\n")
    with open(run / "metrics.jsonl", "a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return run


def drawn_in(section) -> list[np.ndarray]:
    addresses = Page(section.html).cells("src")
    return [np.array(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))) for address in addresses]


def test_sheets_are_shown_in_order_with_the_last_beside_the_data(tmp_path):
    sections = {section.title: section for section in drawing_sections(a_run(tmp_path))}
    assert list(sections) == ["Data", "Drawings", "What it makes of pictures"]
    for found, seed in zip(drawn_in(sections["Drawings"]), (3, 99, 1, 2, 3), strict=True):
        assert np.array_equal(found, grid(seed)[0].numpy())
    (last,) = drawn_in(sections["What it makes of pictures"])
    assert np.array_equal(last, grid(12)[0].numpy())


def test_a_run_whose_pictures_are_gone_has_its_data_alone_and_lines_of_text_have_no_section(tmp_path):
    run = a_run(tmp_path)
    assert not any(sample["text"] == "drawn" for sample in samples_of(read_record(run)))
    for file in (run / "samples").glob("*grid.png"):
        file.unlink()
    assert [section.title for section in drawing_sections(run)] == ["Data"]


def test_scores_against_guidance_have_a_figure_each(tmp_path):
    run = a_run(tmp_path)
    scores = {f"{name}_at_guidance_{weight}": value for name, value in (("frechet", 9.0), ("label_accuracy", 0.5)) for weight in (0, 0.5, 4)}
    with open(run / "metrics.jsonl", "a") as file:
        file.write(json.dumps({"event": "test", "step": 3, **scores}) + "\n")
    section = drawing_sections(run)[-1]
    assert section.title == "What guidance does to scores" and section.html.count("<svg") == 2
