"""A client of a YAML language server over its standard streams: just what an editor asks while a file is typed."""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Position = tuple[int, int]


class LanguageServer:
    """A running server; a context manager that ends it.

    Parameters
    ----------
    command : list of str
        What starts the server on standard streams.
    folder : Path
        The folder that the editor has open.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._folder = folder
        self._last = 0
        self._version = 0
        self._faults: dict[str, list[dict[str, Any]]] = {}

    def __enter__(self) -> Self:
        abilities = {
            "textDocument": {
                "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown", "plaintext"]}},
                "hover": {"contentFormat": ["markdown", "plaintext"]},
                "publishDiagnostics": {},
            },
            "workspace": {"configuration": True, "workspaceFolders": True},
        }
        uri = self._folder.as_uri()
        folders = [{"uri": uri, "name": self._folder.name}]
        self.ask("initialize", {"processId": None, "rootUri": uri, "capabilities": abilities, "workspaceFolders": folders})
        self._tell("initialized", {})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()

    def open(self, path: Path, text: str) -> None:
        """Open a file with a text, whatever stands on disk; the server keeps what it parsed by the version."""
        self._version += 1
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": self._version, "text": text}
        self._faults.pop(path.as_uri(), None)
        self._tell("textDocument/didOpen", {"textDocument": document})

    def faults(self, path: Path) -> list[dict[str, Any]]:
        """Return the diagnostics of an opened file; waits until the server has sent them."""
        while path.as_uri() not in self._faults:
            self._handle(self._read())
        return self._faults[path.as_uri()]

    def completions(self, path: Path, position: Position) -> dict[str, dict[str, Any]]:
        """Return what can be written at a place, by label."""
        answer = self.ask("textDocument/completion", self._place(path, position))
        items = answer["items"] if isinstance(answer, dict) else answer or []
        return {item["label"]: item for item in items}

    def hover(self, path: Path, position: Position) -> str:
        """Return what is said of a place."""
        answer = self.ask("textDocument/hover", self._place(path, position))
        return str(answer["contents"]["value"]) if answer else ""

    def ask(self, method: str, values: dict[str, Any]) -> Any:
        """Return the answer to a request; what the server asks or says meanwhile is dealt with."""
        self._last += 1
        self._write({"id": self._last, "method": method, "params": values})
        while True:
            message = self._read()
            if message.get("id") == self._last and "method" not in message:
                return message.get("result")
            self._handle(message)

    def _tell(self, method: str, values: dict[str, Any]) -> None:
        self._write({"method": method, "params": values})

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self._faults[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif message.get("method") == "workspace/configuration":
            self._write({"id": message["id"], "result": [self._setting(each["section"]) for each in message["params"]["items"]]})
        elif "id" in message:
            self._write({"id": message["id"], "result": None})

    def _setting(self, section: str) -> dict[str, Any]:
        """Return an editor's settings: no network, everything else on."""
        yaml = {"validate": True, "hover": True, "completion": True, "schemaStore": {"enable": False}}
        return yaml if section == "yaml" else {}

    def _place(self, path: Path, position: Position) -> dict[str, Any]:
        return {"textDocument": {"uri": path.as_uri()}, "position": {"line": position[0], "character": position[1]}}

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        if self._process.stdin is None:
            raise RuntimeError("the server's input is closed")
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        stream, length = self._process.stdout, 0
        if stream is None:
            raise RuntimeError("the server's output is closed")
        while line := stream.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        if not length:
            raise RuntimeError("the server has ended")
        message: dict[str, Any] = json.loads(stream.read(length))
        return message
