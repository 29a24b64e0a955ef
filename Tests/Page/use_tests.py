"""Who uses the page, and on what: keyboards, screen readers, phones, dark rooms; and how it is served."""
import html.parser

import accessibility
from harness import PageTest
from mock_server import KATEX_ADDRESS, katex


class Tags(html.parser.HTMLParser):
    """The opening tags of a page: (name, attributes)."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, attributes))


class UseTests(PageTest):
    def test_keyboard_alone(self):
        press = self.page.keyboard.press
        focus = lambda: self.page.evaluate("document.activeElement.id || document.activeElement.textContent")
        for _ in range(10):
            press("Shift+Tab")
            if focus() == "To the message field":
                break
        self.picture("skip-link")
        press("Enter")
        self.assertEqual(focus(), "message")
        self.page.keyboard.type("One line")
        press("Shift+Enter")
        self.page.keyboard.type("and another")
        press("Enter")
        self.answered(2)
        self.assertEqual(self.texts()[0], "One line\nand another")
        self.assertEqual(focus(), "message")
        seen = []
        for _ in range(40):
            press("Tab")
            stop = self.page.evaluate("""() => { const e = document.activeElement, s = getComputedStyle(e);
                return [e.id || e.textContent.trim() || e.ariaLabel, e === document.body || s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2]; }""")
            self.assertTrue(stop[1], f"no visible focus on {stop[0]}")
            seen.append(stop[0])
        for name in ("open-settings", "theme", "new-chat", "search", "export-json", "export-all", "import", "attach", "Copy", "Edit", "Retry", "send", "message"):
            self.assertIn(name, seen)
        while focus() != "Retry":
            press("Tab")
        press("Enter")
        self.answered(2)
        self.assertEqual(focus(), "message")
        while focus() != "open-settings":
            press("Shift+Tab")
        press("Enter")
        self.page.wait_for_selector("#settings[open]")
        press("Escape")
        self.page.wait_for_selector("#settings:not([open])", state="attached")
        self.assertEqual(focus(), "open-settings")

    def test_answers_are_announced_once(self):
        self.page.evaluate("""() => { window.heard = []; new MutationObserver(() => {
            const text = document.getElementById("announcer").textContent; if (text) heard.push(text); })
            .observe(document.getElementById("announcer"), { childList: true, characterData: true, subtree: true }); }""")
        body = self.ask("Hello there").locator(".body").inner_text()
        self.page.wait_for_function("() => heard.length > 0")
        heard = self.page.evaluate("heard")
        self.assertEqual(len(heard), 1)
        self.assertIn(body.split("\n")[0][:50], heard[0])

    def test_input_method_does_not_send(self):
        self.page.fill("#message", "にほん")
        self.page.evaluate("""document.getElementById("message").dispatchEvent(
            new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true }))""")
        self.assertEqual(self.page.locator("article").count(), 0)

    def test_phone(self):
        page = self.open(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True, device_scale_factor=2)
        self.ask("markdown" if self.server else "Tell me a story", page)
        self.assertEqual(accessibility.complaints(page), [])
        self.picture("phone", page)
        if self.server:
            self.ask("formulas", page)
            page.wait_for_selector("math")
            page.set_input_files("#attach-file", [{"name": f"{'long' * 20}-{index}.txt", "mimeType": "", "buffer": b"x"} for index in range(3)])
            page.locator("#attached li").nth(2).wait_for()
            self.assertEqual(accessibility.complaints(page), [])
            self.picture("phone-files", page)
        self.assertFalse(page.locator("nav").is_visible())
        page.get_by_role("button", name="Conversations").tap()
        page.wait_for_function("() => document.querySelector('nav').getBoundingClientRect().left === 0")
        self.assertEqual(accessibility.complaints(page), [])
        self.picture("phone-list", page)
        page.keyboard.press("Escape")
        self.assertEqual(page.evaluate("document.activeElement.id"), "open-list")
        page.get_by_role("button", name="Conversations").tap()
        page.touchscreen.tap(350, 300)  # beside the list
        page.wait_for_function("() => !document.body.classList.contains('list-open')")
        page.get_by_role("button", name="Settings").tap()
        self.assertEqual(accessibility.complaints(page), [])
        self.picture("phone-settings", page)
        page.context.close()

    def test_accessibility(self):
        for scheme in ("light", "dark"):
            page = self.open(color_scheme=scheme)
            self.assertEqual(accessibility.complaints(page), [], scheme)
            self.ask("markdown" if self.server else "Tell me a story", page)
            if self.server:
                self.ask("formulas", page)
                self.ask("code", page)
                self.ask("dice", page)
                page.get_by_role("button", name="Retry").click()
                self.answered(8, page)
                self.ask("think", page)
                page.locator(".thoughts summary").click()
                self.ask("503", page)
            self.assertEqual(accessibility.complaints(page), [], scheme)
            self.picture(f"conversation-{scheme}", page)
            page.click("#open-settings")
            page.click("#more summary")
            self.assertEqual(accessibility.complaints(page), [], scheme)
            self.picture(f"settings-{scheme}", page)
            page.context.close()

    def test_complaints_are_found(self):
        self.page.evaluate("""() => {
            document.querySelector(".welcome h2").style.color = "#aaa";
            document.getElementById("theme").removeAttribute("aria-label");
            document.getElementById("composer").style.minWidth = "3000px";
        }""")
        found = " ".join(accessibility.complaints(self.page))
        for fault in ("contrast", "no name", "wider than the window"):
            self.assertIn(fault, found)

    def test_theme_switch(self):
        page = self.open(color_scheme="dark")
        background = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(background)
        switch = page.get_by_role("button", name="Dark theme")
        self.assertEqual(switch.get_attribute("aria-pressed"), "true")
        switch.click()
        light = page.evaluate(background)
        self.assertNotEqual(light, dark)
        page.reload()
        self.assertEqual(page.evaluate(background), light)
        self.assertEqual(switch.get_attribute("aria-pressed"), "false")
        page.context.close()

    def test_less_motion(self):
        page = self.open(reduced_motion="reduce")
        self.assertEqual(page.evaluate("""document.getAnimations().length
            + (getComputedStyle(document.querySelector("nav")).transitionDuration === "0s" ? 0 : 1)"""), 0)
        page.context.close()

    def test_served_safely(self):
        response = self.page.request.get(self.url)
        policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
        self.assertEqual(policy["default-src"], "'none'")
        self.assertEqual(policy["connect-src"], "'self'")
        self.assertRegex(policy["script-src"], r"^'nonce-[^ ]+'$")
        self.assertRegex(policy["style-src"], r"^'nonce-[^ ]+'$")
        self.assertLess(len(response.body()), 125_000)
        library = self.page.request.get(self.url + KATEX_ADDRESS)
        self.assertEqual((library.status, library.body()), (200, katex()))
        self.assertIn("immutable", library.headers["cache-control"])
        self.assertTrue(library.headers["content-type"].startswith("text/javascript"))
        self.page.evaluate("renderMarkdown(document.createElement('div'), '$x$', false)")
        self.page.wait_for_function("() => window.katex?.version === '0.16.22'")
        tags = Tags()
        tags.feed(response.text())
        self.assertEqual([tag for tag, _ in tags.found if tag in ("script", "style")], ["style", "script"])
        for tag, attributes in tags.found:
            for name, value in attributes:
                self.assertFalse(name == "style" or name.startswith("on"), f"{name} of <{tag}>")
                self.assertFalse(name in ("src", "href", "action") and not value.startswith(("#", "data:")), f"{name}={value} of <{tag}>")
