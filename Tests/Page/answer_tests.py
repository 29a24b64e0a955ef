"""What the model writes: Markdown, markup that must stay text, thoughts, tool calls."""
import json

from harness import PageTest, scripted
from scripted_answers import CODE, FORMULAS, INJECTION, MARKDOWN


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
        growth = """text => {
            const shown = body => {
                const copy = body.cloneNode(true);
                copy.querySelectorAll(".row").forEach(row => row.remove());
                // A formula counts as its source, which KaTeX keeps beside it.
                copy.querySelectorAll(".math").forEach(math => {
                    math.replaceWith((math.querySelector("annotation") ?? math).textContent.replace(/^(\\$\\$|\\\\\\[)|(\\$\\$|\\\\\\])$/g, ""));
                });
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
        }"""
        self.assertEqual(self.page.evaluate(growth, MARKDOWN), [])
        self.assertEqual(self.page.evaluate(growth, CODE), [])
        self.ask("formulas")
        self.page.wait_for_selector("math")
        self.assertEqual(self.page.evaluate(growth, FORMULAS), [])

    @scripted
    def test_hostile_markdown_takes_no_long(self):
        # Milliseconds are not asserted: what is quadratic in 100,000 characters would run into the patience of the test.
        size = 100_000
        marks = ("*a ", "`", "[", "> ", "- ", "|", "|a\n", "**a*", "~~~\n", "[a](", "\\", "1. a\n   ", "_a_b", "http://", "<br", "a\n\n",
                 "$", "$a", "$$", "$$\n", "\\(", "\\[\n", "\\[ ", "\\begin{align}\n", "$a$ ")
        texts = [mark * (size // len(mark)) for mark in marks]
        texts += [" " * size + "x", "#" + " #" * (size // 2) + "x", "| - " * (size // 4) + "\n" + "|-" * (size // 2)]
        texts.append("Not to be read as Markdown *at all*. " * 40_000)
        for text in texts:
            length = self.page.evaluate("""text => {
                const body = document.createElement("div");
                renderMarkdown(body, text, true); renderMarkdown(body, text, false);
                return body.textContent.length;
            }""", text)
            self.assertLess(length, 10 * len(text))

    @scripted
    def test_formulas(self):
        self.ask("Hello")
        self.assertEqual(self.server.katex_requests, 0)
        body = self.ask("formulas").locator(".body")
        self.page.wait_for_selector("math")
        self.picture("formulas")
        sources = body.locator("annotation").all_text_contents()
        self.assertEqual([source for source in sources if "\n" not in source], [
            "ax^2 + bx + c = 0", r"x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}", r"e^{i\pi} + 1 = 0", "p_1 * p_2 * p_3", "x_1", r"\mathbb{R}",
            r"\sum_{k=1}^{n} k^2 = \frac{n(n+1)(2n+1)}{6}", r"\alpha \le \beta", r"\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}"])
        self.assertEqual(len(sources), 10)
        self.assertEqual(body.locator("math[display=block]").count(), 4)
        self.assertEqual(body.locator("mtable").count(), 2)
        self.assertEqual(body.locator("strong math, li math").count(), 3)
        text = body.inner_text()
        for plain in ("such as $5 and $10, or $20–$30, are none", "$code$", "$x$ or $HOME/$USER", r"No formula: $\undefined{x}$, and a mark alone: $."):
            self.assertIn(plain, text)
        self.assertEqual(body.locator("code").all_inner_texts(), ["$code$"])
        self.assertEqual(body.locator("[style], [href]").count(), 0)
        right = body.locator("mtd.right > *").evaluate_all("cells => cells.map(cell => Math.round(cell.getBoundingClientRect().right))")
        self.assertEqual(len(set(right)), 1, right)
        self.assertEqual(body.locator("mi", has_text="ℝ").count(), 1)
        self.page.reload()
        self.page.wait_for_selector("math")

    @scripted
    def test_hostile_formulas(self):
        self.ask("formulas")
        self.page.wait_for_selector("math")
        size = 4900
        hostile = (
            r"\href{javascript:window.broken=1}{x}", r"\htmlStyle{color:red}{x}", r"\htmlData{a=b}{x}", r"\includegraphics{https://example.com/i.png}", r"\url{javascript:window.broken=2}",
            r"\text{<img src=x onerror=window.broken=3>}", r"\def\a{\a\a}\a", r"\def\a{xxxxxxxxxx}\def\b{\a\a\a\a\a\a\a\a}\def\c{\b\b\b\b\b\b\b\b}\c\c\c\c\c\c\c\c\c",
            r"\newcommand{\x}{" + "y" * 300 + "}" + r"\x" * 90, "{" * (size // 2) + "}" * (size // 2), r"\sqrt" * (size // 5) + "x", "x^{" * 1000 + "}" * 1000, r"\frac{" * 600,
            r"\rule{99999em}{99999em}", r"\left(" * 500 + r"\right)" * 500, "x" * 100_000, "\\begin{matrix}" + "&" * 4000 + r"\end{matrix}")
        for tex in hostile:
            result = self.page.evaluate("""tex => {
                const body = document.createElement("div");
                document.getElementById("log").append(body);
                const start = performance.now();
                renderMarkdown(body, `$$${tex}$$`, false);
                body.getBoundingClientRect();
                const all = [...body.querySelectorAll("*")];
                const found = { time: performance.now() - start, count: all.length, width: Math.max(...all.map(e => e.scrollWidth), 0),
                    names: [...new Set(all.flatMap(e => e.getAttributeNames()))],
                    tags: all.filter(e => e.namespaceURI !== "http://www.w3.org/1998/Math/MathML").map(e => e.localName), text: body.textContent };
                body.remove();
                return found;
            }""", tex)
            with self.subTest(tex[:40]):
                self.assertLess(result["count"], 10_100)
                self.assertLess(result["time"], 10_000)
                self.assertEqual(set(result["names"]) & {"style", "href", "src", "onerror", "data-a"}, set())
                self.assertEqual(set(result["tags"]), {"p", "span"})
                self.assertTrue(result["text"])
        self.assertIsNone(self.page.evaluate("window.broken ?? null"))
        self.assertEqual(self.page.evaluate("""texts => texts.map(text => {
            const body = document.createElement("div");
            renderMarkdown(body, text, true);
            return body.textContent;
        })""", ["It costs $5", "It costs $5 and comes with a spoon", "Let $x"]), ["It costs ", "It costs $5 and comes with a spoon", "Let "])
        many = " ".join(f"$x_{{{index}}}$" for index in range(20_000))
        self.assertLess(self.page.evaluate("text => { const start = performance.now(); renderMarkdown(document.createElement('div'), text, false); return performance.now() - start; }", many), 20_000)

    @scripted
    def test_formulas_without_the_library(self):
        self.server.has_katex = False
        body = self.ask("formulas").locator(".body")
        self.page.wait_for_function("() => document.getElementById('notice').textContent.includes('as they are written')")
        self.assertIn("$ax^2 + bx + c = 0$", body.inner_text())
        self.assertEqual(self.page.locator("math").count(), 0)

    @scripted
    def test_code_is_coloured(self):
        body = self.ask("code").locator(".body")
        self.picture("code")
        inside = lambda block, kind: body.locator("pre").nth(block).locator(f".{kind}").all_inner_texts()
        self.assertEqual(inside(0, "keyword"), ["def", "return"])
        self.assertEqual(inside(0, "string"), ['"""Says hello."""', 'f"Hello, {name}!"', '"World"'])
        self.assertEqual(inside(0, "comment"), ["# to whom it may be"])
        self.assertEqual(inside(0, "call"), ["greet", "print", "greet"])
        self.assertEqual(inside(0, "number"), ["0x1F", "None"])
        self.assertEqual(inside(0, "meta"), ["@cache"])
        self.assertEqual(inside(1, "comment"), ["/* A structure. */"])
        self.assertEqual((inside(1, "type"), inside(1, "number")), (["Point"], ["1.5"]))
        self.assertEqual((inside(2, "deleted"), inside(2, "inserted")), (["- old"], ["+ new"]))
        self.assertEqual(body.locator("pre").nth(3).locator("span").count(), 0)
        for block, source in enumerate(part.split("\n", 1)[1].rstrip("\n") for part in CODE.split("```")[1::2]):
            self.assertEqual(body.locator("pre").nth(block).inner_text(), source)

    @scripted
    def test_hostile_code_takes_no_long(self):
        # In each language, as with Markdown; a piece that would be quadratic takes seconds at this length.
        pieces = ('"', "'", "`", "/*", "#", "<a ", '<a "', "<!--", "${", "$(", "a", "0x1", "1e", "@", "\\", "{-", "a:", " ", '"""', '= "', "[", "-", "--[[", "&#", "{a", "a-", "a(", "é", "#[")
        slow = self.page.evaluate("""pieces => {
            const slow = [];
            for (const [language, facts] of codeLanguages) {
                if ([...codeLanguages].find(([, other]) => other === facts)[0] !== language) continue;
                for (const piece of pieces) {
                    const text = piece.repeat(20000 / piece.length), start = performance.now();
                    const shown = codeNodes(text, language).map(node => node.textContent ?? node).join("");
                    if (shown !== text) slow.push([language, piece, "other text"]);
                    if (performance.now() - start > 2000) slow.push([language, piece, performance.now() - start]);
                }
            }
            return slow;
        }""", list(pieces))
        self.assertEqual(slow, [])

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
