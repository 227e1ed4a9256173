"""The hub by name: from the cache without a network, refused in a sentence where it cannot be; sent as the folder is, to a stub in the network's place."""

import base64
import json
import re
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.utils import _http

from workings.errors import BadInput
from workings.weights.hub import locate, push

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of the hub's."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def put(cache: Path, name: str, **files: str) -> Path:
    """A model in the cache, as a download leaves it."""
    kept = cache / f"models--{name.replace('/', '--')}"
    folder = kept / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(COMMIT)
    for file, text in files.items():
        (folder / file.replace("__", ".")).write_text(text)
    return folder


def test_a_folder_is_itself(tmp_path):
    assert locate(tmp_path) == tmp_path and locate(str(tmp_path)) == tmp_path


def test_a_name_in_the_cache_needs_no_network(cache):
    folder = put(cache, "someone/small", config__json="{}", model__safetensors="")
    assert locate("someone/small") == folder


@pytest.mark.parametrize("name", ["nobody/nothing", "gpt9"])
def test_a_name_that_cannot_be_reached_is_refused_in_a_sentence(name, cache):
    with pytest.raises(BadInput, match=f"There is no folder {name}, the cache has no model of that name, and HF_HUB_OFFLINE is set"):
        locate(name)


def test_a_folder_that_may_have_been_meant_is_named(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/sentences-1", "minilm", "other"):
        (tmp_path / folder).mkdir(parents=True)
    for name, meant in (("sentence-1", "runs/sentences-1"), ("minilm2", "minilm"), ("runs/sentences-2", "runs/sentences-1")):
        with pytest.raises(BadInput, match=rf"did you mean {meant}\? Else give the folder of a run or of a model"):
            locate(name)
    with pytest.raises(BadInput, match="is set; give the folder of a run"):
        locate("unlike")


@pytest.mark.parametrize("name", ["some/folder/deep", "../models", "a b", Path("nobody/nothing")])
def test_what_cannot_be_a_name_is_taken_for_a_folder(name, cache):
    with pytest.raises(BadInput, match="There is no folder"):
        locate(name)


def test_a_cached_model_with_pickles_only_is_refused_with_the_way_to_convert_them(cache):
    put(cache, "someone/old", config__json="{}")
    with pytest.raises(BadInput, match=r"has no safetensors; if its weights are pickled: .*save_pretrained"):
        locate("someone/old")


@pytest.fixture
def hub(monkeypatch):
    """A stub in the place of the network: remembers what was asked and the files that were committed."""
    asked, sent = [], {}

    def answer(request):
        path = request.url.path
        body = request.read()
        asked.append((request.method, path, body))
        if path == "/api/repos/create":
            return library.Response(200, json={"url": "https://huggingface.co/me/mine"})
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            return library.Response(200, json={"files": [{"path": file["path"], "uploadMode": "regular", "shouldIgnore": False} for file in files]})
        if "/commit/" in path:
            lines = [json.loads(line) for line in body.splitlines()]
            sent.update({line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"})
            return library.Response(200, json={"commitUrl": "https://huggingface.co/me/mine/commit/1", "commitOid": COMMIT, "success": True})
        return library.Response(200, json={"sha": COMMIT, "id": "me/mine", "siblings": []})

    library = _http.httpx2
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    huggingface_hub.set_client_factory(lambda: library.Client(transport=library.MockTransport(answer)))
    yield asked, sent
    huggingface_hub.set_client_factory(_http.default_client_factory)


@pytest.fixture
def run(tmp_path) -> Path:
    """A run with a model in it."""
    model = tmp_path / "run" / "model"
    model.mkdir(parents=True)
    for name, content in {"config.json": b"{}", "model.safetensors": b"\x00\x01weights", "README.md": b"# Card\n", "tokenizer.json": b"{}"}.items():
        (model / name).write_bytes(content)
    return tmp_path / "run"


@pytest.mark.parametrize("given", ["run", "run/model"])
def test_the_files_that_are_sent_are_the_folders(given, run, hub, tmp_path):
    asked, sent = hub
    assert push(tmp_path / given, "me/mine") == "https://huggingface.co/me/mine"
    assert sent == {path.name: path.read_bytes() for path in (run / "model").iterdir()}
    created = json.loads(next(body for _, path, body in asked if path == "/api/repos/create"))
    assert created["name"] == "mine" and created["organization"] == "me"
    assert created.get("private") is True or created.get("visibility") == "private"


def test_a_repository_is_public_only_when_told(run, hub):
    asked, _ = hub
    push(run, "me/mine", private=False)
    created = json.loads(next(body for _, path, body in asked if path == "/api/repos/create"))
    assert created.get("private") is False or created.get("visibility") == "public"


def test_what_cannot_be_sent_is_refused_in_a_sentence(run, cache, tmp_path):
    with pytest.raises(BadInput, match="HF_HUB_OFFLINE is set"):
        push(run, "me/mine")
    with pytest.raises(BadInput, match=re.escape("'mine' is no name for a model on the hub")):
        push(run, "mine")
    with pytest.raises(BadInput, match=r"it has no config\.json"):
        push(tmp_path, "me/mine")


def test_the_home_of_somebody_who_is_not_here_is_a_folder_that_is_not_there():
    with pytest.raises(BadInput, match="There is no folder ~nobody.like.this/model"):
        locate("~nobody.like.this/model")
