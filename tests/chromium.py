"""A small client of headless Chromium for tests: the debugging protocol over two pipes, nothing else installed."""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from empirics.report.browser import find_chromium, flags

SECONDS = 60
TALK = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Network.loadingFailed")


class Tab:
    """One page: commands, what it complained of, and what it fetched."""

    def __init__(self, read: int, write: int) -> None:
        self._read, self._write = read, write
        self._buffer = b""
        self._session: str | None = None
        self._last = 0
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def open(self) -> None:
        """Attach to a fresh page and listen."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command and its answer; events that arrive before it are noted."""
        self._last += 1
        asked = {"id": self._last, "method": method, "params": parameters}
        if self._session:
            asked["sessionId"] = self._session
        os.write(self._write, json.dumps(asked).encode() + b"\0")
        return self._until(lambda said: said.get("id") == self._last, method)

    def _until(self, wanted: Any, what: str) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while True:
            while b"\0" in self._buffer:
                line, self._buffer = self._buffer.split(b"\0", 1)
                said = json.loads(line)
                self._note(said)
                if wanted(said):
                    if "error" in said:
                        raise RuntimeError(f"{what}: {said['error']}")
                    return said.get("result") or said.get("params") or {}
            ready, _, _ = select.select([self._read], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise TimeoutError(f"{what}: no answer within {SECONDS} s")
            received = os.read(self._read, 1 << 16)
            if not received:
                raise RuntimeError(f"{what}: the browser ended")
            self._buffer += received

    def _note(self, said: dict[str, Any]) -> None:
        if said.get("method") in TALK:
            self.complaints.append(json.dumps(said["params"]))
        if said.get("method") == "Network.requestWillBeSent":
            self.requests.append(said["params"]["request"]["url"])

    def goto(self, page: Path) -> None:
        """Load a file and wait until it has loaded."""
        self.send("Page.navigate", url=page.resolve().as_uri())
        self._until(lambda said: said.get("method") == "Page.loadEventFired", f"load {page}")

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression in the page."""
        found = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"]))
        return found["result"].get("value")

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """The window's size in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.send("Emulation.setDeviceMetricsOverride", **size)

    def media(self, scheme: str = "light", kind: str = "") -> None:
        """Light or dark; ``print`` or the screen."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=kind, features=features)

    def settle(self) -> None:
        """Wait until two frames are drawn: what a style hides or shows is known only then."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")

    def press(self, key: str) -> None:
        """One key."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}
        text = {"text": "\r"} if key == "Enter" else {"text": key} if key == " " else {}
        same = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
        self.send("Input.dispatchKeyEvent", type="keyDown", **same, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", **same)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of the window, or of the whole page."""
        found = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def tab() -> Iterator[Tab]:
    """A page in a browser of its own, which ends with the block."""
    browser = find_chromium()
    if browser is None:
        raise RuntimeError("no Chromium is found")
    to_read, to_write = os.pipe(), os.pipe()  # the browser reads from its descriptor 3 and answers on 4
    with tempfile.TemporaryDirectory(prefix="bounds-chromium-", ignore_cleanup_errors=True) as profile:
        command = [browser, *flags(profile), "--remote-debugging-pipe"]
        script = 'exec "$@" 3<&"$IN" 4>&"$OUT"'
        environment = {**os.environ, "IN": str(to_read[0]), "OUT": str(to_write[1])}
        process = subprocess.Popen(
            ["/bin/bash", "-c", script, "bash", *command],
            env=environment,
            pass_fds=(to_read[0], to_write[1]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read[0])
        os.close(to_write[1])
        page = Tab(to_write[0], to_read[1])
        try:
            page.open()
            yield page
        finally:
            os.close(to_read[1])
            os.close(to_write[0])
            process.terminate()
            process.wait(timeout=SECONDS)
