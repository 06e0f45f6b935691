r"""Trains the networks of a config's adversaries, and evaluates nothing.

  python experiments/train_robust.py --config=experiments/configs/adaptive.py

Cloaks the public people's pictures with the public tools and fine-tunes each
network that the config gives to a trained adversary, as evaluate.py does
before anything else: with the same --workdir it finds all of it done. Prints
a line per network with the path that --config.extractor.checkpoint takes.
Started again after a stop, it goes on. On several hosts: distributed.py.
"""

import pathlib

import cli
import distributed
import jax
import replies
from absl import flags
from ml_collections import config_flags
from scene import load_extractors, load_faces
from settings import TRAINED, Settings
from training_run import Stopped

from fr_poison.data.batches import map_batches
from fr_poison.types import InputError

_CONFIG = config_flags.DEFINE_config_file('config', None, 'What to train.')
_WORKDIR = flags.DEFINE_string(
  'workdir', None, 'Results; default results/<name of the config file>.'
)
_DATA_DIR = flags.DEFINE_string(
  'data_dir', None, "The data set's own folders; default: the installed copy."
)
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
  faces, _ = load_faces(settings, data_dir)

  # What the tools make of the public people; the others read it afterwards.
  public = replies.PublicPeople(
    settings,
    networks,
    faces,
    lambda extractor, images: _embed(extractor, images, settings.batch_size),
    workdir / 'public_cloaks',
  )
  tools = {
    attack: None
    for adversary, _ in chosen
    for attack in settings.adversaries[adversary].get('attacks', ())
  }
  distributed.on_first(lambda: public.training_set(tools))

  for adversary, network in chosen:
    _, path = replies.train(
      settings,
      adversary,
      networks[network],
      public,
      workdir,
      tensorboard=tensorboard,
    )
    if distributed.is_first():
      print(
        f'{adversary} {network}: --config.extractor.checkpoint={path}',
        flush=True,
      )


def _embed(extractor, images, batch_size):
  fn = jax.jit(extractor.embed_fn)
  return map_batches(
    lambda batch: fn(extractor.params, batch), images, batch_size
  )


def main(argv):
  """Runs --config."""
  if len(argv) > 1:
    raise InputError(f'{argv[1]}: unexpected argument')
  if _CONFIG.value is None:
    raise InputError('--config: missing, e.g. experiments/configs/adaptive.py')
  path = config_flags.get_config_filename(flags.FLAGS['config'])
  name = pathlib.Path(path.partition(':')[0]).stem
  workdir = pathlib.Path(_WORKDIR.value or f'results/{name}')
  distributed.start()
  try:
    run(
      _CONFIG.value.to_dict(),
      workdir,
      _DATA_DIR.value,
      tensorboard=_TENSORBOARD.value,
    )
  except Stopped as stop:
    if distributed.is_first():
      print(stop)


if __name__ == '__main__':
  cli.run(main)
