"""The report as a file, and as a browser shows it: no network, no errors, nothing over anything else, by keyboard."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from support import make_core, order
from support_tca import make_day

from grandmodel.execution import UnknownOrder
from grandmodel.execution.analytics.day_summary import summarise
from grandmodel.execution.analytics.journal_costs import analyse_journal

pytest.importorskip("bokeh", reason="the report is drawn by Bokeh")
from grandmodel.execution.analytics.report import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The report of a captured half hour: (path, analysis)."""
    folder = tmp_path_factory.mktemp("report")
    journal, capture = make_day(folder, 700, 12, seed=2, minutes=25, events_per_second=15)
    analysed = analyse_journal(journal, capture)
    path = folder / "report.html"
    assert write_report(path, analysed, summarise(analysed), title="day.gmj") == path.stat().st_size
    return path, analysed


def data_of(path):
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text("utf-8"), re.DOTALL)
    return json.loads(found[1])


def test_every_order_is_a_row_and_the_costliest_have_pictures(page):
    path, analysed = page
    data = data_of(path)
    columns = data["columns"]
    assert columns["id"] == analysed.orders["order_id"].tolist()
    assert all(len(values) == len(analysed) for values in columns.values())
    for place in range(0, len(analysed), 37):
        total = analysed.bps(place, "total")
        assert columns["total"][place] == (round(float(total) * 100) if total == total and total - total == 0 else None)
    worst = max(range(len(analysed)), key=lambda place: analysed.money_e9(place, "total") or 0)
    picture = data["pictures"][str(columns["id"][worst])]
    assert sum(picture["fills"][2]) == columns["filled"][worst]
    fills = analysed.fills_at(worst)
    prices = sorted(round((picture["base"] + step) * picture["unit"], 9) for step in picture["fills"][1])
    assert prices == pytest.approx(sorted(analysed.fills["price_e9"][fills] / 1e9))
    assert len(data["pictures"]) >= 200
    assert path.stat().st_size < 3_000_000


def test_nothing_is_loaded_from_anywhere(page):
    text = page[0].read_text("utf-8")
    page_alone = re.sub(r"/\* BEGIN bokeh.*?/\* END bokeh[^*]*\*/", "", text, flags=re.DOTALL)
    assert len(page_alone) < len(text) - 1_000_000
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page_alone)
    assert "@import" not in page_alone


def test_names_are_text_whatever_they_say(tmp_path):
    core, gate = make_core(path=tmp_path / "j")
    wicked = "</script><img src=x onerror=alert(1)>"
    gate.submit_order(order(strategy=wicked))
    core.close()
    analysed = analyse_journal(tmp_path / "j")
    write_report(tmp_path / "r.html", analysed, summarise(analysed), title=wicked)
    text = (tmp_path / "r.html").read_text("utf-8")
    assert wicked not in text
    assert "<img" not in text
    assert data_of(tmp_path / "r.html")["names"]["strategy"] == [wicked]


def test_an_order_of_its_own(page, tmp_path):
    _, analysed = page
    cheap = int(analysed.orders["order_id"][analysed.orders["total_bps"].argmin()])
    write_report(tmp_path / "one.html", analysed, summarise(analysed), order_id=cheap)
    data = data_of(tmp_path / "one.html")
    assert data["first"] == cheap
    assert str(cheap) in data["pictures"]
    with pytest.raises(UnknownOrder):
        write_report(tmp_path / "none.html", analysed, summarise(analysed), order_id=10**9)
    assert not (tmp_path / "none.html").exists()


# ---- in a browser

OVERLAPS = (Path(__file__).parent.parent / "data" / "overlaps.js").read_text("utf-8").partition("\n")[2]


@pytest.fixture(scope="module")
def browser():
    sync = pytest.importorskip("playwright.sync_api", reason="the browser is driven by playwright")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    with sync.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


def opened(browser, path, **options):
    """The page in a window of its own; its complaints and its requests."""
    window = browser.new_context(**options)
    view = window.new_page()
    said, asked = [], []
    view.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: asked.append(request.url))
    view.goto(path.as_uri())
    view.wait_for_selector("html[data-ready=yes]", timeout=30_000)
    view.wait_for_timeout(400)
    return view, said, [url for url in asked if not url.startswith(("file:", "data:"))]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 800])
def test_a_browser_shows_it_without_complaint(page, browser, width, scheme):
    view, said, asked = opened(browser, page[0], viewport={"width": width, "height": 900}, color_scheme=scheme)
    assert (said, asked) == ([], [])
    count, over = view.evaluate(OVERLAPS)
    assert count > 300
    assert over == []
    assert view.evaluate("document.documentElement.scrollWidth") <= width  # the page itself does not scroll sideways
    assert view.evaluate("document.documentElement.dataset.theme") == scheme
    view.click("#theme")
    assert view.evaluate("document.documentElement.dataset.theme") != scheme
    assert said == []
    view.evaluate("document.querySelector('h1').style.marginBottom = '-30px'")
    assert view.evaluate(OVERLAPS)[1]  # what is over something else is found
    view.context.close()


def test_a_day_that_cannot_be_measured_is_shown_without_complaint(browser, tmp_path):
    """One open order, one rejected or refused: pages of nothing say why."""
    core, gate = make_core(path=tmp_path / "j", events_per_second=0.01)
    gate.submit_order(order(order_type="limit", limit_price=140.0))
    core.close()
    analysed = analyse_journal(tmp_path / "j")
    assert not analysed.measured.any()
    write_report(tmp_path / "r.html", analysed, summarise(analysed))
    view, said, asked = opened(browser, tmp_path / "r.html", viewport={"width": 1280, "height": 900})
    assert (said, asked) == ([], [])
    assert view.evaluate(OVERLAPS)[1] == []
    assert "No order could be measured" in view.inner_text("#glance")
    assert "it has not ended" in view.inner_text("#quality")
    assert view.inner_text("#parts-of dd") == "n/a"
    assert "0.00" not in view.inner_text("#glance")
    assert "0.00" not in view.inner_text("#parts")
    assert view.inner_text("#how p").startswith("Each order is measured")
    view.context.close()


def test_it_works_by_keyboard(page, browser):
    path, analysed = page
    view, said, _ = opened(browser, path, viewport={"width": 1280, "height": 900})
    title = view.inner_text("#order-title")
    view.focus("#grid")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        view.keyboard.press(key)
    assert view.inner_text("#order-title") != title
    view.keyboard.press("End")
    assert int(view.get_attribute("#grid tr.at", "aria-rowindex")) == len(analysed) + 1
    view.keyboard.press("Enter")
    last = view.inner_text("#order-title")
    view.fill("#filter", "side:buy aapl")
    view.wait_for_timeout(300)
    o = analysed.orders
    symbol = next(n for n in set(o["symbol"].tolist()) if analysed.names.symbol_text(n) == "AAPL")
    wanted = int(((o["symbol"] == symbol) & (o["side"] > 0)).sum())
    assert view.inner_text("#count").startswith(f"{wanted} of ")
    view.fill("#filter", "total>2")
    view.wait_for_timeout(300)
    assert view.inner_text("#count").startswith(f"{int((o['total_bps'].round(2) > 2).sum())} of ")
    view.fill("#filter", "")
    view.wait_for_timeout(300)
    view.locator("#grid th button", has_text="order").first.focus()
    view.keyboard.press("Enter")
    view.keyboard.press("Enter")
    first = view.inner_text("#grid tbody tr:first-child td:first-child")
    assert int(first) == int(o["order_id"].min())
    assert view.inner_text("#order-title") == last
    assert said == []
    view.context.close()


def test_the_order_is_drawn(page, browser):
    """The costliest order's fills and quotes are in the figures, between the ends of their axes."""
    path, analysed = page
    view, _, _ = opened(browser, path, viewport={"width": 1280, "height": 900})
    drawn = view.evaluate("""() => { const d = Bokeh.documents[0], m = n => d.get_model_by_name(n), p = m("price");
        return {fills: m("fills").data.t.length, quotes: m("quote").data.t.length,
                done: Array.from(m("done").data.done).at(-1),
                low: p.y_range.start, high: p.y_range.end, prices: Array.from(m("fills").data.price)}; }""")
    worst = max(range(len(analysed)), key=lambda place: analysed.money_e9(place, "total") or 0)
    assert drawn["fills"] == analysed.orders["fills"][worst]
    assert drawn["done"] == analysed.orders["filled_quantity"][worst]
    assert drawn["quotes"] > 1
    assert all(drawn["low"] < price < drawn["high"] for price in drawn["prices"])
    view.context.close()


def test_it_prints(page, browser):
    view, said, _ = opened(browser, page[0], viewport={"width": 1280, "height": 900}, color_scheme="dark")
    view.emulate_media(media="print")
    view.wait_for_function("document.documentElement.dataset.theme === 'light'", timeout=10_000)
    assert view.evaluate("getComputedStyle(document.getElementById('grid')).display") == "none"
    assert view.inner_text(".print h3").startswith("The costliest")
    assert len(view.pdf(format="A4")) > 50_000
    assert said == []
    view.context.close()
