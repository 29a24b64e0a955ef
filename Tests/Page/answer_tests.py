"""What the model writes: Markdown, markup that must stay text, thoughts, tool calls."""
import json

from harness import PageTest, scripted
from mock_server import INJECTION, MARKDOWN


class AnswerTests(PageTest):
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
