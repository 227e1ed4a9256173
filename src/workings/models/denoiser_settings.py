"""What the settings of every denoising network have in common: the pictures and what is told beside them. Imports no torch."""

from dataclasses import dataclass

from workings.errors import BadInput


@dataclass(kw_only=True, frozen=True)
class DenoiserSettings:
    """Pictures of one size, and a condition: nothing, a class, or the vectors of a text."""

    image_size: tuple[int, ...] = (32, 32)
    """Height and width of a picture; one number for a square."""
    channels: int = 3
    """The numbers of a pixel: 3 for color, 1 for gray, 4 or more for the latents of an autoencoder."""
    out_channels: int = 0
    """The numbers that the network gives for a pixel; 0 means as many as there are channels."""
    classes: int = 0
    """The classes that the network is told; 0 for none."""
    class_names: tuple[str, ...] = ()
    """What the classes are called; none, or one for each."""
    null_class: bool = True
    """Whether there is one label more, number `classes`, which says nothing: what guidance leads away from (Ho and Salimans 2022)."""
    text_width: int = 0
    """The width of the vectors of a text that the network is told; 0 for none."""

    def __post_init__(self) -> None:
        fill = object.__setattr__  # what is saved is what is used
        if len(self.image_size) not in (1, 2) or min(self.image_size) < 1:
            raise BadInput(f"model.image_size is {list(self.image_size)}; it must be a height and a width of at least 1, or one number for both.")
        fill(self, "image_size", (self.image_size[0], self.image_size[-1]))
        for name in ("out_channels", "classes", "text_width"):
            if getattr(self, name) < 0:
                raise BadInput(f"model.{name} is {getattr(self, name)}; it cannot be negative.")
        if self.channels < 1:
            raise BadInput(f"model.channels is {self.channels}; it must be at least 1.")
        if self.class_names and len(self.class_names) != self.classes:
            raise BadInput(f"model.class_names has {len(self.class_names)} names, but model.classes is {self.classes}; give one name for each class.")
        if self.classes and self.text_width:
            raise BadInput(f"model.classes is {self.classes} and model.text_width {self.text_width}; a network is told a class or a text, so set one to 0.")
        fill(self, "out_channels", self.out_channels or self.channels)
        fill(self, "null_class", bool(self.null_class and self.classes))

    @property
    def labels(self) -> int:
        """How many labels there are, that of nothing included."""
        return self.classes + self.null_class
