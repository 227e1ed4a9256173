"""The card of a model that was made of others: what of, and how to load it; Markdown with the hub's front matter."""


def combined_card(task: str, kind: str, title: str, text: str) -> str:
    """The card as text. kind: ensemble or soup; text: what it is made of."""
    front = f'---\nlibrary_name: "workings"\ntags: ["workings", "{task}", "{kind}"]\n---\n'
    load = '## How to load it\n\n```python\nimport workings\n\nmodel = workings.load(".")  # the folder of this file\n```\n'
    return f"{front}\n# {title}\n\n{text}\n\n{load}"
