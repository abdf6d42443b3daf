"""
Every page of the sidebar, and one of each kind of object and form: they look whole in both languages and themes, on a
desk and on a phone, name what they ask for, and work with no network but the house's own.
"""

from __future__ import annotations

from typing import Final

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Office, Theme

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

# Forms that are asked for without an object.
FORMS: Final = (
    "/admin/billing/tariff/add/",
    "/admin/billing/promocode/add/",
    "/admin/billing/promocode/generate/",
    "/admin/billing/promocode/try-out/",
    "/admin/core/setting/billing.invoice_lifetime_minutes/change/",
    "/admin/password_change/",
)
# What a control is called, by whatever a screen reader would read out.
NAMELESS: Final = """
() => [...document.querySelectorAll("input, select, textarea")].filter(each =>
    !["hidden", "submit", "button"].includes(each.type) && each.offsetParent !== null
    && !each.labels?.length && !each.ariaLabel && !each.getAttribute("aria-labelledby") && !each.title
    && !each.placeholder
).map(each => each.outerHTML.slice(0, 120))
"""
# How far the page is wider than the window.
OVERFLOW: Final = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
BRIGHTNESS: Final = """
() => { const canvas = document.createElement("canvas").getContext("2d");
        canvas.fillStyle = getComputedStyle(document.body).backgroundColor; canvas.fillRect(0, 0, 1, 1);
        const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
        return (red + green + blue) / 3; }
"""
# All that is asked at one width, at once: each question would have the browser lay the page out and answer anew.
FACTS: Final = f"""
() => ({{
    width: innerWidth, overflow: ({OVERFLOW})(), nameless: ({NAMELESS})(),
    language: document.documentElement.lang, title: document.title, headings: document.querySelectorAll("h1").length,
}})
"""
# How bright it is in each theme. What is hidden is not laid out and painted anew at each.
THEMES: Final = f"""
() => {{ document.body.hidden = true; return ["light", "dark"].map(theme => {{
    document.documentElement.classList.toggle("dark", theme === "dark"); return ({BRIGHTNESS})(); }}) }}
"""

WIDTHS: Final = (390, 1440)


def lists_of(page: Page) -> list[str]:
    """The addresses in the sidebar."""
    links = page.locator("a[href^='/admin/']").evaluate_all("links => links.map(link => link.pathname)")
    return sorted({path for path in links if path.count("/") == 4})


def first_object(page: Page) -> str | None:
    """The address of the first object in the list that is open, if it has any."""
    links = "#result_list a[href*='/change/'], .dv-table a[href*='/change/']"
    href: str | None = page.evaluate("links => document.querySelector(links)?.getAttribute('href') ?? null", links)
    return href


def is_whole(page: Page, name: str, *, language: str) -> None:
    """
    Fail where a page is not, on a phone and on a desk, by day and night. It is hidden then, and :func:`show_again` has
    it back; the window is a phone's, for the next one.
    """
    for width in WIDTHS:
        _widen(page, width)
        facts = page.evaluate(FACTS)
        assert facts["width"] == width, name
        assert facts["overflow"] <= 0, f"{name} is wider than {width} px"
        assert facts["nameless"] == [], name
    assert facts["language"] == language, name
    assert facts["title"].removesuffix(" | Dvorik").strip(), name
    assert facts["headings"] >= 1, name
    light, dark = page.evaluate(THEMES)
    assert dark < 128 <= light, name
    _widen(page, WIDTHS[0])


def show_again(page: Page) -> None:
    page.evaluate("document.body.hidden = false")


def _widen(page: Page, width: int) -> None:
    if page.viewport_size != {"width": width, "height": 900}:
        page.set_viewport_size({"width": width, "height": 900})


@pytest.mark.parametrize("language", ["en", "ru"])
def test_pages_are_whole(office: Office, language: str) -> None:
    page = office.enter(language=language, width=WIDTHS[0])
    lists = lists_of(page)
    waiting = ["/admin/", *lists, *FORMS]
    seen: list[str] = []
    while waiting:
        path = waiting.pop(0)
        # The first one is open.
        if seen:
            page.goto(path)
        seen.append(path)
        is_whole(page, path, language=language)
        if path in lists and (found := first_object(page)):
            waiting.append(found)
    assert len(lists) >= 15
    assert len(seen) >= len(lists) + len(FORMS) + 10


def test_a_page_that_is_not_whole_is_found(office: Office) -> None:
    page = office.enter(width=390)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<input><div style=\"width: 900px\">wide</div>')")
    assert page.evaluate(OVERFLOW) > 0
    assert len(page.evaluate(NAMELESS)) == 1
    page.evaluate("fetch('http://192.0.2.1/').catch(() => {})")
    page.evaluate("console.error('broken')")
    page.evaluate("fetch('/admin/no-such-page/')")
    # The policy stops the first one before it is sent, and the browser says so; what came back is heard by now.
    page.goto("/admin/")
    for clue in ("192.0.2.1", "broken", "404"):
        assert any(clue in wrong for wrong in office.wrong)
    office.wrong.clear()


def test_the_login_speaks_both_languages_and_knows_day_from_night(office: Office) -> None:
    looks: tuple[tuple[str, str, Theme], ...] = (("en", "Log in", "light"), ("ru", "Войти", "dark"))
    for language, words, theme in looks:
        page = office.open(language=language, theme=theme, width=390)
        page.goto("/admin/")
        assert words in page.locator("#login-form").inner_text()
        assert (page.evaluate(BRIGHTNESS) < 128) == (theme == "dark")
        assert page.locator("html").get_attribute("lang") == language
        assert page.evaluate(OVERFLOW) <= 0
        assert page.evaluate(NAMELESS) == []


def test_language_and_theme_are_changed_by_hand_and_kept(office: Office) -> None:
    page = office.enter(language="en", theme="light")
    page.get_by_text("operator", exact=True).first.click()
    page.locator("a").filter(has_text="Dark").first.click()
    assert page.evaluate(BRIGHTNESS) < 128
    page.get_by_role("button", name="русский").click()
    page.wait_for_function("document.documentElement.lang === 'ru'")
    page.goto("/admin/billing/tariff/")
    assert page.locator("html").get_attribute("lang") == "ru"
    assert page.evaluate(BRIGHTNESS) < 128
