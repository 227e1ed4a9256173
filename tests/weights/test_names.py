"""The name map: what an entry does can be undone bit for bit, and a file that does not fit is refused in one sentence that lists everything."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workings.errors import BadInput
from workings.weights.names import Entry, copy, either, finite, linear, norm, plain, prefixed, read_all, split, split_transposed, transposed, unsaid, write_all
from workings.weights.tensors import Tensors, write_tensors

ENTRIES = [
    plain("a.weight", "one.weight"),
    transposed("b.weight", "two.weight"),
    split("c.bias", ("three.bias", "four.bias"), rows=(2, 3)),
    split_transposed("d.weight", ("five.weight", "six.weight")),
    *linear("e", "seven"),
    *norm("f", "eight", bias=False),
    *unsaid("mask"),
    copy("tied.weight", of="a.weight"),
]
SHAPES = {"one.weight": (3, 4), "two.weight": (5, 2), "three.bias": (2,), "four.bias": (3,), "five.weight": (4, 3), "six.weight": (4, 3)}
SHAPES |= {"seven.weight": (2, 3), "seven.bias": (2,), "eight.weight": (7,)}
THEIRS = {"a.weight": (3, 4), "b.weight": (2, 5), "c.bias": (5,), "d.weight": (3, 8), "e.weight": (2, 3), "e.bias": (2,), "f.weight": (7,)}


def draw(shapes: dict, dtype: torch.dtype = torch.float32) -> dict:
    return {name: torch.randn(shape).to(dtype) for name, shape in shapes.items()}


def expected(shapes: dict = SHAPES) -> dict:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def put(folder, tensors: dict) -> Tensors:
    write_tensors(folder, tensors)
    return Tensors(folder)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_what_is_written_from_ours_is_read_as_ours_and_back_bit_for_bit(dtype, tmp_path):
    ours = draw(SHAPES, dtype)
    theirs = write_all(ours, ENTRIES)
    assert {name: tuple(tensor.shape) for name, tensor in theirs.items()} == THEIRS
    read = read_all(put(tmp_path, theirs), ENTRIES, expected())
    assert read.keys() == ours.keys()
    for name, tensor in read.items():
        assert torch.equal(tensor, ours[name]) and tensor.dtype == dtype and tensor.is_contiguous()
    again = write_all(read, ENTRIES)
    assert all(torch.equal(again[name], theirs[name]) for name in theirs)


def test_the_type_asked_for_is_given_and_whole_numbers_stay_whole(tmp_path):
    tensors = put(tmp_path, {"a": torch.randn(3), "n": torch.tensor(7)})
    entries = [plain("a", "one"), plain("n", "count")]
    wanted = {"one": torch.empty(3, device="meta"), "count": torch.empty((), dtype=torch.int64, device="meta")}
    read = read_all(tensors, entries, wanted, torch.bfloat16)
    assert read["one"].dtype == torch.bfloat16 and read["count"].dtype == torch.int64 and read["count"].item() == 7


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="asks Linux what is mapped")
def test_what_lies_as_it_is_needed_stays_in_the_file_and_a_change_stays_in_memory(tmp_path):
    theirs = write_all(draw(SHAPES), ENTRIES)
    read = read_all(put(tmp_path, theirs), ENTRIES, expected())
    ranges = [line.split()[0].split("-") for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
    mapped = {name for name, tensor in read.items() if any(int(begin, 16) <= tensor.data_ptr() < int(end, 16) for begin, end in ranges)}
    assert mapped == SHAPES.keys() - {"two.weight", "five.weight", "six.weight"}  # those that are transposed
    before = (tmp_path / "model.safetensors").read_bytes()
    read["one.weight"].zero_()
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_a_file_that_does_not_fit_is_refused_with_all_that_is_wrong_in_one_sentence(tmp_path):
    theirs = draw(THEIRS)
    del theirs["e.bias"]
    theirs |= {"b.weight": torch.randn(5, 2), "c.bias": torch.randn(4), "strange.weight": torch.zeros(1), "tied.weight": torch.zeros(3, 4)}
    theirs["a.weight"][1, 2] = torch.nan
    theirs["f.weight"][0] = torch.inf
    with pytest.raises(BadInput) as error:
        read_all(put(tmp_path, theirs), ENTRIES, expected())
    said = str(error.value)
    for part in (
        "missing: e.bias",
        "not known here: strange.weight",
        "misshapen: b.weight [5, 2] instead of [2, 5], c.bias [4] instead of [5]",
        "not finite: a.weight, f.weight",
        "not the copy that it should be: tied.weight of a.weight",
    ):
        assert part in said


def test_many_names_are_counted_rather_than_listed(tmp_path):
    tensors = put(tmp_path, {f"x.{number}": torch.zeros(1) for number in range(1000)})
    with pytest.raises(BadInput, match=r"not known here: x\.0, x\.1, x\.10, x\.100, x\.101, x\.102 and 994 more") as error:
        read_all(tensors, [], {})
    assert len(str(error.value)) < 400


def test_names_that_say_nothing_are_passed_over(tmp_path):
    theirs = write_all(draw(SHAPES), ENTRIES) | {"mask": torch.full((2,), torch.nan), "h.3.inv_freq": torch.ones(2)}
    theirs["tied.weight"] = theirs["a.weight"].clone()
    tensors = put(tmp_path, theirs)
    assert read_all(tensors, ENTRIES, expected(), ignorable=[r"h\.\d+\.inv_freq"]).keys() == SHAPES.keys()
    with pytest.raises(BadInput, match=r"not known here: h\.3\.inv_freq\. "):
        read_all(tensors, ENTRIES, expected(), ignorable=[r"h\.\d+"])  # a pattern matches whole names


def test_an_optional_tensor_that_is_missing_is_zero(tmp_path):
    entries = [plain("a", "one"), plain("bias", "two", optional=True)]
    wanted = {"one": torch.empty(2, device="meta"), "two": torch.empty(3, device="meta")}
    read = read_all(put(tmp_path, {"a": torch.ones(2)}), entries, wanted, torch.bfloat16)
    assert read["two"].tolist() == [0, 0, 0] and read["two"].dtype == torch.bfloat16


def test_a_name_is_known_with_and_without_its_prefix_and_by_its_old_name(tmp_path):
    entries = either(prefixed([*norm("ln", "norm"), plain("emb", "table")], "model."), "model.")
    wanted = {name: torch.empty(2, device="meta") for name in ("norm.weight", "norm.bias", "table")}
    for names in (("model.ln.weight", "model.ln.bias", "model.emb"), ("ln.gamma", "ln.beta", "emb"), ("model.ln.gamma", "ln.bias", "model.emb")):
        read = read_all(put(tmp_path, {name: torch.full((2,), float(place)) for place, name in enumerate(names, 1)}), entries, wanted)
        assert [read[name][0].item() for name in wanted] == [1, 2, 3]
    assert write_all({name: torch.zeros(2) for name in wanted}, entries).keys() == {"model.ln.weight", "model.ln.bias", "model.emb"}


def test_a_map_that_lacks_a_name_of_ours_is_our_mistake(tmp_path):
    with pytest.raises(ValueError, match="the name map lacks"):
        read_all(put(tmp_path, {"a": torch.ones(2)}), [plain("a", "one")], {"one": torch.empty(2), "two": torch.empty(2)})


@settings(max_examples=30, deadline=None)
@given(place=st.integers(0, 2999), value=st.sampled_from([torch.nan, torch.inf, -torch.inf]), dtype=st.sampled_from([torch.float32, torch.bfloat16]))
def test_one_number_that_is_not_finite_is_found_anywhere(place, value, dtype):
    x = torch.randn(3000).to(dtype)
    assert finite(x)
    x[place] = value
    assert not finite(x)


def test_numbers_whose_sum_is_too_large_are_still_finite():
    assert finite(torch.full((9,), 3e38)) and finite(torch.tensor([3, 4])) and finite(torch.zeros(0))


def test_gradients_map_as_weights_do(tmp_path):
    entry = split_transposed("d.weight", ("five", "six"))
    theirs = torch.randn(3, 8, requires_grad=True)
    sum((part * (place + 1)).sum() for place, part in enumerate(entry.read(theirs))).backward()
    assert [part.unique().tolist() for part in entry.read(theirs.grad)] == [[1.0], [2.0]]


def test_an_entry_is_plain_unless_told():
    x = torch.randn(2)
    assert Entry("a", ("b",)).read(x) == (x,) and Entry("a", ("b",)).write(x) is x


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
def test_numbers_of_a_type_that_is_not_read_are_named(dtype, tmp_path):
    tensors = put(tmp_path, draw(THEIRS) | {"e.bias": torch.ones(2).to(dtype)})
    with pytest.raises(BadInput, match=f"of a type that is not read: e.bias .{str(dtype).removeprefix('torch.')}"):
        read_all(tensors, ENTRIES, expected())
