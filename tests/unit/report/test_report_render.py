import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_sample import NOTHING, sample_report

import zhike.report as report_package
from zhike.report import render_page, render_run_report
from zhike.report.speech import read_words
from zhike.report.terms import Absent

SECTIONS = ("quality", "reconciliation", "tiers", "segments", "funnel", "reach", "models", "effect", "roi", "steps")


class Page(HTMLParser):
    """Collects what the tests ask of a page: tags, attributes, ids; and that tags are balanced."""

    VOID = ("meta", "br", "link", "img", "hr")

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.targets, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def pages():
    report = sample_report()
    return {language: render_page(report, language=language) for language in ("zh", "en")}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_is_well_formed_and_needs_neither_scripts_nor_network(pages, language):
    page = Page(pages[language])
    assert page.open == []
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    links = [a["href"] for tag, a in page.tags if tag == "a"]
    assert all(link.startswith(("#", "run_report.")) for link in links)
    assert not re.search(r"url\((?!#)|@import|https?://(?!www\.w3\.org)", pages[language])


def test_a_page_says_how_many_events_without_a_user_are_nobodys_and_why(pages):
    assert (
        "42,376 are known to be a customer&#39;s" in pages["en"] or "42,376 are known to be a customer's" in pages["en"]
    )
    assert "Several people used the device: 216." in pages["en"]
    assert "设备上其后无人登录 23,521 条。" in pages["zh"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_ids_are_unique_and_every_reference_has_its_target(pages, language):
    page = Page(pages[language])
    assert len(page.ids) == len(set(page.ids))
    known = set(page.ids)
    for _, attributes in page.tags:
        for name in ("aria-labelledby", "aria-describedby"):
            assert set(attributes.get(name, "").split()) <= known
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in known


def test_the_result_comes_first_in_each_language(pages):
    for language, title in (
        ("zh", "联系之后多留住 6.8 个百分点的到期资金"),
        ("en", "Contacting customers kept 6.8 points more of the maturing money"),
    ):
        body = pages[language].split("<main>")[1]
        assert re.search(r"<h1[^>]*>(.*?)</h1>", body)[1] == title
        assert f"<title>{title} · zhike 知客</title>" in pages[language]


def test_each_page_names_its_language_and_links_to_the_other(pages):
    assert '<html lang="zh-CN">' in pages["zh"]
    assert 'href="run_report.en.html" hreflang="en"' in pages["zh"]
    assert '<html lang="en">' in pages["en"]
    assert 'href="run_report.zh.html" hreflang="zh-CN"' in pages["en"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_section_states_its_day_and_its_definition(pages, language):
    day, meaning = ("数据截至 2025-06-", "口径: ") if language == "zh" else ("data as of 2025-06-", "definition: ")
    for key in SECTIONS:
        section = re.search(rf'<section class="card" id="{key}".*?</section>', pages[language], re.S)[0]
        assert day in section
        assert meaning in section


@pytest.mark.requirement("J1")
def test_the_effect_stands_with_interval_design_truth_and_warnings(pages):
    text = pages["zh"]
    for said in (
        "+6.8 个百分点",
        "[+0.1, +13.5] 个百分点",
        "随机留出对照",
        "区间包含模拟真值",
        "部分客户观察期未满",
        "0.046",
        "95% 置信区间",
    ):
        assert said in text


def test_every_picture_has_a_table_beside_it(pages):
    for key in SECTIONS:
        section = re.search(rf'<section class="card" id="{key}".*?</section>', pages["en"], re.S)[0]
        assert section.count('<svg class="chart"') >= 2
        assert "<table>" in section


def test_a_section_without_data_says_why():
    page = render_page(sample_report(**dict.fromkeys(SECTIONS, NOTHING), story=NOTHING), language="zh")
    assert page.count("本节没有数据：本项目没有活动") == len(SECTIONS)
    assert "<svg" not in page


def test_the_same_data_make_the_same_bytes():
    changes = dict.fromkeys(SECTIONS[2:], NOTHING)
    assert render_page(sample_report(**changes), language="en") == render_page(sample_report(**changes), language="en")


def test_names_from_data_are_escaped():
    changes = dict.fromkeys(SECTIONS, NOTHING) | {"story": NOTHING, "project": "<script>alert('行')</script>"}
    page = render_page(sample_report(**changes), language="zh")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_both_files_are_written_whole_and_nothing_else(tmp_path):
    changes = dict.fromkeys(SECTIONS, NOTHING)
    paths = render_run_report(sample_report(**changes), tmp_path / "reports")
    assert [p.name for p in paths] == ["run_report.zh.html", "run_report.en.html"]
    assert sorted((tmp_path / "reports").iterdir()) == sorted(paths)


def test_a_model_without_positives_has_no_curve_and_no_lift():
    from dataclasses import replace

    from zhike.report.terms import DecileRow

    (model,) = sample_report().models
    silent = replace(model, deciles=tuple(DecileRow(i, 10, 0, 0.1) for i in range(1, 11)), gains=())
    changes = dict.fromkeys(SECTIONS, NOTHING) | {"models": (silent,)}
    page = render_page(sample_report(**changes), language="zh")
    assert "<svg" not in page
    assert "—" in page


def test_an_effect_that_could_not_be_estimated_shows_its_reason_and_no_number():
    from dataclasses import replace

    from zhike.kernel.terms import Text
    from zhike.report.terms import Quantity, Unit

    report = sample_report()
    nothing = Quantity(None, Unit.POINTS)
    row = replace(
        report.effect.rows[0],
        effect=nothing,
        detectable=nothing,
        p_value=None,
        reason=Text("样本太少", "too few"),
        design="level_only",
    )
    changes = dict.fromkeys(SECTIONS, NOTHING) | {"effect": replace(report.effect, rows=(row,))}
    page = render_page(sample_report(**changes), language="zh")
    assert "样本太少" in page
    assert "仅水平，无对照（较弱）" in page
    assert "区间包含模拟真值" not in page


def test_every_word_exists_in_both_languages_with_the_same_blanks():
    for key, both in read_words().items():
        assert set(both) == {"zh", "en"}, key
        blanks = {language: set(re.findall(r"{(\w+)}", text)) for language, text in both.items()}
        assert blanks["zh"] == blanks["en"], key


def test_every_word_is_used():
    folder = Path(report_package.__file__).parent
    sources = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.suffix in (".py", ".html"))
    made_of = (
        "_title",
        "title_",
        "state_",
        "design_",
        "stage_",
        "reach_",
        "warning_",
        "reason_",
        "anonymous_",
        "check_",
        "figure_",
        "model_",
        "rule_",
    )
    unused = [
        k
        for k in read_words()
        if f'"{k}"' not in sources and f"'{k}'" not in sources and not any(part in k for part in made_of)
    ]
    assert unused == []


def test_absent_is_told_apart_from_a_section():
    assert isinstance(NOTHING, Absent)
