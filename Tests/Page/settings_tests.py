"""What the reader sets: how answers are drawn, presets of that, the model."""
import re

from harness import PageTest, scripted


class SettingsTests(PageTest):
    def test_settings(self):
        self.page.click("#open-settings")
        self.picture("settings")
        fields = {"Temperature": "0.5", "Top p": "0.9", "Top k": "40", "Min p": "0.05", "Repetition penalty": "1.1", "Seed": "7",
                  "Maximum tokens": "12"}
        for label, value in fields.items():
            self.page.get_by_label(re.compile(f"^{label}")).fill(value)
        self.page.get_by_label("Stop sequences").fill("END\nover")
        self.page.get_by_label("System prompt").fill("Be brief.")
        self.page.get_by_role("button", name="Save").click()
        self.ask("Hello")
        self.page.reload()
        self.page.click("#open-settings")
        for label, value in fields.items():
            self.assertEqual(self.page.get_by_label(re.compile(f"^{label}")).input_value(), value)
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

    def test_presets(self):
        self.page.click("#open-settings")
        temperature = self.page.locator("[name=temperature]")
        self.page.locator("#preset").select_option("Balanced")
        self.assertEqual((temperature.input_value(), self.page.locator("[name=min_p]").input_value()), ("0.7", "0.02"))
        self.assertTrue(self.page.locator("#delete-preset").is_disabled())
        temperature.fill("0.25")
        self.page.locator("[name=stop]").fill("END")
        self.page.get_by_label("Keep these as a preset").fill("Mine")
        self.page.keyboard.press("Enter")
        self.assertEqual(self.page.locator("#preset").input_value(), "own Mine")
        self.picture("presets")
        self.page.get_by_role("button", name="Cancel").click()
        self.ask("Hello")
        self.page.reload()
        self.page.click("#open-settings")
        self.assertEqual(temperature.input_value(), "")
        self.page.locator("#preset").select_option("Mine")
        self.page.get_by_role("button", name="Save").click()
        self.ask("Hello again")
        if self.server:
            self.assertNotIn("temperature", self.server.requests[0])
            self.assertEqual({name: self.server.requests[1].get(name) for name in ("temperature", "min_p", "stop")},
                             {"temperature": 0.25, "min_p": 0.02, "stop": ["END"]})
        self.page.click("#open-settings")
        self.page.locator("#preset").select_option("Mine")
        self.page.get_by_role("button", name="Delete preset").click()
        self.assertEqual(self.page.locator("#preset option", has_text="Mine").count(), 0)
        self.assertEqual(self.page.evaluate("JSON.parse(localStorage['jamba.settings']).presets"), {})

    @scripted
    def test_more_settings(self):
        self.page.wait_for_function("() => document.getElementById('model-facts').textContent.includes('4 answers at once')")
        self.page.click("#open-settings")
        self.assertEqual(self.page.locator("[name=max_tokens]").get_attribute("placeholder"), "default 4,096")
        self.page.click("#more summary")
        self.page.locator("[name=dry_multiplier]").fill("0.8")
        self.page.locator("[name=mirostat]").select_option("2")
        self.page.locator("[name=enable_thinking]").select_option("false")
        self.page.click("#template summary")
        self.assertIn("message.role", self.page.inner_text("#template-text"))
        self.page.click("#more summary")
        self.page.evaluate("document.querySelector('[name=xtc_probability]').value = 7")
        self.page.get_by_role("button", name="Save").click()
        self.assertEqual(self.page.evaluate("document.activeElement.name"), "xtc_probability")
        self.picture("more-settings")
        self.page.locator("[name=xtc_probability]").fill("")
        self.page.get_by_role("button", name="Save").click()
        self.ask("Hello")
        request = self.server.requests[0]
        self.assertEqual({name: request.get(name) for name in ("dry_multiplier", "mirostat", "enable_thinking")},
                         {"dry_multiplier": 0.8, "mirostat": 2, "enable_thinking": False})

    def test_impossible_settings_are_not_taken(self):
        self.page.click("#open-settings")
        self.page.get_by_label(re.compile("^Top p")).fill("3")
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
