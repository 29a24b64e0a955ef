"""What goes into the page and comes out of it: files in messages, conversations as JSON; and finding conversations."""
import json
import pathlib

import accessibility
from harness import PageTest, scripted

BOM_UTF16 = b"\xff\xfe"


class FileTests(PageTest):
    @scripted
    def test_files_in_a_message(self):
        self.put(("hello.py", b'print("hi")\n'), ("ticks.md", b"````\nx\n````"), ("old`.txt", BOM_UTF16 + "grüß".encode("utf-16le")))
        entries = self.page.locator("#attached li")
        entries.nth(2).wait_for()
        self.assertEqual(accessibility.complaints(self.page), [])
        self.picture("files")
        self.page.get_by_role("button", name="Remove “ticks.md”").click()
        self.assertEqual(self.page.evaluate("document.activeElement.id"), "message")
        self.put(("ticks.md", b"````\nx\n````"))
        entries.nth(2).wait_for()
        self.ask("What is this?")
        self.assertEqual(self.server.requests[0]["messages"][0]["content"],
                         'What is this?\n\nhello.py:\n```py\nprint("hi")\n```\n\nold_.txt:\n```\ngrüß\n```\n\nticks.md:\n`````\n````\nx\n````\n`````')
        self.assertFalse(self.page.locator("#attached").is_visible())
        self.put(("alone.txt", b"text"))
        entries.first.wait_for()
        self.page.press("#message", "Enter")
        self.answered(4)
        self.assertEqual(self.server.requests[1]["messages"][2]["content"], "alone.txt:\n```\ntext\n```")

    @scripted
    def test_files_that_are_no_texts(self):
        self.put(("image.png", b"\x89PNG\r\n\x1a\n\0"))
        self.notice("“image.png” is no text file.")
        self.put(("zeros", bytes(10)))
        self.notice("“zeros” is no text file.")
        self.put(("large.txt", b"a" * (257 << 10)))
        self.notice("“large.txt” has 257 KiB; a file may have 256 KiB.")
        self.put(*((f"{name}.txt", b"a" * (250 << 10)) for name in "abcde"))
        self.notice("“e.txt” is too much: the files of a message may have 1 MiB together.")
        self.assertEqual(self.page.locator("#attached li").count(), 4)

    @scripted
    def test_files_are_dropped(self):
        self.page.evaluate("""() => {
            const data = new DataTransfer();
            data.items.add(new File(["let x = 1"], "x.swift"));
            for (const kind of ["dragover", "drop"]) document.getElementById("log").dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }""")
        self.page.locator("#attached li").wait_for()
        self.ask("Look")
        self.assertIn("x.swift:\n```swift\nlet x = 1\n```", self.server.requests[0]["messages"][0]["content"])

    @scripted
    def test_long_messages_scroll(self):
        self.put(("long.txt", b"A line.\n" * 2000))
        self.page.locator("#attached li").wait_for()
        self.ask("Short")
        box = self.page.locator("article.user .body").bounding_box()
        self.assertLess(box["height"], 420)


class TransferTests(PageTest):
    def saved(self, button):
        with self.page.expect_download() as download:
            self.page.click(button)
        return pathlib.Path(download.value.path()).read_bytes()

    @scripted
    def test_export_and_import(self):
        self.ask("dice")
        self.page.get_by_role("button", name="Retry").click()
        self.answered(2)
        self.page.get_by_role("button", name="Version before").click()
        self.page.click("#open-settings")
        self.page.get_by_label("System prompt").fill("Be brief.")
        self.page.get_by_role("button", name="Save").click()
        one = self.saved("#export-json")
        self.assertEqual([m["role"] for m in json.loads(one)["messages"]], ["system", "user", "assistant"])
        self.page.click("#new-chat")
        self.ask("think")
        everything = self.saved("#export-all")
        self.assertEqual([c["title"] for c in json.loads(everything)["conversations"]], ["dice", "think"])
        for data, count in ((one, 1), (everything, 2)):
            page = self.page = self.open()
            self.put(("conversations.json", data), into="#import-file")
            page.wait_for_function("count => document.querySelectorAll('#list li').length === count", arg=count)
            page.locator("#list .chat", has_text="dice").click()
            self.answered(2)
            self.assertEqual(self.texts()[1], "You said: dice (1)")
            self.assertEqual(page.locator(".version").inner_text(), "1/2")
            page.get_by_role("button", name="Version after").click()
            self.assertEqual(self.texts()[1], "You said: dice (2)")
            again = json.loads(self.saved("#export-json"))
            self.assertEqual(again["messages"][0], {"role": "system", "content": "Be brief."})
            self.assertEqual(again["branches"]["messages"], json.loads(one)["branches"]["messages"])
        page.locator("#list .chat", has_text="think").click()
        self.assertIn("First I think", page.locator("details.thoughts").inner_text() + page.locator("details.thoughts div").text_content())

    @scripted
    def test_import_of_others_conversations(self):
        parts = [{"type": "text", "text": "In "}, {"type": "text", "text": "parts"}]
        self.put(("a.json", json.dumps([{"role": "system", "content": "S"}, {"role": "user", "content": parts}, {"role": "assistant", "content": None}]).encode()),
                 into="#import-file")
        self.page.wait_for_function("() => document.querySelectorAll('article').length === 2")
        self.assertEqual(self.texts()[0], "In parts")
        self.ask("On")
        self.assertEqual(self.server.requests[0]["messages"][0], {"role": "system", "content": "S"})

    @scripted
    def test_hostile_files_are_refused(self):
        self.ask("Hello")
        user = {"role": "user", "content": "x"}
        for data, words in (
                (b"{", "It is not JSON."), (b"7", "There is no conversation in it."), (b"null", "no conversation in it"), (b"[]", "no conversation in it"),
                (b"[[[]]]", "without a list of messages"), (b"[" * 100_000, "It is not JSON."), (b"[" * 9000 + b"]" * 9000, "without a list of messages"),
                ({"messages": []}, "without a message"), ({"messages": 5}, "without a list"), ({"messages": [None]}, "Message 1 is no object."),
                ({"messages": [user, {"role": "tool", "content": "x"}]}, "Message 2 has the role \"tool\", which has no place here."),
                ({"messages": [{"role": "user", "content": {"toString": 1}}]}, "Message 1 holds something that is no text."),
                ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "no text"),
                ({"messages": [user] * 5001}, "more than 5,000 messages"), ({"conversations": [{"messages": [user]}] * 1001}, "more than 1,000 conversations"),
                ({"messages": [user], "branches": {"messages": [{**user, "parent": 0}]}}, "Message 1 follows one that is not before it."),
                ({"messages": [user], "branches": {"messages": [{**user, "parent": -7}]}}, "follows one that is not before it"),
                ({"messages": [user], "branches": {"messages": 5}}, "no list"),
                ({"conversations": [{"messages": [user]}, {"messages": [7]}]}, "Message 1 is no object."),
                ({"messages": [{"role": "user", "content": "y" * 6_000_000}]}, "no room"),
                (b" " * ((20 << 20) + 1), "more than 20 MiB")):
            with self.subTest(words):
                self.page.evaluate("document.getElementById('notice').textContent = ''")
                self.put(("bad.json", data if isinstance(data, bytes) else json.dumps(data).encode()), into="#import-file")
                self.notice("“bad.json” was not imported.")
                self.assertIn(words, self.page.inner_text("#notice"))
                self.assertEqual(len(self.kept()), 1)
        self.picture("refused")
        odd = {"__proto__": {"polluted": 1}, "title": {"a": 1}, "created": "never", "branches": {"shown": 99, "messages": [user, {**user, "parent": -1, "calls": 5}]},
               "messages": [{"role": "user", "content": "<img src=x onerror=window.broken=1>", "tool_calls": 5, "figures": {"prompt": "x"}}]}
        self.put(("odd.json", json.dumps(odd).encode()), into="#import-file")
        self.page.wait_for_function("() => document.querySelectorAll('#list li').length === 2")
        self.assertIsNone(self.page.evaluate("window.broken ?? ({}).polluted ?? null"))
        self.page.reload()
        self.page.wait_for_selector("article")

    @scripted
    def test_search(self):
        for text in ("A red ball", "Something else", "Third"):
            self.page.click("#new-chat")
            self.ask(text)
        entries = self.page.locator("#list .chat")
        self.page.get_by_label("Search the conversations").fill("ELSE")
        self.assertEqual(entries.all_inner_texts(), ["Something else"])
        self.page.fill("#search", "said: third")
        self.assertEqual(entries.locator("span").all_inner_texts(), ["Third"])
        self.assertEqual(entries.locator("small").inner_text(), "You said: Third")
        self.assertEqual(accessibility.complaints(self.page), [])
        self.picture("search")
        self.page.fill("#search", "nowhere")
        self.assertTrue(self.page.get_by_text("None found.").is_visible())
        self.page.fill("#search", "")
        self.assertEqual(entries.count(), 3)

    @scripted
    def test_rename(self):
        self.ask("Hello")
        self.page.get_by_role("button", name="Rename “Hello”").click()
        field = self.page.get_by_label("Name of “Hello”")
        self.assertEqual(accessibility.complaints(self.page), [])
        self.picture("renaming")
        field.fill("  Greetings ")
        field.press("Enter")
        self.assertEqual(self.page.evaluate("document.activeElement.ariaLabel"), "Rename “Greetings”")
        self.assertEqual(self.page.title(), "Greetings – Jamba")
        self.page.reload()
        self.assertEqual(self.page.locator("#list .chat").inner_text(), "Greetings")
        self.page.get_by_role("button", name="Rename “Greetings”").click()
        self.page.keyboard.type("Other")
        self.page.keyboard.press("Escape")
        self.assertEqual(self.page.locator("#list .chat").inner_text(), "Greetings")
        self.page.get_by_role("button", name="Rename “Greetings”").click()
        self.page.keyboard.press("Delete")
        self.page.click("#message")
        self.assertEqual(self.page.locator("#list .chat").inner_text(), "Hello")

    @scripted
    def test_addresses(self):
        self.ask("First")
        first = self.page.url
        self.assertRegex(first, r"#chat-\w+$")
        self.page.click("#new-chat")
        self.assertNotIn("#", self.page.url)
        self.ask("Second")
        second = self.page.url
        self.page.locator("#list .chat", has_text="First").click()
        self.assertEqual(self.page.url, first)
        self.page.go_back()
        self.page.wait_for_function("() => document.querySelector('article .body')?.textContent === 'Second'")
        self.assertEqual(self.page.url, second)
        other = self.page.context.new_page()
        other.goto(first)
        self.answered(2, other)
        self.assertEqual(self.texts(other)[0], "First")
        other.close()
        self.page.goto(self.url + "/#chat-unknown")
        self.notice("The conversation of this address is not in this browser.")
        self.assertEqual(self.page.locator("article").count(), 0)
        self.page.goto(self.url + "/#chat-%E0%A4%A")  # no escape of UTF-8
        self.ask("It goes on")
