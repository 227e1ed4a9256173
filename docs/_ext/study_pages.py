"""Placeholder."""


def verdict_html(row):
    return ""
