"""A page as a browser takes it: tags balanced, addresses and texts collected."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "input", "hr"}
LOADING = {"src", "srcset", "poster", "data", "action"}


class Page(HTMLParser):
    """Parses strictly: a tag that closes another than the one that is open is an error."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[str] = []
        self.ids: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        """All text, as it is read."""
        return "".join(self.pieces)

    def loaded(self) -> list[str]:
        """Every address that a browser would fetch by itself, or go to."""
        links = [attributes["href"] for _, attributes in self.tags if "href" in attributes]
        return links + [value for _, attributes in self.tags for name, value in attributes.items() if name in LOADING]

    def cells(self, attribute: str) -> list[str]:
        """The values of one attribute, in order."""
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]
