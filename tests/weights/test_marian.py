"""Marian read here is Marian: logits, hidden states of both sides, gradients, greedy and beam translations; written again it is the same file."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.weights.oracles import change_config, close, close_hidden, entries_of, import_from, mapped, oracle, padded, round_trip
from workings.errors import BadInput
from workings.generation.translate import TranslationSteps, search
from workings.generation.translate_settings import TranslateSettings
from workings.weights.families import marian
from workings.weights.importing import read_foreign

transformers = pytest.importorskip("transformers")

SIZES = dict(vocab_size=29, d_model=12, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=3, encoder_ffn_dim=16)
SIZES |= dict(decoder_ffn_dim=10, max_position_embeddings=24, pad_token_id=28, eos_token_id=0, decoder_start_token_id=28, forced_eos_token_id=None)


@torch.no_grad()
def marian_oracle(seed: int = 0, base: bool = False, **changes):
    """A random model whose positions are sines and cosines again, and that ends its texts now and then."""
    config = transformers.MarianConfig(**(SIZES | changes), attn_implementation="eager")
    model = oracle((transformers.MarianModel if base else transformers.MarianMTModel)(config), seed)
    for side in (model.get_encoder(), model.get_decoder()):
        side.embed_positions.weight.copy_(side.embed_positions.create_weight())
    if not base:
        model.final_logits_bias[0, 0] += 1.0
    return model


@pytest.fixture
def folder(tmp_path):
    """A folder that transformers saved."""
    marian_oracle().save_pretrained(tmp_path)
    return tmp_path


def close_gradients(found, theirs, ours, wanted, visible) -> None:
    """Of a random weighting of the visible logits, for every parameter of theirs; positions and the bias are constants there."""
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(7)) / wanted[0].numel() ** 0.5 * visible[..., None]
    (wanted * weights).sum().backward()
    (ours * weights).sum().backward()
    expected = mapped({name: p.grad for name, p in theirs.named_parameters() if p.grad is not None}, entries_of(found))
    mine = {name: p.grad for name, p in found.model.named_parameters()}
    assert set(mine) - {"logit_bias"} == set(expected) - ({"decoder.embedding.weight"} if found.settings.shared else set())
    for name, gradient in mine.items():
        if name == "logit_bias":
            close(gradient, weights.sum((0, 1)))
        else:
            scale = expected[name].abs().max().clamp(min=1)
            torch.testing.assert_close(gradient / scale, expected[name] / scale, rtol=1e-4, atol=1e-5, msg=lambda said, name=name: f"{name}: {said}")


configs = st.fixed_dictionaries(
    {
        "encoder_layers": st.integers(1, 3),
        "decoder_layers": st.integers(1, 3),
        "encoder_attention_heads": st.sampled_from([1, 2, 3, 4]),
        "decoder_attention_heads": st.sampled_from([1, 2, 3, 4]),
        "encoder_ffn_dim": st.sampled_from([5, 48]),
        "decoder_ffn_dim": st.sampled_from([7, 32]),
        "activation_function": st.sampled_from(["swish", "relu", "gelu", "gelu_new"]),
        "scale_embedding": st.booleans(),
    }
)
embeddings = st.sampled_from(
    [
        dict(),
        dict(share_encoder_decoder_embeddings=False, decoder_vocab_size=31),
        dict(share_encoder_decoder_embeddings=False, tie_word_embeddings=False, decoder_vocab_size=37),
        dict(tie_word_embeddings=False),
    ]
)


@settings(max_examples=10, deadline=None)
@given(
    config=configs, embedding=embeddings, width=st.sampled_from([12, 24, 36]), seed=st.integers(0, 2**20), padding=st.sampled_from(["none", "left", "right"])
)
def test_logits_hidden_states_and_gradients_are_those_of_the_original(config, embedding, width, seed, padding, tmp_path_factory):
    folder = tmp_path_factory.mktemp("marian")
    theirs = marian_oracle(seed, **config, **embedding, d_model=width)
    found = import_from(theirs, folder)
    source, visible, _ = padded(
        28, 24, "right" if padding == "left" else padding, seed
    )  # theirs counts padding on the left as positions, and learns nothing of token 28
    target, written, _ = padded(28, 24, "right" if padding == "left" else padding, seed + 1)
    visible, written = (torch.ones_like(tokens, dtype=torch.bool) if seen is None else seen for tokens, seen in ((source, visible), (target, written)))
    if padding == "left":  # without padding theirs is the same, so the shorter rows are moved only here
        ours_source, ours_visible = source.flip(-1), visible.flip(-1)
        for row, count in enumerate(visible.sum(-1).tolist()):
            ours_source[row, -count:] = source[row, :count]
    else:
        ours_source, ours_visible = source, visible
    record = {}
    logits = found.model(ours_source, target, source_visible=ours_visible, target_visible=written, record=record)
    wanted = theirs(source, attention_mask=visible.long(), decoder_input_ids=target, decoder_attention_mask=written.long(), output_hidden_states=True)
    close(logits, wanted.logits, written)
    close_hidden(record["decoder"], wanted.decoder_hidden_states, written)
    if padding != "left":
        close_hidden(record["encoder"], wanted.encoder_hidden_states, visible)
    close_gradients(found, theirs, logits, wanted.logits, written)
    if embedding != dict(tie_word_embeddings=False):  # whose third embedding, "shared", is used nowhere and not kept
        round_trip(found, folder)


def sources(seed: int, count: int) -> tuple[list[list[int]], torch.Tensor, torch.Tensor]:
    """Ragged sources as lists, and padded with their mask."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 9, (count,), generator=generator).tolist()
    rows = [torch.randint(1, 28, (length,), generator=generator).tolist() for length in lengths]
    tokens = torch.full((count, max(lengths)), 28)
    for row, ids in enumerate(rows):
        tokens[row, : len(ids)] = torch.tensor(ids)
    return rows, tokens, tokens != 28


def generated(theirs, tokens, visible, **how) -> tuple[list[list[int]], list[float]]:
    """What transformers writes: tokens up to the end, and the scores of a beam search."""
    with torch.no_grad():
        out = theirs.generate(tokens, attention_mask=visible.long(), do_sample=False, return_dict_in_generate=True, output_scores=True, **how)
    texts = [row[: row.index(0)] if 0 in row else row for row in out.sequences[:, 1:].tolist()]
    return texts, out.sequences_scores.tolist() if how["num_beams"] > 1 else []


@pytest.mark.parametrize("seed", range(4))
def test_greedy_translations_are_token_for_token_those_of_the_original(seed, tmp_path):
    theirs = marian_oracle(seed, scale_embedding=bool(seed % 2), activation_function="swish")
    rows, tokens, visible = sources(seed, 5)
    forced = 0 if seed % 2 else None
    wanted, _ = generated(theirs, tokens, visible, num_beams=1, max_length=12, forced_eos_token_id=forced, bad_words_ids=[[28], [3]])
    choices = TranslateSettings(beam=1, tokens=11, bad_words=((28,), (3,)), forced_end=forced is not None)
    found = search(TranslationSteps(import_from(theirs, tmp_path).model), rows, choices)
    for (hypothesis,), text in zip(found, wanted, strict=True):
        assert hypothesis.tokens == text[: len(hypothesis.tokens)] and set(text[len(hypothesis.tokens) :]) <= {28}  # padding of the shorter ones


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**20),
    beam=st.integers(2, 5),
    stopping=st.sampled_from(["usual", "full", "exact"]),
    penalty=st.sampled_from([0.0, 0.6, 1.0, 1.7, -0.5]),
    limit=st.sampled_from([3, 8, 15]),
    forced=st.booleans(),
    bad=st.sampled_from([(), ((28,),), ((28,), (3,), (1, 2), (5, 6, 7))]),
    renormalize=st.booleans(),
    count=st.integers(1, 5),
)
def test_beam_searches_are_those_of_the_original_token_for_token_and_score_for_score(
    seed, beam, stopping, penalty, limit, forced, bad, renormalize, count, tmp_path_factory
):
    theirs = marian_oracle(seed % 7, scale_embedding=True)
    rows, tokens, visible = sources(seed, count)
    how = dict(num_beams=beam, num_return_sequences=beam, length_penalty=penalty, max_length=limit + 1, renormalize_logits=renormalize)
    how |= dict(early_stopping={"usual": False, "full": True, "exact": "never"}[stopping], bad_words_ids=[list(word) for word in bad] or None)
    wanted, scores = generated(theirs, tokens, visible, **how, forced_eos_token_id=0 if forced else None)
    choices = TranslateSettings(
        beam=beam, nbest=beam, length_penalty=penalty, stopping=stopping, tokens=limit, bad_words=bad, renormalize=renormalize, forced_end=forced
    )
    found = search(TranslationSteps(import_from(theirs, tmp_path_factory.mktemp("marian")).model), rows, choices)
    for place, (text, score) in enumerate(zip(wanted, scores, strict=True)):
        hypothesis = found[place // beam][place % beam]
        assert hypothesis.score == pytest.approx(score, rel=1e-4, abs=1e-4)
        ties = sum(abs(other - score) < 1e-4 for other in scores[place // beam * beam :][:beam])
        if ties == 1:  # which of two equal ones comes first says nothing
            assert hypothesis.tokens == text[: len(hypothesis.tokens)] and set(text[len(hypothesis.tokens) :]) <= {28}


def test_a_base_model_translates_with_its_tied_embedding_and_its_stored_positions_are_checked(tmp_path):
    theirs = marian_oracle(seed=5, base=True)
    source, target = torch.arange(7)[None], torch.arange(9)[None]
    found, record = import_from(theirs, tmp_path), {}
    found.model(source, target, record=record)
    close(record["decoder"]["output"], theirs(source, decoder_input_ids=target).last_hidden_state)
    tensors = load_file(tmp_path / "theirs" / "model.safetensors")
    assert "decoder.embed_positions.weight" in tensors
    tensors["decoder.embed_positions.weight"][3, 2] += 0.1
    save_file(tensors, tmp_path / "theirs" / "model.safetensors")
    with pytest.raises(BadInput, match="not the constants that they should be: decoder.embed_positions.weight"):
        read_foreign(tmp_path / "theirs")
    change_config(tmp_path / "theirs", tie_word_embeddings=False)
    with pytest.raises(BadInput, match="which has no head to write with"):
        read_foreign(tmp_path / "theirs")


def test_files_of_other_years_with_copies_positions_or_without_the_bias_are_read(folder):
    tensors = load_file(folder / "model.safetensors")
    source, target = torch.arange(7)[None], torch.arange(9)[None]
    wanted = read_foreign(folder).model(source, target)
    one = tensors["model.shared.weight"]
    copies = {name: one.clone() for name in ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")}
    positions = {f"model.{side}.embed_positions.weight": marian.sinusoids(torch.Size((24, 12))).float() for side in ("encoder", "decoder")}
    save_file(tensors | copies | positions, folder / "model.safetensors")
    assert torch.equal(read_foreign(folder).model(source, target), wanted)
    save_file(tensors | {"lm_head.weight": one + 1}, folder / "model.safetensors")
    with pytest.raises(BadInput, match="not the copy that it should be: lm_head.weight of model.shared.weight"):
        read_foreign(folder)
    save_file({name: tensor for name, tensor in tensors.items() if name != "final_logits_bias"}, folder / "model.safetensors")
    torch.testing.assert_close(read_foreign(folder).model(source, target), wanted - tensors["final_logits_bias"])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"normalize_before": True}, "normalize_before = True"),
        ({"add_final_layer_norm": True}, "add_final_layer_norm = True"),
        ({"static_position_embeddings": False}, "static_position_embeddings = False"),
        ({"activation_function": "mish"}, "activation_function = 'mish', which is not supported here; what is: 'swish'"),
        ({"d_model": 13}, "does not divide by model.heads 2"),
        ({"tied_layers": [1, 2]}, "tied_layers = [1, 2], which is not known here and may change the result"),
        ({"decoder_vocab_size": 30}, "between vocab_size 29 and decoder_vocab_size 30"),
        ({"encoder_layers": 2}, "missing: model.encoder.layers.1"),
    ],
)
def test_a_field_that_would_change_the_result_is_refused_by_name(fields, said, folder):
    change_config(folder, **fields)
    with pytest.raises(BadInput) as error:
        read_foreign(folder)
    assert said in str(error.value)


OPUS = """{"activation_dropout": 0.0, "activation_function": "swish", "add_bias_logits": false, "add_final_layer_norm": false,
    "architectures": ["MarianMTModel"], "attention_dropout": 0.0, "bad_words_ids": [[58100]], "bos_token_id": 0, "classif_dropout": 0.0,
    "classifier_dropout": 0.0, "d_model": 512, "decoder_attention_heads": 8, "decoder_ffn_dim": 2048, "decoder_layerdrop": 0.0, "decoder_layers": 6,
    "decoder_start_token_id": 58100, "decoder_vocab_size": 58101, "dropout": 0.1, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048,
    "encoder_layerdrop": 0.0, "encoder_layers": 6, "eos_token_id": 0, "forced_eos_token_id": 0, "gradient_checkpointing": false,
    "_num_labels": 1, "id2label": {"0": "LABEL_0"}, "init_std": 0.02, "is_encoder_decoder": true, "label2id": {"LABEL_0": 0}, "max_length": 512,
    "max_position_embeddings": 512, "model_type": "marian", "normalize_before": false, "normalize_embedding": false, "num_beams": 6,
    "num_hidden_layers": 6, "pad_token_id": 58100, "scale_embedding": true, "share_encoder_decoder_embeddings": true,
    "static_position_embeddings": true, "transformers_version": "4.22.0", "use_cache": true, "vocab_size": 58101}"""


@pytest.mark.parametrize("stopping", ["usual", "full", "exact"])
def test_defaults_for_translating_go_out_and_come_in_again(stopping):
    found = dict(beam=6, length_penalty=0.8, stopping=stopping, tokens=511, bad_words=[[58100]], renormalize=True, forced_end=True)
    _, read = marian.read_config(json.loads(OPUS))
    assert marian.defaults({}, marian.write_defaults(found, read)) == found
    assert marian.defaults({}, marian.write_defaults({}, read)) == {}


def test_the_config_of_an_opus_model_is_read_with_its_defaults_for_translating():
    config = json.loads(OPUS)
    task, found = marian.read_config(config)
    assert task == "translation" and found.shared and found.decoder.tied and found.logit_bias
    assert (found.encoder.layers, found.decoder.heads, found.encoder.ff_width, found.decoder.vocabulary) == (6, 8, 2048, 58101)
    assert (found.start, found.end, found.padding, found.encoder.embedding_scale, found.encoder.phi) == (58100, 0, 58100, "sqrt(D)", "silu")
    wanted = dict(beam=6, tokens=511, bad_words=[[58100]], forced_end=True)
    assert marian.defaults(config, {}) == wanted
    said = dict(num_beams=4, renormalize_logits=True, early_stopping=True, length_penalty=2)
    assert marian.defaults(config, said) == wanted | dict(beam=4, renormalize=True, stopping="full", length_penalty=2.0)


@pytest.mark.parametrize(
    "asked", [dict(no_repeat_ngram_size=3), dict(repetition_penalty=1.2), dict(do_sample=True), dict(forced_eos_token_id=5), dict(min_new_tokens=4)]
)
def test_a_default_for_translating_that_is_not_supported_is_refused_by_name(asked):
    with pytest.raises(BadInput, match=f"asks for {next(iter(asked))} = "):
        marian.defaults(json.loads(OPUS), asked)


@pytest.mark.parametrize("asked", [dict(early_stopping="no"), dict(early_stopping=[1]), dict(max_length="long")])
def test_a_default_for_translating_that_is_none_is_refused_by_name(asked):
    with pytest.raises(BadInput, match=f"has {next(iter(asked))} = "):
        marian.defaults(json.loads(OPUS), asked)


@pytest.mark.parametrize(("side", "switch", "value"), [("encoder", "position", "rotary"), ("decoder", "norm", "rms"), ("decoder", "placement", "pre")])
def test_a_switch_that_marian_has_no_place_for_is_refused_by_name_and_value(side, switch, value):
    from dataclasses import replace

    _, found = marian.read_config(json.loads(OPUS))
    changed = replace(found, **{side: replace(getattr(found, side), **{switch: value})})
    with pytest.raises(BadInput, match=f"model.{switch} is {value!r}, for which MarianMTModel has no place"):
        marian.home(changed)
