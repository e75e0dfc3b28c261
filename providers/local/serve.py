"""The serving program of this machine: `python -m providers.local.serve`, in a folder with a `serve.json`.

Base and tuned model side by side behind OpenAI's chat completions, at 127.0.0.1 alone and for whoever knows the key:
vLLM where it is installed, else a small server of ours. `TUNEWRIGHT_PORT` and `TUNEWRIGHT_KEY` say where and for whom.
"""

from __future__ import annotations

import hmac
import json
import os
import sys
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .order import card_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from .answering import Answers, Asked, Piece

__all__ = ["main", "small_server", "vllm_command"]

_HOST = "127.0.0.1"
_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes for `--max-lora-rank`."""
_MOST_TOKENS = 256


def vllm_command(told: Mapping[str, Any], port: str) -> list[str]:
    """How vLLM is started; its key stands in `VLLM_API_KEY`. A whole tuned model is served without its base, and so is
    an adapter for another whole model of ours: the base then gets a server of its own."""
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", _HOST, "--port", port]
    tuned = told.get("tuned")
    if not tuned:
        return [*command, "--model", told["base"], "--served-model-name", told["base_name"]]
    card = card_of(Path(tuned))
    if card is None or card.base is None:
        return [*command, "--model", tuned, "--served-model-name", told["tuned_name"]]
    below = told["base_name"] if card.base == told["base"] else card.base
    adapter = {"name": told["tuned_name"], "path": tuned, "base_model_name": below}
    rank = json.loads((Path(tuned) / "adapter_config.json").read_text(encoding="utf-8"))["r"]
    most = next((one for one in _RANKS if one >= rank), rank)
    command += ["--model", card.base, "--served-model-name", below, "--enable-lora"]
    return [*command, "--max-lora-rank", str(most), "--lora-modules", json.dumps(adapter)]


def small_server(answers: Answers, key: str) -> Any:
    """Our own, as an ASGI application."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def allowed(request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return hmac.compare_digest(given.encode(), key.encode())

    async def models(request: Request) -> Response:
        if not allowed(request):
            return _refused(401, "invalid_api_key", "this server answers only to whoever started it")
        rows = [{"id": name, "object": "model", "owned_by": "you"} for name in answers.names]
        return JSONResponse({"object": "list", "data": rows})

    async def completions(request: Request) -> Response:
        if not allowed(request):
            return _refused(401, "invalid_api_key", "this server answers only to whoever started it")
        try:
            body = json.loads(await request.body())
            name, asked = str(body["model"]), _asked(body)
        except (ValueError, KeyError, TypeError) as error:
            return _refused(400, "invalid_request_error", f"no question with model and messages: {error}")
        if name not in answers.names:
            return _refused(404, "model_not_found", f"the model {name!r} is not served here")
        return await run_in_threadpool(_answered, answers, name, asked, bool(body.get("stream")))

    return Starlette(routes=[Route("/v1/models", models), Route("/v1/chat/completions", completions, methods=["POST"])])


def _asked(body: Mapping[str, Any]) -> Asked:
    from .answering import Asked

    most = body.get("max_completion_tokens") or body.get("max_tokens") or _MOST_TOKENS
    return Asked(
        messages=list(body["messages"]),
        tools=body.get("tools"),
        max_tokens=int(most),
        temperature=float(body.get("temperature") or 0.0),
        seed=None if body.get("seed") is None else int(body["seed"]),
    )


def _answered(answers: Answers, name: str, asked: Asked, stream: bool) -> Response:
    from starlette.responses import JSONResponse, StreamingResponse

    from .answering import Refused

    try:
        pieces = answers.answer(name, asked)
        about = {"id": f"chatcmpl-{uuid.uuid4().hex}", "created": int(time.time()), "model": name}
        if stream:
            return StreamingResponse(_events(about, pieces), media_type="text/event-stream")
        return JSONResponse(_whole(about, list(pieces)))
    except Refused as error:
        return _refused(400, "invalid_request_error", str(error))


def _whole(about: Mapping[str, Any], pieces: list[Piece]) -> dict[str, Any]:
    message = {"role": "assistant", "content": "".join(piece.text for piece in pieces)}
    choice = {"index": 0, "message": message, "finish_reason": pieces[-1].finish}
    return {"object": "chat.completion", **about, "choices": [choice], "usage": _usage(pieces[-1])}


def _events(about: Mapping[str, Any], pieces: Iterator[Piece]) -> Iterator[str]:
    for piece in pieces:
        choice = {"index": 0, "delta": {"role": "assistant", "content": piece.text}, "finish_reason": piece.finish}
        yield _event({"object": "chat.completion.chunk", **about, "choices": [choice]})
        if piece.finish:
            yield _event({"object": "chat.completion.chunk", **about, "choices": [], "usage": _usage(piece)})
    yield "data: [DONE]\n\n"


def _event(told: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(told, ensure_ascii=False)}\n\n"


def _usage(last: Piece) -> dict[str, int]:
    total = last.input_tokens + last.output_tokens
    return {"prompt_tokens": last.input_tokens, "completion_tokens": last.output_tokens, "total_tokens": total}


def _refused(status: int, code: str, message: str) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse({"error": {"message": message, "type": code, "code": code}}, status_code=status)


def main() -> int:
    """Serve until told to stop."""
    told = json.loads(Path("serve.json").read_text(encoding="utf-8"))
    port, key = os.environ["TUNEWRIGHT_PORT"], os.environ["TUNEWRIGHT_KEY"]
    if find_spec("vllm") is not None:
        command = vllm_command(told, port)
        os.execv(command[0], command)
    import transformers
    import uvicorn

    from .answering import Answers

    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)  # what these libraries tell those who build on them
    answers = Answers(told["base"], told["base_name"], told.get("tuned"), told.get("tuned_name", ""))
    print(f"answering as {', '.join(answers.names)}", flush=True)
    uvicorn.run(small_server(answers, key), host=_HOST, port=int(port), log_level="warning", access_log=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
