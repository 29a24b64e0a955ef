"""Branches of a conversation: other answers, other wordings, and answers that are gone on with."""
from harness import PageTest, scripted
from scripted_answers import CUT


class BranchTests(PageTest):
    def versions(self):
        return self.page.locator(".version").all_inner_texts()

    @scripted
    def test_retry_keeps_the_other_answer(self):
        self.ask("dice")
        self.assertEqual(self.versions(), [])
        for _ in range(2):
            self.page.get_by_role("button", name="Retry").click()
            self.answered(2)
        self.assertEqual((self.texts()[1], self.versions()), ("You said: dice (3)", ["3/3"]))
        self.ask("And on")
        self.page.get_by_role("button", name="Version before").click()
        self.assertEqual((self.texts(), self.versions()), (["dice", "You said: dice (2)"], ["2/3"]))
        self.assertEqual(self.page.evaluate("document.activeElement.ariaLabel"), "Version before")
        self.page.keyboard.press("Enter")
        self.assertEqual((self.texts()[1], self.versions()), ("You said: dice (1)", ["1/3"]))
        self.assertEqual(self.page.evaluate("document.activeElement.ariaLabel"), "Version after")  # the other one leads nowhere
        self.page.wait_for_function("() => document.getElementById('announcer').textContent === 'Version 1 of 3'")
        self.page.reload()
        self.assertEqual((self.texts()[1], self.versions()), ("You said: dice (1)", ["1/3"]))
        for _ in range(2):
            self.page.get_by_role("button", name="Version after").click()
        self.assertEqual(self.texts(), ["dice", "You said: dice (3)", "And on", "You said: And on"])
        self.picture("branches")
        self.assertEqual([message["content"] for message in self.server.requests[3]["messages"]], ["dice", "You said: dice (3)", "And on"])

    @scripted
    def test_edit_makes_a_branch(self):
        self.ask("One")
        self.ask("Two")
        self.page.get_by_role("button", name="Edit").last.click()
        self.page.get_by_label("Edit your message").fill("Three")
        self.page.keyboard.press("Enter")
        self.answered(4)
        self.assertEqual(self.versions(), ["2/2"])
        self.page.get_by_role("button", name="Edit").first.click()
        self.page.get_by_label("Edit your message").fill("Zero")
        self.page.keyboard.press("Enter")
        self.answered(2)
        self.assertEqual((self.texts(), self.versions()), (["Zero", "You said: Zero"], ["2/2"]))
        self.page.get_by_role("button", name="Version before").click()
        self.assertEqual((self.texts()[2], self.versions()), ("Three", ["1/2", "2/2"]))
        self.page.get_by_role("button", name="Version before").last.click()
        self.assertEqual(self.texts()[::2], ["One", "Two"])

    @scripted
    def test_an_answer_that_never_came_is_no_version(self):
        self.ask("503")
        self.page.get_by_role("button", name="Retry").click()
        self.answered(2)
        self.assertEqual(self.versions(), [])

    @scripted
    def test_no_change_of_branch_while_an_answer_comes(self):
        self.ask("dice")
        self.page.get_by_role("button", name="Retry").click()
        self.answered(2)
        self.send("slow")
        self.page.wait_for_selector("[aria-busy=true]")
        self.page.get_by_role("button", name="Version before").click()
        self.assertIn("Stop the answer first", self.page.inner_text("#notice"))
        self.assertEqual(len(self.texts()), 4)
        self.page.keyboard.press("Escape")
        self.answered(4)

    @scripted
    def test_continue(self):
        answer = self.ask("cut")
        cut = answer.locator(".body").inner_text()
        self.assertIn("Cut off at the maximum of tokens", answer.inner_text())
        self.picture("cut")
        self.page.get_by_role("button", name="Continue").click()
        answer = self.answered(2)
        self.page.wait_for_function("() => !document.getElementById('log').textContent.includes('Cut off at')")
        self.assertEqual(answer.locator(".body").inner_text(), CUT.replace("*", ""))
        self.assertEqual((self.page.get_by_role("button", name="Continue").count(), self.versions()), (0, []))
        request = self.server.requests[1]
        self.assertEqual((request["continue_final_message"], request["add_generation_prompt"]), (True, False))
        self.assertEqual(request["messages"][0], {"role": "user", "content": "cut"})
        self.assertTrue(request["messages"][1]["content"].startswith(cut[:20]))
        self.assertRegex(answer.inner_text(), r"· 2\d tokens")  # of both parts
        self.ask("Next")
        self.assertNotIn("continue_final_message", self.server.requests[2])
        self.assertEqual(self.server.requests[2]["messages"][1]["content"], CUT)

    @scripted
    def test_continue_that_is_refused_keeps_the_answer(self):
        self.send("slow")
        self.page.wait_for_function("() => document.querySelectorAll('article')[1]?.querySelector('.body').textContent.length > 3")
        self.page.keyboard.press("Escape")
        text = self.answered(2).locator(".body").inner_text()
        self.page.get_by_role("button", name="Continue").click()
        answer = self.answered(2)
        answer.locator(".problem").wait_for()
        self.assertIn("nothing to go on with", answer.inner_text())
        self.assertEqual(answer.locator(".body").inner_text(), text)

    @scripted
    def test_pace_while_an_answer_comes(self):
        self.send("slow")
        self.page.wait_for_function("() => /^about [0-9.]+ tokens\\/s · \\d+ tokens$/.test(document.querySelector('.pace')?.textContent)")
        self.picture("pace")
        self.page.keyboard.press("Escape")
        self.answered(2)
        self.assertEqual(self.page.locator(".pace").count(), 0)
