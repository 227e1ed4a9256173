"""Labeled pictures of every source, in their parts."""

from workings.data.picture_sources import read_pictures


def test_the_built_in_set_has_5000_pictures_to_learn_from_and_1000_to_test():
    parts = read_pictures("fashion")
    assert (len(parts.train), parts.validation, len(parts.test)) == (5000, None, 1000)
    assert parts.train.shape == (1, 28, 28) and parts.train.labels[:3] == ["Ankle boot", "T-shirt/top", "T-shirt/top"]
