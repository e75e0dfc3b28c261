"""What is peculiar to each platform of the matrix, one entry each: all that a further one needs.

Pure: an SDK is imported only where its platform is played.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from importlib.util import find_spec

__all__ = ["ALL", "PLATFORMS", "TUNED", "Peculiar", "any_path"]

_NEVER_WITH_A_KEY = {
    "jobs": ("before_needs_human", "after_needs_human", "before_resolve", "after_resolve"),
    "leases": ("lease_before_found", "lease_after_found"),
}
"""No person is asked, for a second request cannot buy twice, and nothing that was made is overlooked by the quick
looks, for no list is needed."""

_NEVER_WITHOUT_A_BILL = ("before_settle", "after_settle")

TUNED = "(tuned)"
"""In place of a model's name: one that a job has made before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peculiar:
    """`second_way`: the platform of which this is another way to rent; its jobs are played there.

    `sdk`: the module without which the platform is not played; `http`: what carries its requests, see `dying.py`.

    `paid`, `free`: how the paths of its paid POSTs end, and of those that cost nothing but that no machine can be had
    without. `model` is tuned; `rented`, or what is `TUNED`, is served on a machine (None: it rents none). `seed`: None
    where it takes none. `asked`: nothing is ever found there, so a person is asked. `keyed`: the kinds ("jobs",
    "leases") whose id the client chooses, which is given once and asked for by itself. `bills`: whether it tells what a
    job costs. `named_by`: the field of a paid request by which its job is known where that is not the sandbox's own id.
    `usd_per_hour`: what the buyer is quoted for a machine where the platform tells no price; `usd_per_mtok`: what the
    buyer's price file has where our facts hold none. `environ`: what the buyer sets beside where the sandbox is.
    """

    second_way: str | None = None
    sdk: str
    http: str
    paid: tuple[str, ...]
    model: str
    free: tuple[str, ...] = ()
    rented: str | None = None
    seed: int | None = 7
    asked: bool = False
    keyed: tuple[str, ...] = ()
    bills: bool = True
    named_by: str | None = None
    usd_per_hour: Decimal | None = None
    usd_per_mtok: Decimal | None = None
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """What is played there."""
        if self.second_way is not None:
            return ("leases",)
        return ("asked",) if self.asked else ("jobs",) if self.rented is None else ("jobs", "leases")

    @property
    def never(self) -> frozenset[str]:
        """Places that nobody gets to there."""
        keyed = (place for kind in self.keyed for place in _NEVER_WITH_A_KEY[kind])
        return frozenset((*keyed, *(() if self.bills else _NEVER_WITHOUT_A_BILL)))


ALL: Mapping[str, Peculiar] = {
    "openai": Peculiar(
        sdk="openai",
        http="httpx2",
        paid=("/fine_tuning/jobs",),
        model="gpt-4.1-mini-2025-04-14",
    ),
    "together": Peculiar(
        sdk="together",
        http="httpx",
        paid=("/fine-tunes", "/deployments"),
        free=("/endpoints",),
        model="Qwen/Qwen3-8B",
        rented="Qwen/Qwen3-8B",
    ),
    "fireworks": Peculiar(
        sdk="fireworks",
        http="httpx",
        paid=("/supervisedFineTuningJobs", "/deployments"),
        model="accounts/fireworks/models/qwen3-8b",
        rented="accounts/fireworks/models/qwen3-8b",
        seed=None,
        keyed=("jobs", "leases"),
    ),
    "replicate": Peculiar(
        sdk="replicate",
        http="httpx",
        paid=("/trainings",),
        model=f"sandbox/trainer:{sha256(b'sandbox/trainer').hexdigest()}",
        asked=True,
        environ={"REPLICATE_USD_PER_SECOND": "0.001"},
    ),
    # A second request under one token is harmless, and a job is asked for by its name; throughput is found by lists.
    "bedrock": Peculiar(
        sdk="boto3",
        http="botocore",
        paid=("/model-customization-jobs", "/provisioned-model-throughput"),
        model="amazon.nova-micro-v1:0:128k",
        rented="amazon.nova-micro-v1:0:128k",
        seed=None,
        keyed=("jobs",),
        bills=False,
        named_by="jobName",
        usd_per_hour=Decimal(3),
        environ={"TUNEWRIGHT_BEDROCK_SERVING": "provisioned"},
    ),
    # Paid by use, so an hour's price is only what the buyer wants held for it.
    "bedrock on-demand": Peculiar(
        second_way="bedrock",
        sdk="boto3",
        http="botocore",
        paid=("/custom-model-deployments",),
        model="amazon.nova-micro-v1:0:128k",
        rented=TUNED,
        usd_per_hour=Decimal(3),
        environ={"TUNEWRIGHT_BEDROCK_SERVING": "on-demand"},
    ),
    # Nothing but a label and a list can tell, and our facts hold no price.
    "vertex": Peculiar(
        sdk="google.genai",
        http="httpx2",
        paid=("/tuningJobs",),
        model="gemini-3.5-flash",
        seed=None,
        usd_per_mtok=Decimal(5),
    ),
}


def _installed(module: str) -> bool:
    """Also for a module of a package that is not there at all."""
    parent = module.rpartition(".")[0]
    return (not parent or _installed(parent)) and find_spec(module) is not None


PLATFORMS: Mapping[str, Peculiar] = {name: here for name, here in ALL.items() if _installed(here.sdk)}
"""Those whose SDK is installed."""


def any_path(*ends: str) -> str:
    """A regular expression for the paths that end in one of these."""
    return rf"({'|'.join(ends)})$"
