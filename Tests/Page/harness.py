"""What the tests of the page stand on: a browser, a server, a page in a fresh context, and verbs of a reader."""
import pathlib
import unittest

from mock_server import Server

PATIENCE = 60_000  # ms; for answers of a real model on a busy machine


class Options:
    """Set by test_page.py before the tests run."""

    url = None  # of a running server; otherwise each test starts one with scripted answers
    screenshots: pathlib.Path | None = None
    browser = None


def scripted(test):
    """Marks a test that needs the answers of mock_server.py."""
    test.is_scripted = True
    return test


class PageTest(unittest.TestCase):
    def setUp(self):
        if Options.url and getattr(getattr(self, self._testMethodName), "is_scripted", False):
            self.skipTest("needs scripted answers")
        self.server = None if Options.url else Server(pause=0.02).start()
        self.url = Options.url or self.server.url
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
        context = Options.browser.new_context(**{"viewport": {"width": 1100, "height": 760}, "locale": "en-US", **settings})
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
        if Options.screenshots:
            (page or self.page).screenshot(path=Options.screenshots / f"{name}.png")

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

    def notice(self, words):
        """Waits until the notice says so."""
        self.page.wait_for_function("words => document.getElementById('notice').textContent.includes(words)", arg=words)

    def put(self, *files, into="#attach-file"):
        """Chooses files, (name, bytes) each."""
        self.page.set_input_files(into, [{"name": name, "mimeType": "", "buffer": data} for name, data in files])

    def texts(self, page=None):
        return (page or self.page).locator("article .body").all_inner_texts()

    def kept(self, page=None):
        """The conversations in the browser's storage."""
        return (page or self.page).evaluate(
            "Object.keys(localStorage).filter(k => k.startsWith('jamba.chat.')).map(k => JSON.parse(localStorage[k]))")
