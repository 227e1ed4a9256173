"""A tour whose trainings take a moment."""

from dataclasses import replace

from workings.tour.stops import JOBS

TINY = {
    "language": ({"data": "pride", "tokenizer": "bpe"}, ("data.tokens=300", "model.layers=1", "model.heads=2", "model.width=8", "model.context=16")),
    "sentences": ({"data": "movies"}, ("data.tokens=300", "data.longest=16", "model.body.context=16", "model.body.layers=1", "model.body.width=8")),
    "translation": ({"data": "emoji-es"}, ("data.tokens=300", "model.layers=1", "model.heads=2", "model.width=8", "model.ff_width=8", "tuning.scored=3")),
    "pictures": ({"data": "fashion", "model": "vit"}, ("model.body.layers=1", "model.body.width=8", "model.patch_size=[14,14]", "data.fraction=0.02")),
    "vae": ({"data": "fashion", "labels": True}, ("model.widths=[7]", "model.latent=2", "data.fraction=0.02")),
    "gan": ({"data": "fashion", "labels": True}, ("model.width=2", "model.latent=3", "data.fraction=0.02")),
    "diffusion": (
        {"data": "fashion", "labels": True, "model": "unet-tiny"},
        ("model.widths=[8,8]", "model.heads=[1]", "model.attention=[]", "data.fraction=0.02", "shown.steps=1"),
    ),
}
SCORING = {"translation": {"beam": 1}, "vae": {"judge": "pictures", "drawings": 20}, "gan": {"judge": "pictures", "drawings": 20}}


def tiny(*names: str):
    """The jobs of these names, or all, made small: two steps each."""
    return tuple(
        replace(job, given=TINY[job.name][0], settings=(*TINY[job.name][1], "training.steps=2", "training.batch=4"), scoring=SCORING.get(job.name, {}))
        for job in JOBS
        if not names or job.name in names
    )
