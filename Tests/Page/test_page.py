#!/usr/bin/env python3
"""Tests the chat page in headless Chromium.

    Tests/Page/run                                        # installs what is needed, then runs this with all that is given
    Tests/Page/test_page.py                               # against the server with scripted answers (mock_server.py)
    Tests/Page/test_page.py --url http://127.0.0.1:8080   # against `jamba serve`; what needs scripted answers is skipped
    Tests/Page/test_page.py --screenshots FOLDER          # keeps a picture of each state that is tested
    Tests/Page/test_page.py test_stop test_retry          # only these

Exit status: 0 passed, 1 failed, 2 wrong usage, 77 Chromium or Playwright is missing and nothing was tested.
"""
import argparse
import html.parser
import json
import pathlib
import shutil
import sys
import unittest

import accessibility
from mock_server import ANSWERS, INJECTION, MARKDOWN, Server

MISSING = 77
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60_000  # ms; for answers of a real model on a busy machine

options = None  # of the command line
browser = None


def scripted(test):
    """Marks a test that needs the answers of mock_server.py."""
    test.is_scripted = True
    return test


class Tags(html.parser.HTMLParser):
    """The opening tags of a page: (name, attributes)."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, attributes))


class PageTest(unittest.TestCase):
    def setUp(self):
        if options.url and getattr(getattr(self, self._testMethodName), "is_scripted", False):
            self.skipTest("needs scripted answers")
        self.server = None if options.url else Server(pause=0.02).start()
        self.url = options.url or self.server.url
        self.trouble = []
        self.page = self.open()

    def tearDown(self):
        if not hasattr(self, "page"):
            return
        self.page.context.close()
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        self.assertEqual(self.trouble, [])

    def open(self, url=None, **settings):
        """A page in a fresh context. Errors of scripts, violations of the policy and requests elsewhere are trouble."""
        url = url or self.url
        context = browser.new_context(**{"viewport": {"width": 1100, "height": 760}, "locale": "en-US", **settings})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: self.trouble.append(f"script: {error}"))
        page.on("console", lambda message: self.trouble.append(message.text)
                if message.type == "error" and "Failed to load resource" not in message.text else None)
        page.on("request", lambda request: self.trouble.append(f"request: {request.url}")
                if not request.url.startswith((url, "data:", "blob:")) else None)
        page.goto(url)
        return page

    def picture(self, name, page=None):
        if options.screenshots:
            (page or self.page).screenshot(path=options.screenshots / f"{name}.png")

    def send(self, text, page=None):
        page = page or self.page
        page.fill("#message", text)
        page.press("#message", "Enter")

    def answered(self, count, page=None):
        """Waits until the conversation has `count` messages and nothing is under way, and returns the last one."""
        page = page or self.page
        page.wait_for_function("""count => document.querySelectorAll('article').length === count
            && !document.querySelector('[aria-busy=true]') && document.getElementById('send').textContent === 'Send'""", arg=count)
        return page.locator("article").nth(count - 1)

    def ask(self, text, page=None):
        page = page or self.page
        count = page.locator("article").count()
        self.send(text, page)
        return self.answered(count + 2, page)

    def texts(self, page=None):
        return (page or self.page).locator("article .body").all_inner_texts()

    def kept(self, page=None):
        """The conversations in the browser's storage."""
        return (page or self.page).evaluate(
            "Object.keys(localStorage).filter(k => k.startsWith('jamba.chat.')).map(k => JSON.parse(localStorage[k]))")

    # --- Conversations ---

    def test_conversation(self):
        self.assertIn("What shall we talk about?", self.page.inner_text("#log"))
        self.picture("welcome")
        first = self.ask("Tell me about a red ball.")
        self.assertTrue(first.locator(".body").inner_text().strip())
        self.assertRegex(first.inner_text(), r"[\d.]+ tokens/s · \d+ tokens")
        self.assertRegex(first.inner_text(), r"prompt \d+ tokens")
        second = self.ask("And then?")
        self.assertRegex(second.inner_text(), r"prompt \d+ tokens, \d+ cached")
        self.assertEqual(self.texts()[::2], ["Tell me about a red ball.", "And then?"])
        self.page.wait_for_function("() => document.getElementById('figures').textContent.startsWith('Memory')")
        self.assertEqual(self.page.title(), "Tell me about a red ball. – Jamba")
        if self.server:
            self.assertEqual([m["content"] for m in self.server.requests[1]["messages"]],
                             ["Tell me about a red ball.", "You said: Tell me about a red ball.", "And then?"])
            self.assertTrue(self.server.requests[1]["stream_options"]["include_usage"])
            self.assertNotIn("temperature", self.server.requests[1])

    def test_answer_streams(self):
        self.send("slow" if self.server else "Tell me a long story about a dog, a cat and a bird.")
        body = self.page.locator("article").nth(1).locator(".body")
        self.page.wait_for_function("() => document.querySelectorAll('article')[1]?.querySelector('.body').textContent.length > 3")
        early = body.inner_text()
        self.page.wait_for_function("n => document.querySelectorAll('article')[1].querySelector('.body').textContent.length > n", arg=len(early))
        self.page.press("#message", "Escape")
        self.answered(2)
        self.assertTrue(body.inner_text().startswith(early))

    def test_stop(self):
        self.send("slow" if self.server else "Tell me a very long story about a dog, a cat and a bird.")
        self.page.wait_for_function("() => document.querySelectorAll('article')[1]?.querySelector('.body').textContent.length > 3")
        self.picture("answering")
        self.page.click("#send")
        answer = self.answered(2)
        partial = answer.locator(".body").inner_text()
        if self.server:  # a real model may have come to its end
            self.assertIn("Stopped", answer.inner_text())
            self.assertLess(len(partial), 1900)
            self.page.wait_for_timeout(300)
            self.assertEqual(self.server.disconnects, 1)
        self.page.reload()
        self.assertEqual(self.texts()[1], partial)
        self.ask("Go on")  # what was stopped is part of the conversation
        if self.server:
            self.assertEqual(self.server.requests[1]["messages"][1]["content"].strip(), partial.strip())

    @scripted
    def test_stop_while_the_prompt_is_read(self):
        self.send("hang")
        self.page.wait_for_selector(".waiting")
        self.page.keyboard.press("Escape")
        self.assertIn("Stopped", self.answered(2).inner_text())
        self.page.wait_for_timeout(300)
        self.assertEqual(self.server.disconnects, 1)

    def test_retry(self):
        self.ask("Once upon a time")
        self.ask("What happened next?")
        self.assertEqual(self.page.get_by_role("button", name="Retry").count(), 1)
        self.page.get_by_role("button", name="Retry").click()
        self.answered(4)
        self.assertEqual(self.texts()[::2], ["Once upon a time", "What happened next?"])
        if self.server:
            self.assertEqual(self.server.requests[2], self.server.requests[1])

    def test_edit(self):
        self.ask("A story of a cat")
        self.ask("More")
        self.page.get_by_role("button", name="Edit").first.click()
        field = self.page.get_by_label("Edit your message")
        self.assertEqual(field.input_value(), "A story of a cat")
        self.picture("editing")
        field.fill("A story of a dog")
        field.press("Escape")
        self.assertEqual(self.texts()[0], "A story of a cat")
        self.page.get_by_role("button", name="Edit").first.click()
        field.fill("A story of a dog")
        field.press("Enter")
        self.answered(2)
        self.assertEqual(self.texts()[0], "A story of a dog")
        self.assertEqual([m["content"] for m in self.kept()[0]["messages"] if m["role"] == "user"], ["A story of a dog"])
        if self.server:
            self.assertEqual([m["content"] for m in self.server.requests[2]["messages"]], ["A story of a dog"])

    def test_reload_keeps_the_conversation(self):
        self.ask("One")
        self.ask("Two")
        before = self.texts()
        self.page.reload()
        self.answered(4)
        self.assertEqual(self.texts(), before)

    def test_several_conversations(self):
        self.ask("First conversation")
        self.page.click("#new-chat")
        self.assertEqual(self.page.locator("article").count(), 0)
        self.ask("Second conversation")
        entries = self.page.locator("#list .chat")
        self.assertEqual(entries.all_inner_texts(), ["Second conversation", "First conversation"])
        entries.nth(1).click()
        self.answered(2)
        self.assertEqual(self.texts()[0], "First conversation")
        self.page.once("dialog", lambda dialog: dialog.accept())
        self.page.get_by_role("button", name="Delete “First conversation”").click()
        self.page.wait_for_function("() => document.querySelectorAll('#list li').length === 1")
        self.assertEqual(len(self.kept()), 1)
        self.assertEqual(self.page.locator("article").count(), 0)

    @scripted
    def test_an_answer_goes_on_beside_another_conversation(self):
        self.send("slow")
        self.page.wait_for_function("() => document.querySelectorAll('article')[1]?.querySelector('.body').textContent.length > 3")
        self.page.click("#new-chat")
        self.assertIn("You said: beside", self.ask("beside").inner_text())
        self.page.locator("#list .chat", has_text="slow").click()
        self.page.wait_for_selector("[aria-busy=true]")
        length = len(self.texts()[1])
        self.page.wait_for_function("n => document.querySelectorAll('article')[1].querySelector('.body').textContent.length > n", arg=length)
        self.page.keyboard.press("Escape")
        self.answered(2)

    def test_export(self):
        answer = self.ask("Export me").locator(".body").inner_text()
        with self.page.expect_download() as download:
            self.page.click("#export-json")
        self.assertEqual(download.value.suggested_filename, "Export-me.json")
        messages = json.loads(pathlib.Path(download.value.path()).read_text())["messages"]
        self.assertEqual([m["role"] for m in messages], ["user", "assistant"])
        with self.page.expect_download() as download:
            self.page.click("#export-markdown")
        text = pathlib.Path(download.value.path()).read_text()
        self.assertIn("## You\n\nExport me\n\n## Answer\n\n", text)
        self.assertEqual(messages[1]["content"], text.split("## Answer\n\n")[1].removesuffix("\n"))
        if self.server:
            self.assertEqual(messages[1]["content"], answer)

    def test_damaged_storage(self):
        self.page.evaluate("""() => {
            localStorage["jamba.chat.a"] = "{";
            localStorage["jamba.chat.b"] = '{"messages": [null, {"role": "system"}, {"role": "user", "content": 5}]}';
            localStorage["jamba.chat.c"] = '{"created": 1, "updated": 1, "system": "", "messages": [{"role": "user", "content": "kept"}, 7]}';
            localStorage["jamba.current"] = '"c"'; localStorage["jamba.settings"] = "[";
        }""")
        self.page.reload()
        self.assertEqual(self.texts(), ["kept"])
        self.ask("And on")

    # --- Settings ---

    def test_settings(self):
        self.page.click("#open-settings")
        self.picture("settings")
        fields = {"Temperature": "0.5", "Top p": "0.9", "Top k": "40", "Min p": "0.05", "Repetition penalty": "1.1", "Seed": "7",
                  "Maximum tokens": "12"}
        for label, value in fields.items():
            self.page.get_by_label(label, exact=False).fill(value)
        self.page.get_by_label("Stop sequences").fill("END\nover")
        self.page.get_by_label("System prompt").fill("Be brief.")
        self.page.get_by_role("button", name="Save").click()
        self.ask("Hello")
        self.page.reload()
        self.page.click("#open-settings")
        for label, value in fields.items():
            self.assertEqual(self.page.get_by_label(label, exact=False).input_value(), value)
        self.assertEqual(self.page.get_by_label("System prompt").input_value(), "Be brief.")
        self.page.get_by_role("button", name="Defaults").click()
        self.page.get_by_role("button", name="Cancel").click()
        answer = self.ask("Hello again")
        self.page.click("#open-settings")
        self.page.get_by_role("button", name="Defaults").click()
        self.page.get_by_role("button", name="Save").click()
        self.ask("A third time")
        if self.server:
            self.assertIn("Cut off at the maximum of tokens", answer.inner_text())
            expected = {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "repeat_penalty": 1.1, "seed": 7, "max_tokens": 12,
                        "stop": ["END", "over"]}
            for request in self.server.requests[:2]:
                self.assertEqual({name: request.get(name) for name in expected}, expected)
                self.assertEqual(request["messages"][0], {"role": "system", "content": "Be brief."})
            self.assertEqual(set(self.server.requests[2]), {"model", "messages", "stream", "stream_options"})

    def test_impossible_settings_are_not_taken(self):
        self.page.click("#open-settings")
        self.page.get_by_label("Top p", exact=False).fill("3")
        self.page.get_by_role("button", name="Save").click()
        self.assertTrue(self.page.evaluate("document.getElementById('settings').open"))
        self.assertEqual(self.page.evaluate("document.activeElement.name"), "top_p")

    @scripted
    def test_models_to_choose_from(self):
        self.server.models = ("small", "large")
        self.page.reload()
        self.page.get_by_label("Model").select_option("large")
        self.ask("Hello")
        self.assertEqual(self.server.requests[0]["model"], "large")

    # --- What goes wrong ---

    @scripted
    def test_api_key(self):
        server = Server(key="secret").start()
        page = self.open(server.url)
        page.wait_for_selector("#settings[open]")
        self.assertEqual(page.evaluate("document.activeElement.name"), "key")
        self.assertIn("wants an API key", page.inner_text("#key-problem"))
        page.keyboard.press("Escape")
        self.send("Hello", page)
        page.wait_for_selector("#settings[open]")
        self.picture("key", page)
        page.get_by_label("API key").fill("wrong")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.getElementById('key-problem').textContent.includes('does not accept')")
        page.get_by_label("API key").fill("secret")
        page.keyboard.press("Enter")
        self.assertIn("You said: Hello", self.answered(2, page).inner_text())
        self.assertNotIn("secret", page.evaluate("JSON.stringify(localStorage)"))
        page.reload()
        self.ask("The key is kept", page)
        page.context.close()
        server.shutdown()

    @scripted
    def test_errors_are_told_and_can_be_retried(self):
        for said, words in (("429", "The server is busy. Try again in 3 s. It says: The line is full."), ("503", "cannot answer now"),
                            ("400", "Scripted to fail."), ("drop", "The connection ended before the answer did."), ("break", "Memory has run out.")):
            with self.subTest(said):
                answer = self.ask(said)
                self.assertIn(words, answer.locator(".problem").inner_text())
                self.assertEqual(answer.get_by_role("button", name="Retry").count(), 1)
                self.page.wait_for_function("words => document.getElementById('announcer').textContent.includes(words)", arg=words)
        self.picture("errors")
        self.assertIn("This ends in the mid", self.texts()[7])
        self.assertIn("You said: fine", self.ask("fine").inner_text())
        # Answers that never came are not told to the model.
        self.assertNotIn("", [m["content"] for m in self.server.requests[-1]["messages"]])

    @scripted
    def test_server_that_goes_away(self):
        self.ask("Hello")
        self.server.shutdown()
        self.server.server_close()
        self.assertIn("cannot be reached", self.ask("Are you there?").locator(".problem").inner_text())
        self.server = None

    # --- What the model writes ---

    @scripted
    def test_markup_in_answers_is_text(self):
        for said in ("injection", "think", INJECTION):
            self.ask(said)
            self.page.reload()
            self.page.wait_for_selector("article")
        self.page.wait_for_timeout(200)
        self.picture("injection")
        self.assertIsNone(self.page.evaluate("window.broken ?? null"))
        self.assertEqual(self.page.locator("#log :is(img, script, iframe, svg, style, object, embed, form, input)").count(), 0)
        targets = self.page.eval_on_selector_all("#log a", "links => links.map(a => [a.href, a.rel, a.target])")
        self.assertTrue(targets)
        for target, rel, window in targets:
            self.assertRegex(target, r"^https://example\.com/")
            self.assertEqual((rel, window), ("noopener noreferrer", "_blank"))
        self.assertIn('<img src=x onerror="window.broken=1"> <script>window.broken=2</script>', self.texts()[1])
        self.assertIn("[click](javascript:window.broken=4)", self.texts()[1])
        attributes = self.page.eval_on_selector_all("#log .body *", "all => [...new Set(all.flatMap(e => e.getAttributeNames()))]")
        self.assertLessEqual(set(attributes), {"href", "target", "rel", "class", "dir", "start", "scope", "type", "tabindex", "role", "aria-label"})

    @scripted
    def test_markdown(self):
        body = self.ask("markdown").locator(".body")
        self.picture("markdown")
        inside = lambda selector: body.locator(selector).all_inner_texts()
        self.assertEqual(inside("h3"), ["A heading"])
        self.assertEqual(inside("p strong"), ["bold", "both", "one"])
        self.assertEqual(inside("p > em"), ["italic", "both"])
        self.assertEqual(inside("del"), ["gone"])
        self.assertEqual(inside("p code"), ["inline *code*", "code"])
        self.assertEqual(inside("ol > li > ul > li"), ["nested one", "nested two"])
        self.assertEqual(body.locator("ol > li").count(), 3)
        self.assertEqual(body.locator("ol > li").nth(1).locator("p").count(), 2)
        self.assertEqual(inside("blockquote"), ["A quote\nwith two lines"])
        self.assertEqual(inside("pre"), ['let x = 1 < 2 && "**not bold**" != "<b>"\nprint(x)'])
        self.assertEqual(inside("thead th"), ["name", "speed", "note"])
        self.assertEqual(inside("tbody td"), ["int4", "7.9", "fast", "int8", "6.4", "a | b"])
        self.assertEqual(body.locator("td.end").count(), 2)
        self.assertEqual(body.locator("hr").count(), 1)
        self.assertEqual(inside("a"), ["link", "https://example.org/bare"])
        self.assertEqual(inside(".target"), [" (https://example.com/path)"])
        self.assertIn("snake_case_name, 2 * 3 * 4, an escaped *star*.", body.inner_text())
        self.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        body.get_by_role("button", name="Copy code").click()
        self.page.get_by_role("button", name="Copied").wait_for()
        self.assertEqual(self.page.evaluate("navigator.clipboard.readText()"), 'let x = 1 < 2 && "**not bold**" != "<b>"\nprint(x)')

    @scripted
    def test_markdown_grows_without_flicker(self):
        # Whatever part of a text has come, what is shown of it is the beginning of what is shown in the end; and changing what
        # is on the page bit by bit comes to the same as building it at once. Marks are of no width in this comparison.
        result = self.page.evaluate("""text => {
            const shown = body => {
                const copy = body.cloneNode(true);
                copy.querySelectorAll(".row").forEach(row => row.remove());
                return copy.textContent.replace(/\\s/g, "");
            };
            const build = (text, open) => { const body = document.createElement("div"); renderMarkdown(body, text, open); return body; };
            const end = build(text, false), body = document.createElement("div"), wrong = [];
            for (let length = 1; length <= text.length; length += 1) {
                const part = text.slice(0, length);
                renderMarkdown(body, part, true);
                if (!shown(end).startsWith(shown(body))) wrong.push([part.slice(-30), shown(body).slice(-30)]);
                if (body.innerHTML !== build(part, true).innerHTML) wrong.push(["not as built at once", part.slice(-30)]);
            }
            renderMarkdown(body, text, false);
            if (body.innerHTML !== end.innerHTML) wrong.push(["at the end", ""]);
            return wrong;
        }""", MARKDOWN)
        self.assertEqual(result, [])

    @scripted
    def test_hostile_markdown_takes_no_long(self):
        # Milliseconds are not asserted: what is quadratic in 100,000 characters would run into the patience of the test.
        size = 100_000
        marks = ("*a ", "`", "[", "> ", "- ", "|", "|a\n", "**a*", "~~~\n", "[a](", "\\", "1. a\n   ", "_a_b", "http://", "<br", "a\n\n")
        texts = [mark * (size // len(mark)) for mark in marks]
        texts += [" " * size + "x", "#" + " #" * (size // 2) + "x", "| - " * (size // 4) + "\n" + "|-" * (size // 2)]
        for text in texts:
            length = self.page.evaluate("""text => {
                const body = document.createElement("div");
                renderMarkdown(body, text, true); renderMarkdown(body, text, false);
                return body.textContent.length;
            }""", text)
            self.assertLess(length, 10 * len(text))

    @scripted
    def test_thoughts_are_folded(self):
        answer = self.ask("think")
        details = answer.locator("details")
        self.assertFalse(details.evaluate("d => d.open"))
        details.locator("summary").click()
        self.assertEqual(details.locator("div").inner_text(), "First I think about <b>it</b>.")
        self.picture("thoughts")
        self.ask("Next")
        self.assertTrue(details.evaluate("d => d.open"))
        self.assertNotIn("First I think", json.dumps(self.server.requests[-1]))

    @scripted
    def test_tool_calls_are_text(self):
        answer = self.ask("tool")
        self.assertIn("Tool call: weather", answer.inner_text())
        self.assertEqual(answer.locator("pre").inner_text(), '{"city": "Oslo"}')
        self.picture("tool")
        self.ask("Next")
        call = self.server.requests[-1]["messages"][1]["tool_calls"][0]
        self.assertEqual(call, {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}})

    @scripted
    def test_reader_may_scroll_up(self):
        self.ask("long")
        at_end = "(() => { const l = document.getElementById('log'); return l.scrollHeight - l.scrollTop - l.clientHeight < 2; })()"
        self.assertTrue(self.page.evaluate(at_end))
        self.send("slow")
        self.page.wait_for_function("() => document.querySelectorAll('article')[3]?.querySelector('.body').textContent.length > 3")
        self.page.mouse.move(600, 300)
        self.page.mouse.wheel(0, -800)
        self.page.wait_for_selector("#latest:not([hidden])")
        top = self.page.evaluate("document.getElementById('log').scrollTop")
        self.picture("scrolled")
        self.page.wait_for_timeout(600)
        self.assertAlmostEqual(self.page.evaluate("document.getElementById('log').scrollTop"), top, delta=2)
        self.page.click("#latest")
        self.assertTrue(self.page.evaluate(at_end))
        self.page.wait_for_timeout(600)
        self.assertTrue(self.page.evaluate(at_end))
        self.page.keyboard.press("Escape")
        self.answered(4)

    # --- Who uses it, and on what ---

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
        for name in ("open-settings", "theme", "new-chat", "export-json", "Copy", "Edit", "Retry", "send", "message"):
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
                self.ask("think", page)
                page.locator("summary").click()
                self.ask("503", page)
            self.assertEqual(accessibility.complaints(page), [], scheme)
            self.picture(f"conversation-{scheme}", page)
            page.click("#open-settings")
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
        policy = response.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertIn("connect-src 'self'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertLess(len(response.body()), 60_000)
        tags = Tags()
        tags.feed(response.text())
        self.assertEqual([tag for tag, _ in tags.found if tag in ("script", "style")], ["style", "script"])
        for tag, attributes in tags.found:
            for name, value in attributes:
                self.assertFalse(name == "style" or name.startswith("on"), f"{name} of <{tag}>")
                self.assertFalse(name in ("src", "href", "action") and not value.startswith(("#", "data:")), f"{name}={value} of <{tag}>")


def main():
    global options, browser
    parser = argparse.ArgumentParser(description="Tests the chat page in headless Chromium.", epilog=__doc__.strip().splitlines()[-1])
    parser.add_argument("--url", type=lambda url: url.rstrip("/"), help="of a running server; otherwise answers are scripted")
    parser.add_argument("--screenshots", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--chromium", metavar="PROGRAM", help="otherwise the first on the path of: " + ", ".join(BROWSERS))
    parser.add_argument("tests", nargs="*", help="otherwise all")
    options = parser.parse_args()
    loader = unittest.TestLoader()
    known = loader.getTestCaseNames(PageTest)
    unknown = [name for name in options.tests if name not in known]
    if unknown:
        parser.error(f"there is no test {unknown[0]}")

    program = options.chromium or next(filter(None, map(shutil.which, BROWSERS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("The page was not tested: the Python package playwright is missing (pip install playwright).", file=sys.stderr)
        return MISSING
    if not program or not shutil.which(program):
        print("The page was not tested: Chromium is missing (apt-get install chromium).", file=sys.stderr)
        return MISSING

    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program)
        suite = unittest.TestSuite(PageTest(name) for name in options.tests or known)
        result = unittest.TextTestRunner(verbosity=2).run(suite)
        browser.close()
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"page: {result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
