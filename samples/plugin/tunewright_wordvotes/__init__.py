"""A platform in one file: every word of a prompt has a weight for every answer, learned on this machine for nothing.

It learns labels and little else; it is here to show what an adapter is made of. See docs/plugins.md.
"""

import asyncio
import json
import time
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

from providers import records as seam
from providers.contract import Connection
from providers.dialects import OPENAI_CHAT
from providers.errors import NotFound, Unsupported
from providers.evaluation_only import EvaluationOnlyAccount, EvaluationOnlyPlatform
from providers.plans import training_files
from providers.settings import Setting, complete, refuse_unusable

from .learner import train, words

DAY, HERE, MODEL = date(2026, 11, 26), "it runs on this machine", "words"
CAN = {"sft", "full", "find_by_tag", "metrics", "serverless_tuned"}
PRICED = ("train", "input", "output", "tuned_input", "tuned_output")
SETTINGS = {"epochs": Setting(kind="int", low=1), "learning_rate": Setting(kind="float", above=0)}
PRESETS = {"epochs": (3, "few passes are enough for words"), "learning_rate": (0.5, "neither timid nor wild")}


class WordVotes(EvaluationOnlyPlatform):
    """What can be said without an account: facts, prices, presets. What is not said here is "no"."""

    name, title, reason = "wordvotes", "Word votes (on this machine)", "weights of words can do no such thing"

    def capabilities(self, on):
        yes, no = seam.Support(answer="yes", reason=HERE), seam.Support(answer="no", reason=self.reason)
        return {capability: yes if capability in CAN else no for capability in seam.Capability}

    def models(self):
        yes = seam.Support(answer="yes", reason=HERE)
        return (seam.ModelFacts(name=MODEL, tunable=yes, token_margin=Decimal("0.3"), tuned_serving="serverless"),)

    def model(self, name):
        if name != MODEL:
            raise NotFound(f"no base model {name!r}", provider=self.name, fix=f"the one there is: {MODEL}")
        return self.models()[0]

    def prices(self, model, method, hyperparameters):
        free = {"model": MODEL, "usd": Decimal(0), "per": "mtok", "as_of": DAY, "source": HERE}
        return tuple(seam.Price(item=seam.PriceItem(item), **free) for item in PRICED)

    def dialect(self, method):
        return OPENAI_CHAT

    def recipe(self, model, method, given, rows, validation_rows):
        if method is not seam.Method.SFT:
            raise Unsupported(f"{method.value}: {self.reason}", provider=self.name, nothing_created=True)
        refuse_unusable(given, SETTINGS, {}, self.name)
        return complete(given, PRESETS)

    def settling(self):
        return seam.Settling(window_s=0, reason="a job is written down before it is answered")

    def suffix_limit(self):
        return 0

    def requests(self, plan, files, tag, base_url=None, ids=None):
        return (seam.PlannedRequest("TRAIN", f"jobs/votes-{tag}", "word weights, on this machine", paid=True),)

    def connection(self, environ, account, state_dir):
        return Connection(api_key=None, account=account or "here", state_dir=state_dir / self.name)

    @asynccontextmanager
    async def open(self, connection):
        yield Account(self, connection)


class Account(EvaluationOnlyAccount):
    """Files and jobs lie in a folder; a job is known by the tag it was bought under."""

    def _path(self, kind, name):
        return self.connection.state_dir / kind / Path(name).name

    def _read(self, kind, name):
        if not self._path(kind, name).exists():
            raise NotFound(f"no {name!r} in {kind}", provider=self.platform.name, operation=kind)
        return self._path(kind, name).read_text(encoding="utf-8")

    def _write(self, kind, name, text):
        path = self._path(kind, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f".{path.name}").write_text(text, encoding="utf-8")
        path.with_name(f".{path.name}").replace(path)  # the whole file or none

    async def preflight(self, plan):
        return seam.Preflight(problems=() if plan.model == MODEL else (f"{plan.model}: there is only {MODEL}",))

    async def find_file(self, file):
        known = self._path("files", file.sha256).exists()
        return seam.RemoteFile(id=file.sha256, size=file.size, reused=True) if known else None

    async def upload(self, file, progress=None, book=None):
        self._write("files", file.sha256, file.path.read_text(encoding="utf-8"))
        if progress:
            progress(file.size, file.size)
        return await self.file(file.sha256)

    async def file(self, file_id):
        return seam.RemoteFile(id=file_id, size=len(self._read("files", file_id).encode()))

    async def create(self, plan, files, tag):
        lines = self._read("files", training_files(plan, files).train).splitlines()
        rows = [OPENAI_CHAT.decode(json.loads(line)) for line in lines]
        epochs, rate = plan.hyperparameters.epochs, plan.hyperparameters.learning_rate
        weights, losses = await asyncio.to_thread(train, rows, epochs, rate)
        told = {"settings": {"epochs": epochs, "learning_rate": rate}, "weights": weights, "losses": losses}
        self._write("jobs", f"votes-{tag}", json.dumps({**told, "files": dict(files)}))
        return await self.job(f"votes-{tag}")

    async def job(self, job_id):
        told, done = json.loads(self._read("jobs", job_id)), seam.JobState.SUCCEEDED
        ours = {"tag": job_id.removeprefix("votes-"), "tuned_model": job_id, "billed_usd": Decimal(0)}
        ours |= {"hyperparameters": told["settings"], "files": told["files"]}
        return seam.RemoteJob(id=job_id, state=done, raw_status="done", model=MODEL, **ours)

    async def jobs(self, limit=100, since=None):
        return tuple([await self.job(path.name) for path in self._path("jobs", "x").parent.glob("votes-*")])

    async def find(self, tag, since=None):
        return tuple(job for job in await self.jobs() if job.tag == tag)

    async def metrics(self, job_id):
        losses = enumerate(json.loads(self._read("jobs", job_id))["losses"], start=1)
        return tuple(seam.MetricPoint(step=step, epoch=step, train_loss=loss) for step, loss in losses)

    async def models(self):
        return tuple([seam.RemoteModel(id=job.id, tuned=True, base=MODEL) for job in await self.jobs()])

    async def complete(self, model, messages, sampling, tools=()):
        start, asked = time.perf_counter(), words(messages)
        weights = {} if model == MODEL else json.loads(self._read("jobs", model))["weights"]
        odds = {answer: sum(of.get(word, 0) for word in asked) for answer, of in weights.items()}
        text = max(odds, key=odds.get) if odds else asked[-1]  # the base only repeats a word
        tokens = {"input_tokens": len(asked), "output_tokens": len(text.split())}
        return seam.Completion(text=text, model=model, latency_s=time.perf_counter() - start, **tokens)


PLATFORM = WordVotes()
