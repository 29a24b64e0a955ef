"""Runs `jamba serve` for tools that talk to it."""
import os
import re
import signal
import subprocess
import threading


class Server:
    """A server on a free port of the loopback address. Use it in a `with` statement."""

    def __init__(self, program, model, *arguments):
        self.process = subprocess.Popen(
            [program, "serve", model, "--port", "0", *arguments], stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            found = re.search(r"Listening on (https?://127\.0\.0\.1:(\d+))/", line)
            if found:
                self.url, self.port = found.group(1), int(found.group(2))
                break
        else:
            self.process.stderr.close()
            raise RuntimeError("the server did not start: " + "".join(self.lines))
        # A full pipe would stop the server.
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stderr), daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, seconds=60):
        """Ends the server as a service manager would; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
            self.reader.join()
            self.process.stderr.close()
            return status
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
