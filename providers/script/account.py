"""One state directory in which your own trainers run, and their models answer."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..errors import InvalidData, NotFound, Unsupported
from ..processes.account import ProcessAccount, ServedModel, TrainingWish
from ..processes.folder import Launch
from ..records import Plan, Preflight
from .recipes import recipe_of, trainer_of

__all__ = ["ScriptAccount"]

_ROOT = Path(__file__).resolve().parents[2]
_WRAP = """import sys
sys.path.insert(0, sys.argv[1])
from providers.script.server import main
main(sys.argv[2:])"""
_MEGABYTE = 1024 * 1024


class ScriptAccount(ProcessAccount):
    """Trainers by the path of their TOML file."""

    def problems(self, plan: Plan) -> Preflight:
        """The trainer's file, its programs, what it goes on from, and the room on the disk."""
        try:
            trainer = trainer_of(plan.model)
            recipe_of(plan.model, plan.method, plan.hyperparameters, self.platform.name)
            self._model(plan.model)
        except Unsupported:
            raise
        except (NotFound, InvalidData) as error:
            return Preflight(problems=(error.message,))
        problems = [f"{trainer.path}: there is no program {name!r}" for name in trainer.missing_programs()]
        free_mb = shutil.disk_usage(self._existing_home()).free // _MEGABYTE
        if free_mb < trainer.free_disk_mb:
            problems.append(f"{free_mb:,} MB are free at {self._home}, and {trainer.free_disk_mb:,} are wanted")
        return Preflight(problems=tuple(problems), limits={"free_disk_mb": free_mb})

    def _existing_home(self) -> Path:
        return next(path for path in (self._home, *self._home.parents) if path.exists())

    def training(self, wish: TrainingWish) -> Launch:
        """The trainer's own command, in the folder of its file."""
        trainer = trainer_of(wish.base)
        return Launch(command=trainer.command(trainer.train), cwd=str(trainer.folder))

    def answering(self, model: ServedModel, folder: Path) -> Launch:
        """Its own server, or ours around its answer command."""
        trainer = trainer_of(model.base)
        env = {"TUNEWRIGHT_MODEL": model.name, "TUNEWRIGHT_PORT": "{port}", "TUNEWRIGHT_KEY": "{key}"}
        if model.folder is not None:
            env["TUNEWRIGHT_MODEL_DIR"] = str(model.folder)
        if trainer.serve:
            return Launch(command=trainer.command(trainer.serve), env=env, cwd=str(trainer.folder))
        ours = [sys.executable, "-I", "-c", _WRAP, str(_ROOT), *trainer.command(trainer.answer)]
        return Launch(command=ours, env=env, cwd=str(trainer.folder))
