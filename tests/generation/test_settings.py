"""What cannot be meant is refused in one sentence."""

import subprocess
import sys

import pytest

from workings.errors import BadInput
from workings.generation.settings import WriteSettings
from workings.settings import field_docs, from_dict


@pytest.mark.parametrize(
    "wrong",
    [
        dict(tokens=0),
        dict(samples=-1),
        dict(temperature=-0.1),
        dict(temperature=float("nan")),
        dict(top_k=-1),
        dict(top_p=0.0),
        dict(top_p=1.1),
        dict(min_p=-0.1),
        dict(min_p=1.5),
        dict(repetition_penalty=0.0),
        dict(stop=("",)),
        dict(quantize="int3"),
        dict(top_logprobs=3),
        dict(logprobs=True, top_logprobs=-3),
        dict(seed=2**63),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_its_name(wrong):
    with pytest.raises(BadInput, match=rf"write\.{list(wrong)[-1]}") as refused:
        WriteSettings(**wrong)
    assert str(refused.value).endswith(".")


def test_one_stop_string_may_be_given_without_a_list():
    assert WriteSettings(stop="\n\n").stop == ("\n\n",)


def test_settings_are_read_from_plain_values():
    assert from_dict(WriteSettings, {"tokens": 3, "stop": ["a", "b"], "temperature": 1}) == WriteSettings(tokens=3, stop=("a", "b"), temperature=1.0)


def test_every_setting_has_a_line_of_help():
    assert set(field_docs(WriteSettings)) == set(WriteSettings.__dataclass_fields__)


def test_the_settings_import_no_torch():
    program = "import sys, workings.generation.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
