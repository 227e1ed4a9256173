"""A foreign `config.json`, field by field: what is read, what has no effect here, what must have one value; anything else is refused by name."""

from collections.abc import Mapping
from typing import Any

from workings.errors import BadInput

ABSENT: Any = object()

NO_EFFECT = frozenset(
    # who wrote it
    "architectures model_type transformers_version _name_or_path name_or_path _commit_hash tokenizer_class finetuning_task problem_type "
    "_class_name _diffusers_version "
    "unsloth_fixed unsloth_version "
    # how it is held in memory and computed
    "dtype torch_dtype use_cache return_dict output_hidden_states output_attentions torchscript use_bfloat16 tf_legacy_loss gradient_checkpointing "
    "attn_implementation _attn_implementation _attn_implementation_autoset chunk_size_feed_forward pretraining_tp use_return_dict output_past "
    "transformers.js_config "
    # how it was initialized and trained
    "initializer_range initializer_factor attention_dropout hidden_dropout dropout activation_dropout classifier_dropout "
    "attention_probs_dropout_prob hidden_dropout_prob attn_pdrop embd_pdrop resid_pdrop encoder_layerdrop decoder_layerdrop "
    # which tokens have a role: the tokenizer says it
    "bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id mask_token_id cls_token_id prefix "
    # what classes are called: `labels.py` reads them where there are any
    "id2label label2id num_labels _num_labels "
    # how text is drawn unless told otherwise
    "max_length min_length max_new_tokens min_new_tokens do_sample early_stopping num_beams num_beam_groups diversity_penalty temperature top_k top_p "
    "typical_p repetition_penalty length_penalty no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences output_scores "
    "return_dict_in_generate forced_bos_token_id forced_eos_token_id remove_invalid_values exponential_decay_length_penalty suppress_tokens "
    "begin_suppress_tokens task_specific_params".split()
)
"""Fields of any family that do not change what an already trained model computes. Dropout is among them: an imported model has none."""


class Fields:
    """The fields of a config, which remembers what was asked for; `done` refuses what is left. A field that is null counts as absent."""

    def __init__(self, config: Mapping[str, Any]):
        self.config = {name: value for name, value in config.items() if value is not None}
        self.left = set(self.config) - NO_EFFECT

    def take(self, name: str, default: Any = ABSENT) -> Any:
        """The value of a field as it is written."""
        self.left.discard(name)
        value = self.config.get(name, default)
        if value is ABSENT:
            raise BadInput(f"config.json has no {name!r}, which this architecture needs; copy the file again.")
        return value

    def whole(self, name: str, default: Any = ABSENT, least: int = 1) -> int:
        """A whole number of at least `least`; the default may be any."""
        value = self.take(name, default)
        if name in self.config and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise BadInput(f"config.json has {name} = {value!r}, which should be a whole number of at least {least}.")
        return value

    def wholes(self, name: str, default: Any = ABSENT) -> tuple[int, ...]:
        """Several whole numbers of at least 1."""
        value = self.take(name, default)
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, int) and not isinstance(one, bool) and one > 0 for one in value):
            raise BadInput(f"config.json has {name} = {value!r}, which should be a list of whole numbers of at least 1.")
        return tuple(value)

    def number(self, name: str, default: Any = ABSENT) -> float:
        """A number."""
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadInput(f"config.json has {name} = {value!r}, which should be a number.")
        return float(value)

    def table(self, name: str) -> dict[str, Any]:
        """Fields of its own; none where it is absent."""
        value = self.take(name, {})
        if not isinstance(value, dict):
            raise BadInput(f"config.json has {name} = {value!r}, which should be a table of fields.")
        return value

    def flag(self, name: str, default: Any = ABSENT) -> bool:
        """True or false."""
        value = self.take(name, default)
        if not isinstance(value, bool):
            raise BadInput(f"config.json has {name} = {value!r}, which should be true or false.")
        return value

    def choice(self, name: str, choices: Mapping[str, str], default: Any = ABSENT) -> Any:
        """Our name of one of their choices: choices is theirs -> ours, default is theirs."""
        value = self.take(name, default)
        if not isinstance(value, str) or value not in choices:
            raise BadInput(f"config.json has {name} = {value!r}, which is not supported here; what is: {', '.join(map(repr, choices))}.")
        return choices[value]

    def must(self, name: str, *values: Any) -> None:
        """Refuse the config if it has the field with any other value than these."""
        value = self.take(name, values[0])
        if value not in values:
            raise BadInput(f"config.json has {name} = {value!r}, which is not supported here; it must be {' or '.join(map(repr, values))}.")

    def one_sequence(self) -> None:
        """Refuse a second sequence, and heads that were cut out."""
        for name in ("is_encoder_decoder", "add_cross_attention", "tie_encoder_decoder"):
            self.must(name, False)
        self.must("pruned_heads", {}, [])

    def ignore(self, *names: str) -> None:
        """Fields that have no effect in this family."""
        self.left -= set(names)

    def done(self) -> None:
        """Refuse what was neither read nor ignored: it may change the result."""
        if self.left:
            fields = ", ".join(f"{name} = {self.config[name]!r}" for name in sorted(self.left))
            raise BadInput(f"config.json has {fields}, which is not known here and may change the result; remove it if it does not.")
