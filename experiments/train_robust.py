r"""Trains the networks of a config's adversaries, and evaluates nothing.

  python experiments/train_robust.py --config=experiments/configs/adaptive.py

Cloaks the public people's pictures with the public tools and fine-tunes each
network that the config gives to a trained adversary, as evaluate.py does
before anything else: with the same --workdir it finds all of it done. Prints
a line per network with the path that --config.extractor.checkpoint takes.
Started again after a stop, it goes on. With --tensorboard there are event files
to watch a training by. On several hosts: distributed.py.
"""

import pathlib

import cli
import inputs
import run_flags
import trained_surrogates
import training_flags
from settings import Settings

from fr_poison import locks
from fr_poison.evaluation import learning
from fr_poison.text import show
from fr_poison.types import InputError


def run(
  config: dict,
  workdir: pathlib.Path,
  data_dir: str | None,
  *,
  tensorboard: bool = False,
) -> None:
  """Trains each network of each adversary; prints where it is."""
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  adversaries = trained_surrogates.in_order(
    settings.adversaries, settings.surrogates
  )
  chosen = [(*one, name) for one in adversaries for name in one[2]['networks']]
  if not chosen:
    raise InputError(
      f'config.adversaries: nothing to train, none of '
      f'{", ".join(learning.TRAINED)} with a network'
    )
  public = inputs.load(settings, data_dir, workdir).public

  with locks.held(workdir):
    for label, kind, adversary, network in chosen:
      for seed, one in learning.retrainings(adversary).items():
        _, path = learning.train(
          kind, one, public.networks[network], public, tensorboard=tensorboard
        )
        many = adversary.get('training_seeds', 1) > 1
        what = f'{label} {network}' + f', seed {seed}' * many
        show(f'{what}: --config.extractor.checkpoint={path}')


def main(argv):
  """Runs --config."""
  given = run_flags.parse(argv, 'adaptive.py')
  run(*given, tensorboard=training_flags.TENSORBOARD.value)


if __name__ == '__main__':
  cli.run(
    main, kept='cloaks and checkpoints that are finished stay in --workdir'
  )
