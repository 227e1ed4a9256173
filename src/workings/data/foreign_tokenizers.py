"""The tokenizer of a foreign model folder, as `save_pretrained` writes it: `tokenizer.json`, or the older files that came before it."""

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors

from workings.data.files import read_json
from workings.data.json_tokenizer import JsonTokenizer, check_size, named_tokens, spelling
from workings.data.sentencepiece import SentencePieceTokenizer
from workings.data.tokenizers import Tokenizer
from workings.errors import BadInput

FILES = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "source.spm", "target.spm")
"""What a tokenizer may be made of: the first; or the next two; or the next; or the last two with vocab.json."""

ROBERTA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>", "mask_token": "<mask>"}
PAIRS = {"gpt2": dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>"), "roberta": ROBERTA}
"""The kinds of vocab.json with merges.txt, and their tokens with a role when no file says so."""
WORDS = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
"""The same of vocab.txt."""
BERT_SWITCHES = {"do_lower_case": "lowercase", "tokenize_chinese_chars": "handle_chinese_chars", "strip_accents": "strip_accents"}
"""In tokenizer_config.json -> in tokenizer.json; where both are given, the first holds."""
PIECES = {"normalizer": normalizers, "pre_tokenizer": pre_tokenizers, "post_processor": processors, "decoder": decoders, "model": models}
"""The parts of a tokenizer.json, and where the library has the pieces they may be."""


def read_foreign_tokenizer(folder: Path, config: dict[str, Any]) -> Tokenizer | None:
    """The tokenizer of a folder; None for a model that reads no text: no vocab_size in its config, and no tokenizer files.

    config: the parsed `config.json`, for the size of the model's table, the ids that end a text, and the kind of older files.
    """
    folder = Path(folder)
    here = {name for name in FILES if (folder / name).exists()}
    if "vocab_size" not in config and not here:
        return None
    facts = tokenizer_config(folder)
    ends = end_ids(config, read_json(folder / "generation_config.json") if (folder / "generation_config.json").exists() else {})
    if {"source.spm", "target.spm", "vocab.json"} <= here:
        return SentencePieceTokenizer.read(folder, facts, config.get("vocab_size"), ends)
    if "tokenizer.json" in here:
        inner = from_json(folder / "tokenizer.json", facts)
    elif {"vocab.json", "merges.txt"} <= here:
        inner = from_pairs(folder, facts, config)
    elif "vocab.txt" in here:
        inner = from_words(folder, facts, config)
    else:
        found = f" (only {' and '.join(sorted(here))} found)" if here else ""
        raise BadInput(
            f"{str(folder)!r} has no tokenizer: looked for tokenizer.json, or vocab.json with merges.txt, or vocab.txt, or source.spm with target.spm and "
            f"vocab.json{found}; copy the model's tokenizer files there, as save_pretrained writes them."
        )
    return finish(folder, inner, facts, config.get("vocab_size"), ends)


def load_saved(folder: Path, kind: str) -> Tokenizer:
    """The tokenizer of a foreign model that `save` has written into a folder of ours."""
    facts = read_json(folder / "tokenizer_config.json")
    saved = facts.pop("workings", None)
    if not isinstance(saved, dict) or not {"size", "ends"} <= saved.keys():
        raise BadInput(f"{str(folder / 'tokenizer_config.json')!r} is damaged (it has no size and ends under 'workings'); copy the model's folder again.")
    if kind == "sentencepiece":
        return SentencePieceTokenizer.read(folder, facts, saved["size"], saved["ends"])
    return finish(folder, from_json(folder / "tokenizer.json", facts), facts, saved["size"], saved["ends"])


def tokenizer_config(folder: Path) -> dict[str, Any]:
    """`tokenizer_config.json`, with the tokens of the older `special_tokens_map.json` and `added_tokens.json`, where there are any."""
    read = {name: read_json(folder / name) if (folder / name).exists() else {} for name in ("special_tokens_map.json", "tokenizer_config.json")}
    facts = read["special_tokens_map.json"] | {key: value for key, value in read["tokenizer_config.json"].items() if value is not None}
    if "added_tokens_decoder" not in facts and (folder / "added_tokens.json").exists():
        facts["added_tokens_decoder"] = {str(token): {"content": content} for content, token in read_json(folder / "added_tokens.json").items()}
    added = facts.get("added_tokens_decoder", {})
    if not isinstance(added, dict) or not all(number.isdecimal() for number in added):
        raise BadInput(f"{str(folder / 'tokenizer_config.json')!r} is damaged (added_tokens_decoder has no ids); copy the model's folder again.")
    return facts


def end_ids(config: dict[str, Any], generation: dict[str, Any]) -> list[int]:
    """The ids that end a text: those of generation_config.json, or else of config.json; Llama 3 has several."""
    found = generation.get("eos_token_id", config.get("eos_token_id"))
    ends = [] if found is None else found if isinstance(found, list) else [found]
    if not all(type(token) is int and token >= 0 for token in ends):
        raise BadInput(f"eos_token_id in generation_config.json or config.json is {found!r}, which is no id of a token; write the number of the end token.")
    return ends


def from_json(path: Path, facts: dict[str, Any]) -> tokenizers.Tokenizer:
    """A `tokenizer.json` of any kind: its own pieces as they are written there."""
    auto = (facts.pop("auto_map", None) or {}).get("AutoTokenizer")
    if isinstance(auto, list) and auto[-1] is not None:
        raise BadInput(
            f"The tokenizer in {str(path.parent)!r} is Python code ({auto[-1]}, under auto_map in tokenizer_config.json), which is not run here; "
            "save it as a plain tokenizer.json, without auto_map, if that gives the same tokens."
        )
    data = read_json(path)
    for name in ("add_bos_token", "add_eos_token"):  # the template in the file says it
        facts.pop(name, None)
    for part, known in PIECES.items():
        for kind in kinds_within(data.get(part)):
            if not hasattr(known, kind):
                raise BadInput(
                    f"{str(path)!r} has a {part} of type {kind!r}, which needs Python code that is not in the file; use a tokenizer of the library's pieces."
                )
    roles = {*named_tokens(facts).values()}
    try:
        for token in data.get("added_tokens") or []:
            token["special"] = token["special"] or token["content"] in roles
        if data.get("normalizer") and data["normalizer"]["type"] == "BertNormalizer":
            data["normalizer"] |= {theirs: facts[name] for name, theirs in BERT_SWITCHES.items() if name in facts}
        return tokenizers.Tokenizer.from_str(json.dumps(data | {"padding": None, "truncation": None}))
    except Exception as error:  # The library raises bare exceptions for a file that it cannot read.
        raise BadInput(f"{str(path)!r} is damaged ({error}); copy the model's folder again.") from None


def kinds_within(piece: Any) -> set[str]:
    """The types of a piece and of those that it is a sequence of."""
    if isinstance(piece, list):
        return set().union(*map(kinds_within, piece))
    if not isinstance(piece, dict):
        return set()
    inside = set().union(*(kinds_within(value) for value in piece.values() if isinstance(value, list) and value and isinstance(value[0], dict)))
    return inside | ({piece["type"]} if "type" in piece else set())


def older_kind(folder: Path, facts: dict[str, Any], config: dict[str, Any], known: dict[str, str]) -> str:
    """Whose the older files are: by the class in tokenizer_config.json, or else by the model's type; its class is kept."""
    named = facts.get("tokenizer_class") or config.get("model_type") or next(iter(known))
    kind = str(named).removesuffix("Fast").removesuffix("Tokenizer").lower()
    if kind not in known:
        raise BadInput(
            f"{str(folder)!r} has only the older tokenizer files of {named!r}, which are read for {', '.join(known)} alone; "
            "load it with transformers once and save_pretrained it, which writes a tokenizer.json."
        )
    facts["tokenizer_class"] = known[kind]
    return kind


def from_pairs(folder: Path, facts: dict[str, Any], config: dict[str, Any]) -> tokenizers.Tokenizer:
    """Byte-level pairs of `vocab.json` and `merges.txt`, cut by GPT-2's pattern; of RoBERTa with <s> and </s> around. Adds to facts what the kind implies."""
    roles = PAIRS[older_kind(folder, facts, config, {"gpt2": "GPT2Tokenizer", "roberta": "RobertaTokenizer"})]
    facts |= roles | facts
    read_json(folder / "vocab.json")
    try:
        inner = tokenizers.Tokenizer(models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt")))
    except Exception as error:
        raise BadInput(f"vocab.json and merges.txt in {str(folder)!r} do not fit each other ({error}); copy both from the same model.") from None
    space = bool(facts.get("add_prefix_space", False))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
    inner.decoder = decoders.ByteLevel()
    complete(inner, facts)
    if "cls_token" in roles:
        inner.post_processor = processors.RobertaProcessing(role(inner, facts, "sep"), role(inner, facts, "cls"), add_prefix_space=space)
    return inner


def from_words(folder: Path, facts: dict[str, Any], config: dict[str, Any]) -> tokenizers.Tokenizer:
    """WordPieces of `vocab.txt`, a piece a line, with [CLS] and [SEP] around. Adds to facts what the kind implies."""
    older_kind(folder, facts, config, {"bert": "BertTokenizer", "distilbert": "DistilBertTokenizer", "electra": "ElectraTokenizer"})
    facts |= WORDS | facts
    path = folder / "vocab.txt"
    try:
        inner = tokenizers.Tokenizer(models.WordPiece.from_file(str(path), unk_token=spelling(facts["unk_token"])))
    except Exception as error:
        raise BadInput(f"{str(path)!r} is damaged ({error}); copy the model's folder again.") from None
    missing = [spelling(facts[name]) for name in ("unk_token", "cls_token", "sep_token") if inner.token_to_id(spelling(facts[name])) is None]
    if missing:
        raise BadInput(f"{str(path)!r} is damaged (it has no line {' nor '.join(missing)}); copy the model's folder again.")
    switches = {"lowercase": True, "handle_chinese_chars": True} | {theirs: facts[name] for name, theirs in BERT_SWITCHES.items() if name in facts}
    inner.normalizer = normalizers.BertNormalizer(clean_text=True, **switches)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece(prefix="##")
    cls, sep = role(inner, facts, "cls"), role(inner, facts, "sep")
    single = f"{cls[0]}:0 $A:0 {sep[0]}:0"
    inner.post_processor = processors.TemplateProcessing(single=single, pair=f"{single} $B:1 {sep[0]}:1", special_tokens=[cls, sep])
    return inner


def finish(folder: Path, inner: tokenizers.Tokenizer, facts: dict[str, Any], rows: int | None, ends: list[int]) -> JsonTokenizer:
    """What all kinds have in common: tokens with a role, the template of <s> and </s>, the ids that end a text, and V, the model's rows."""
    complete(inner, facts)
    wanted = [name for name in ("bos", "eos") if facts.pop(f"add_{name}_token", False) and facts.get(f"{name}_token")]
    if inner.post_processor is None:
        around = {name: role(inner, facts, name) for name in wanted}
        first, last = ([token[0] for name, token in around.items() if name == which] for which in ("bos", "eos"))
        one, two = ([f"{piece}:{segment}" for piece in [*first, f"${'AB'[segment]}", *last]] for segment in (0, 1))
        inner.post_processor = processors.TemplateProcessing(single=one, pair=one + two, special_tokens=[*around.values()])
    size = max(inner.get_vocab(with_added_tokens=True).values(), default=-1) + 1
    check_size(folder, size, rows)
    own = [role(inner, facts, "eos")[1]] if facts.get("eos_token") else []
    return JsonTokenizer(inner, facts, rows or size, list(dict.fromkeys([*own, *ends])))


def complete(inner: tokenizers.Tokenizer, facts: dict[str, Any]) -> None:
    """Add the tokens that the configuration names and the vocabulary has not: they get the ids after its last."""
    have = {token.content for token in inner.get_added_tokens_decoder().values()}
    listed = sorted(facts.get("added_tokens_decoder", {}).items(), key=lambda entry: int(entry[0]))
    inner.add_tokens([as_added(token) for _, token in listed if spelling(token) not in have])
    roles = [facts[f"{name}_token"] for name in named_tokens(facts)]
    extra = [token for name in ("additional_special_tokens", "extra_special_tokens") for token in facts.get(name) or ()]
    inner.add_special_tokens([as_added(token, special=True) for token in [*roles, *extra]])


def as_added(token: str | dict[str, Any], special: bool = False) -> AddedToken:
    """A token of a configuration, a string or with its switches, as the library wants it."""
    switches = {} if isinstance(token, str) else {name: token[name] for name in ("lstrip", "rstrip", "single_word", "normalized") if name in token}
    special = special or (isinstance(token, dict) and bool(token.get("special")))
    return AddedToken(spelling(token), special=special, **{"normalized": not special} | switches)


def role(inner: tokenizers.Tokenizer, facts: dict[str, Any], name: str) -> tuple[str, int]:
    """The spelling and the id of the token with a role, which `complete` has seen to."""
    token = spelling(facts[f"{name}_token"])
    return token, inner.get_vocab()[token]
