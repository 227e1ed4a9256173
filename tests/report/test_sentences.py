"""What a sentence classifier's report shows: plain data in, safe HTML out."""

import re

from tests.report.pages import Page
from workings.report.classes import calibration_section, confusion_section, facts_section
from workings.report.sentences import mistakes_section


def test_the_confusion_matrix_has_every_count_and_how_much_of_each_class_is_right():
    page = Page(confusion_section(["no", "yes"], [[30, 10], [0, 0]], "texts").html)
    assert re.search(r"no\s*30\s*10\s*40\s*75 %", page.text.replace("\u202f", " "))
    assert re.search(r"yes\s*0\s*0\s*0\s*–", page.text)
    assert re.search(r"no\s*0\s*3\s*3\s*0 %", Page(confusion_section(["no", "yes"], [[0, 3], [0, 1]], "texts").html).text)


def test_many_classes_are_cut_to_the_largest_and_that_is_said():
    names = [f"class {number}" for number in range(30)]
    table = [[number * (i == number) for i in range(30)] for number in range(30)]
    text = Page(confusion_section(names, table, "texts").html).text
    assert "class 29" in text and "class 3 " not in text and "Only the 20 classes with the most texts are shown, of 30" in text


def test_the_calibration_leaves_out_empty_bins():
    html = calibration_section([(0, 0.0, 0.0), (4, 0.6, 0.5), (6, 0.9, 1.0)], "texts").html
    assert html.count("<tr>") == 3 and "<svg" in html and "60" in Page(html).text


def test_texts_and_names_cannot_write_html():
    bad = "<script>alert(1)</script>"
    mistakes = [{"text": bad, "label": bad, "said": bad, "probability": 0.5}]
    for section in (confusion_section([bad, "b"], [[1, 0], [0, 1]], "texts"), mistakes_section(mistakes), facts_section([bad])):
        page = Page(section.html)
        assert "script" not in {tag for tag, _ in page.tags} and bad in page.text
