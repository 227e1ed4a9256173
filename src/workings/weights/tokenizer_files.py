"""Tokenizers as the files that `transformers` reads: every kind of ours becomes a `tokenizer.json` with the same ids, Marian's stays sentencepiece.

There a special token that is spelled in a text becomes that token, here it stays text; in all other texts the ids are equal.
"""

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import AddedToken, decoders, models, pre_tokenizers

from workings.data.tokenizers import BYTES, END, Tokenizer, byte_characters

CONFIG = "tokenizer_config.json"


def write_tokenizer(folder: Path, tokenizer: Tokenizer) -> None:
    """Write the tokenizer's files into a folder."""
    if tokenizer.kind in ("json", "sentencepiece"):
        tokenizer.save(folder)
        facts = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        facts.pop("workings", None)
        write_json(folder / CONFIG, facts)
        return
    inner = WRITERS[tokenizer.kind](tokenizer)
    (folder / "tokenizer.json").write_text(inner.to_str(pretty=True), encoding="utf-8")
    facts = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write_json(folder / CONFIG, facts | (dict.fromkeys(("bos_token", "eos_token"), END) if tokenizer.end is not None else {}))


def characters(tokenizer: Any) -> tokenizers.Tokenizer:
    """Pairs of characters, none of which are ever joined; a character outside the alphabet is left out there, and refused here."""
    inner = tokenizers.Tokenizer(models.BPE(vocab={character: token for token, character in enumerate(tokenizer.characters)}, merges=[]))
    inner.decoder = decoders.Fuse()
    return inner


def bytes_(tokenizer: Tokenizer) -> tokenizers.Tokenizer:
    """The same with bytes, spelled as byte-level vocabularies do."""
    inner = tokenizers.Tokenizer(models.BPE(vocab={character: token for token, character in enumerate(byte_characters())}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    inner.add_special_tokens([AddedToken(END, special=True, normalized=False)])
    if inner.token_to_id(END) != BYTES:
        raise ValueError("the end token has another id than here")
    return inner


def pairs(tokenizer: Tokenizer) -> tokenizers.Tokenizer:
    """As it was trained."""
    return tokenizers.Tokenizer.from_str(tokenizer.to_text())


WRITERS = {"character": characters, "byte": bytes_, "bpe": pairs}
"""Kind -> the same tokenizer as the library `tokenizers` runs it."""


def token_ids(tokenizer: Tokenizer) -> dict[str, Any]:
    """The fields of a config.json that name tokens: which begins a text, and which end one."""
    named = getattr(tokenizer, "named", {})
    ends = list(tokenizer.ends)
    begin = named.get("bos", tokenizer.begin[0] if tokenizer.begin else None) if tokenizer.kind == "json" else tokenizer.end
    return {"bos_token_id": begin, "eos_token_id": ends[0] if len(ends) == 1 else ends or None, "pad_token_id": named.get("pad")}


def write_json(path: Path, content: dict[str, Any]) -> None:
    """An object as a file that people can read."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
