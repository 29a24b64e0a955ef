"""Conversations, and what goes wrong in them."""
import json
import pathlib

from harness import PageTest, scripted
from mock_server import Server


class ConversationTests(PageTest):
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
        self.page.evaluate("""() => { window.lengths = new Set(); new MutationObserver(() => lengths.add(
            document.querySelectorAll("article")[1]?.querySelector(".body")?.textContent.length))
            .observe(document.getElementById("log"), { childList: true, characterData: true, subtree: true }); }""")
        # A slow line: a small model's whole answer would come within a frame or two.
        line = self.page.context.new_cdp_session(self.page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions",
                  {"offline": False, "latency": 0, "downloadThroughput": 2_500, "uploadThroughput": -1})
        self.ask("Tell me a long story about a dog, a cat and a bird, who went to the park together and found a red ball there.")
        self.assertGreater(self.page.evaluate("lengths.size"), 3)

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
        self.assertEqual([m["content"] for m in self.kept()[0]["messages"] if m["role"] == "user"], ["A story of a cat", "More", "A story of a dog"])
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

    def test_two_tabs(self):
        self.ask("From the first tab")
        other = self.page.context.new_page()
        other.goto(self.url)
        self.answered(2, other)
        self.ask("Once more")
        self.answered(4, other)
        self.assertEqual(self.texts(other), self.texts())
        other.click("#new-chat")
        self.ask("From the second tab", other)
        self.page.wait_for_function("() => document.querySelectorAll('#list li').length === 2")
        self.assertEqual(self.page.locator("article").count(), 4)

    def test_full_storage(self):
        self.page.evaluate("() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }")
        self.ask("Hello")
        self.assertIn("not kept", self.page.inner_text("#notice"))
        self.ask("It goes on")
        self.page.click("#new-chat")
        self.assertEqual(self.page.locator("article").count(), 0)

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


class ErrorTests(PageTest):
    @scripted
    def test_api_key(self):
        server = Server(key="secret").start()
        page = self.open(server.url)
        page.wait_for_selector("#settings[open]")
        page.wait_for_function("() => document.activeElement.name === 'key'")
        page.wait_for_function("() => document.getElementById('key-problem').textContent.includes('wants an API key')")
        page.keyboard.press("Escape")
        page.wait_for_selector("#settings:not([open])", state="attached")
        self.send("Hello", page)
        page.wait_for_selector("#settings[open]")
        self.picture("key", page)
        page.get_by_label("API key").fill("wrong")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.getElementById('key-problem').textContent.includes('does not accept')")
        page.get_by_label("API key").fill("secret")
        page.keyboard.press("Enter")
        # Not `answered`: until the question is sent again, nothing is under way.
        page.wait_for_function("() => document.querySelectorAll('article')[1]?.textContent.includes('You said: Hello')")
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
