#!/usr/bin/env python3
"""Tests the chat page in headless Chromium.

    Tests/Page/run [ARGUMENTS]                            # installs what is needed, then runs this with what is given
    Tests/Page/test_page.py                               # against the server with scripted answers (mock_server.py)
    Tests/Page/test_page.py --url http://127.0.0.1:8080   # against `jamba serve`; what needs scripted answers is skipped
    Tests/Page/test_page.py --screenshots FOLDER          # keeps a picture of each state that is tested
    Tests/Page/test_page.py test_stop test_retry          # only these

Exit status: 0 passed, 1 failed, 2 wrong usage, 77 Chromium or Playwright is missing and nothing was tested.
"""
import argparse
import pathlib
import shutil
import sys
import unittest

from answer_tests import AnswerTests
from branch_tests import BranchTests
from conversation_tests import ConversationTests, ErrorTests
from harness import Options
from settings_tests import SettingsTests
from transfer_tests import FileTests, TransferTests
from use_tests import UseTests

CASES = (ConversationTests, SettingsTests, ErrorTests, BranchTests, AnswerTests, FileTests, TransferTests, UseTests)
MISSING = 77
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main():
    parser = argparse.ArgumentParser(description="Tests the chat page in headless Chromium.", epilog=__doc__.strip().splitlines()[-1])
    parser.add_argument("--url", type=lambda url: url.rstrip("/"), help="of a running server; otherwise answers are scripted")
    parser.add_argument("--screenshots", type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--chromium", metavar="PROGRAM", help="otherwise the first on the path of: " + ", ".join(BROWSERS))
    parser.add_argument("tests", nargs="*", help="otherwise all")
    options = parser.parse_args()
    Options.url, Options.screenshots = options.url, options.screenshots
    known = {name: case for case in CASES for name in unittest.TestLoader().getTestCaseNames(case)}
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

    if Options.screenshots:
        Options.screenshots.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        Options.browser = playwright.chromium.launch(executable_path=program)
        suite = unittest.TestSuite(known[name](name) for name in options.tests or known)
        result = unittest.TextTestRunner(verbosity=2).run(suite)
        Options.browser.close()
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"page: {result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
