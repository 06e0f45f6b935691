r"""Trains the networks of a config's adversaries, and evaluates nothing.

  python experiments/train_robust.py --config=experiments/configs/adaptive.py

Cloaks the public people's pictures with the public tools and fine-tunes each
network that the config gives to a trained adversary, as evaluate.py does
before anything else: with the same --workdir it finds all of it done. Prints
a line per network with the path that --config.extractor.checkpoint takes.
Started again after a stop, it goes on. On several hosts: distributed.py.
"""

import functools
import pathlib

import cli
import distributed
import replies
import run_flags
from absl import flags
from public_people import PublicPeople
from scene import load_extractors, load_faces
from settings import TRAINED, Settings

from fr_poison import locks, processes
from fr_poison.types import InputError

_TENSORBOARD = flags.DEFINE_bool(
  'tensorboard', False, 'Write event files beside metrics.jsonl.'
)


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
  chosen = [
    (adversary, network)
    for adversary in TRAINED
    for network in settings.adversaries.get(adversary, {}).get('networks', ())
  ]
  if not chosen:
    raise InputError(
      f'config.adversaries: nothing to train, none of {", ".join(TRAINED)} '
      'with a network'
    )
  networks = load_extractors(settings)
  material = load_faces(settings, data_dir)

  with locks.held(workdir):
    # What the tools make of the public people; the others read it afterwards.
    public = PublicPeople(
      settings,
      networks,
      material.public,
      material.candidates,
      workdir / 'public_cloaks',
    )
    for adversary in dict.fromkeys(name for name, _ in chosen):
      tools = settings.adversaries[adversary]
      processes.on_first(functools.partial(public.cloak_for, tools))

    for adversary, network in chosen:
      _, path = replies.train(
        settings,
        adversary,
        networks[network],
        public,
        workdir,
        tensorboard=tensorboard,
      )
      if processes.is_first():
        print(
          f'{adversary} {network}: --config.extractor.checkpoint={path}',
          flush=True,
        )


def main(argv):
  """Runs --config."""
  given = run_flags.parse(argv, 'adaptive.py')
  distributed.start()
  run(*given, tensorboard=_TENSORBOARD.value)


if __name__ == '__main__':
  cli.run(
    main, kept='cloaks and checkpoints that are finished stay in --workdir'
  )
