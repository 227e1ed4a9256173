"""Clips: a thing that moves evenly, bounces off the edges and stays whole, the same for the same seed and number."""

import torch

from workings.data.clips import FASTEST, FRAMES, SIDE, SLOWEST, bounced, clip_parts, clips


def pieces() -> torch.Tensor:
    """Three things of 5 x 3 pixels, none of them black anywhere."""
    return torch.randint(1, 256, (3, 5, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def corner(frame: torch.Tensor) -> tuple[int, int]:
    """Where the thing in a frame begins."""
    return int(frame.any(1).nonzero()[0]), int(frame.any(0).nonzero()[0])


def test_every_frame_has_the_whole_thing_once_and_nothing_else():
    things = pieces()
    shown, chosen = clips(things, 23, 0)
    assert shown.shape == (23, FRAMES, 1, SIDE, SIDE) and set(chosen.tolist()) == {0, 1, 2}
    for clip, number in zip(shown[:, :, 0], chosen.tolist(), strict=True):
        for frame in clip:
            down, right = corner(frame)
            assert torch.equal(frame[down : down + 5, right : right + 3], things[number])
            assert int((frame > 0).sum()) == 15


def test_between_the_edges_it_moves_at_one_speed_and_never_faster():
    shown, _ = clips(pieces(), 23, 0)
    rooms, seen = (SIDE - 5, SIDE - 3), 0
    for clip in shown[:, :, 0]:
        places = torch.tensor([corner(frame) for frame in clip])
        steps = places.diff(dim=0).abs()
        assert int(steps.max()) <= FASTEST + 1  # places are whole pixels
        for axis, room in enumerate(rooms):
            edge = torch.minimum(places[:, axis], room - places[:, axis]) > FASTEST
            free = steps[edge[1:] & edge[:-1], axis]
            if len(free):
                assert int(free.min()) >= SLOWEST - 1 and int(free.max() - free.min()) <= 1
                seen += len(free)
    assert seen > 100


def test_a_bounce_is_a_mirrored_way():
    at = bounced(torch.tensor([7.0]), torch.tensor([2.0]), 8, 10)
    assert at.tolist() == [[7.0, 9.0, 9.0, 7.0, 5.0, 3.0, 1.0, 1.0]]
    assert bounced(torch.tensor([1.0]), torch.tensor([-3.0]), 3, 10).tolist() == [[1.0, 2.0, 5.0]]


def test_a_clip_is_a_function_of_the_seed_and_its_number():
    things = pieces()
    shown, chosen = clips(things, 11, 3)
    more, _ = clips(things, 17, 3)
    assert torch.equal(more[:11], shown) and not torch.equal(clips(things, 11, 4)[0], shown)
    assert len({clip.numpy().tobytes() for clip in more}) == 17


def test_what_moves_in_the_clips_of_validation_moves_in_none_that_are_learned_from(tmp_path):
    from tests.tasks.pictures import write_arrays

    parts = clip_parts(str(write_arrays(tmp_path)))
    assert parts.train.shape == (FRAMES, SIDE, SIDE) and parts.validation is not None
    assert set(parts.train.labels) == set(parts.validation.labels) and parts.train.fingerprint() != parts.validation.fingerprint()
