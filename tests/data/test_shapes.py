"""Shapes drawn by code are read back by code, and what is held out is never learned from."""

import numpy as np
import torch

from workings.data.shapes import COLORS, RELATIONS, SHAPES, Scene, Thing, drawn, is_held_out, read_scene, scenes, shape_pictures, shows


def tensor(picture: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


def test_every_scene_is_read_back_from_every_picture_of_it():
    for scene in scenes():
        for number in range(2):
            assert read_scene(tensor(drawn(scene, number))) == scene


def test_noise_on_the_colors_does_not_change_what_is_read():
    pictures, captions = shape_pictures(60, False)
    noisy = (pictures + 18 * torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))).clamp(0, 255).byte()
    assert all(shows(picture, caption) for picture, caption in zip(noisy, captions, strict=True))


def test_all_pairs_of_different_colors_are_there_in_both_relations_and_both_ways_of_saying_them():
    things = len(COLORS) * len(SHAPES)
    assert len(scenes()) == things + len(RELATIONS) * things * (things - len(SHAPES)) == len(set(scenes()))
    pair = Scene((Thing("red", "circle"), Thing("blue", "square")), "left of")
    assert pair.captions() == ("a red circle left of a blue square", "a blue square right of a red circle")


def test_a_picture_that_shows_something_else_does_not_show_the_caption():
    picture = tensor(drawn(Scene((Thing("red", "circle"), Thing("blue", "square")), "left of"), 5))
    assert shows(picture, "a blue square right of a red circle")
    for wrong in ("a red circle right of a blue square", "a red square left of a blue square", "a red circle", "a red circle above a blue square", "a dog"):
        assert not shows(picture, wrong)
    assert read_scene(torch.full((3, 32, 32), 255, dtype=torch.uint8)) is None
    assert read_scene(torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)) is None


def test_what_is_held_out_is_a_sixth_of_the_pairs_and_in_no_picture_that_is_learned_from():
    out = [scene for scene in scenes() if is_held_out(scene)]
    assert len(out) == 60 and all(scene.relation for scene in out)
    assert {thing for scene in out for thing in scene.things} == {thing for scene in scenes() for thing in scene.things}
    said = {caption for scene in out for caption in scene.captions()}
    learned, captions = shape_pictures(700, False)
    assert not said & set(captions) and len(torch.unique(learned.flatten(1), dim=0)) == 700
    assert set(shape_pictures(300, True)[1]) <= said
