"""The file of a VAE without a config is recognized, and scores what its authors say: a cross-entropy of gray values, which is no likelihood."""

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from tests.weights.test_bare import DATA, mnist
from workings.data.labeled_pictures import Held, LabeledPictures
from workings.models.vae import VAE
from workings.objectives.elbo import elbo
from workings.tasks.kinds import open_model
from workings.tasks.vae_scores import describe
from workings.weights.bare import bare_task, read_bare
from workings.weights.families import vae
from workings.weights.names import write_all


def example_file(folder, side: int = 5, hidden: int = 7, latent: int = 3):
    """A file in that layout, with random numbers."""
    torch.manual_seed(0)
    shapes = {"fc1": (hidden, side**2), "fc21": (latent, hidden), "fc22": (latent, hidden), "fc3": (hidden, latent), "fc4": (side**2, hidden)}
    tensors = {f"{name}.weight": torch.randn(shape) / 3 for name, shape in shapes.items()}
    save_file(tensors | {f"{name}.bias": torch.randn(shape[0]) / 3 for name, shape in shapes.items()}, folder / "vae.safetensors")
    return folder / "vae.safetensors"


def test_its_names_and_shapes_tell_what_it_is_and_it_is_written_back_as_it_was(tmp_path):
    path = example_file(tmp_path)
    found = read_bare(path)
    assert (bare_task(path), found.facts["binarization"], type(found.model)) == ("vae", "gray", VAE)
    assert (found.settings.image_size, found.settings.widths, found.settings.latent) == ((5, 5), (7,), 3)
    written = write_all(found.model.state_dict(), vae.entries(found.settings, vae.EXAMPLE))
    stored = load_file(path)
    assert written.keys() == stored.keys() and all(torch.equal(written[name], stored[name]) for name in stored)


def test_its_bound_is_the_one_of_the_example_it_was_made_with(tmp_path):
    """BCE of the sigmoid, and -1/2 sum(1 + log sigma^2 - mu^2 - sigma^2)."""
    path = example_file(tmp_path)
    t, x, noise = load_file(path), torch.rand(4, 25), torch.randn(4, 1, 3)
    h = F.relu(F.linear(x, t["fc1.weight"], t["fc1.bias"]))
    mu, logvar = F.linear(h, t["fc21.weight"], t["fc21.bias"]), F.linear(h, t["fc22.weight"], t["fc22.bias"])
    z = mu + noise[:, 0] * torch.exp(0.5 * logvar)
    y = torch.sigmoid(F.linear(F.relu(F.linear(z, t["fc3.weight"], t["fc3.bias"])), t["fc4.weight"], t["fc4.bias"]))
    loss = F.binary_cross_entropy(y, x, reduction="none").sum(1) - 0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)
    torch.testing.assert_close(-elbo(read_bare(path).model, x.view(4, 1, 5, 5), noise).value, loss, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("change", [dict(side=3), dict(side=6)])
def test_other_sizes_are_read_and_what_is_no_square_or_has_more_tensors_is_not(change, tmp_path):
    path = example_file(tmp_path, **change)
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(path).items()}
    assert vae.recognized(shapes, {})["image_size"] == change["side"]
    assert vae.recognized(shapes | {"fc5.weight": (2, 2)}, {}) is None
    assert vae.recognized(shapes | {"fc1.weight": (7, 26)}, {}) is None


@pytest.mark.slow
def test_the_vae_for_mnist_scores_what_its_source_says_on_gray_pictures_and_something_else_on_binary_ones():
    if not (DATA / "weights" / "mnist_vae.safetensors").exists():
        pytest.skip("the VAE for MNIST is not here (set WORKINGS_DATA)")
    pixels, _ = mnist()
    drawer = open_model(DATA / "weights" / "mnist_vae.safetensors")
    pictures = LabeledPictures("MNIST", [""] * len(pixels), Held(pixels), torch.arange(len(pixels)))
    gray, binary = (describe(drawer.vae, pictures, torch.zeros(len(pixels), dtype=torch.int64), how).scores for how in ("gray", "fixed"))
    assert gray["loss"] == pytest.approx(103.2, abs=0.15) and "bits_per_dimension" not in gray
    assert binary["loss"] == pytest.approx(99.7, abs=0.3)
    assert gray["active_units"] == 20
    assert drawer.draw(4).pictures.shape == (4, 1, 28, 28)
