r"""Trains a face network, from random or shipped weights.

  python experiments/train_extractor.py \
    --config=experiments/configs/train_extractor.py

Trains on the first people of a data set and, every few epochs, measures how
often the nearest neighbour among others' and their own pictures tells people
never seen. Writes metrics.jsonl and checkpoints/ into --workdir; evaluate.py
takes the latter as --config.extractor.checkpoint. Started again after a stop,
it goes on. On several hosts: distributed.py.
"""

import dataclasses
import pathlib

import cli
import distributed
import jax
import numpy as np
import training_run
from absl import flags
from extractor_settings import Settings
from ml_collections import config_flags

from fr_poison import extractors
from fr_poison.data.batches import map_batches
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.recognizers import nearest_neighbor
from fr_poison.training import Trainer, variables
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


def make_evaluate(
  settings: Settings, extractor: extractors.Extractor, faces: FaceSet
):
  """state -> {'eval_accuracy'}: 1-NN by cosines, the mean over the splits."""
  embed_fn = jax.jit(extractor.embed_fn)
  splits = [
    split_per_person(
      faces.labels,
      settings.test_fraction,
      seed=settings.recipe.seed * 10_000 + i,
      names=faces.names,
    )
    for i in range(settings.num_splits)
  ]

  def evaluate(state):
    params = variables(state)
    embeddings = map_batches(
      lambda batch: embed_fn(params, batch), faces.images, settings.batch_size
    )
    correct = []
    for split in splits:
      gallery = embeddings[split.train], faces.labels[split.train]
      model = nearest_neighbor.fit(*gallery, normalize=True)
      found = nearest_neighbor.predict(model, embeddings[split.test])
      correct.append(np.mean(found == faces.labels[split.test]))
    return {'eval_accuracy': float(np.mean(correct))}

  return evaluate


def run(
  config: dict,
  workdir: pathlib.Path,
  data_dir: str | None,
  *,
  tensorboard: bool = False,
) -> dict[str, float]:
  """Trains, and returns the metrics of the result."""
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  faces, others = settings.load_faces(data_dir)
  extractor = settings.load_network()
  trainer = Trainer(
    settings.recipe,
    extractor,
    num_classes=settings.num_train_people,
    num_images=len(faces.labels),
  )
  evaluate = make_evaluate(settings, extractor, others)

  # What the checkpoints say of themselves.
  network = {'name': settings.network, 'input_size': extractor.input_size}
  state = training_run.run(
    trainer,
    trainer.sampler(faces.images, faces.labels),
    workdir,
    description={
      'network': network,
      'adversary': None,
      'start': extractor.sha256 if settings.pretrained else 'random',
      'dataset': settings.dataset,
      'num_train_people': settings.num_train_people,
      'training': dataclasses.asdict(settings.recipe),
    },
    label=settings.network,
    save_every=settings.save_every,
    evaluate=evaluate,
    eval_every=settings.eval_every,
    tensorboard=tensorboard,
  )
  return evaluate(state)


def main(argv):
  """Runs --config and says where the network is."""
  if len(argv) > 1:
    raise InputError(f'{argv[1]}: unexpected argument')
  if _CONFIG.value is None:
    raise InputError(
      '--config: missing, e.g. experiments/configs/train_extractor.py'
    )
  config = _CONFIG.value.to_dict()
  path = config_flags.get_config_filename(flags.FLAGS['config'])
  name = pathlib.Path(path.partition(':')[0]).stem
  workdir = pathlib.Path(_WORKDIR.value or f'results/{name}')
  distributed.start()
  try:
    metrics = run(
      config, workdir, _DATA_DIR.value, tensorboard=_TENSORBOARD.value
    )
  except training_run.Stopped as stop:
    metrics = None
    if distributed.is_first():
      print(stop)
  if metrics and distributed.is_first():
    print(
      f'accuracy on {config["num_eval_people"]} people never seen: '
      f'{metrics["eval_accuracy"]:.1%}\n'
      f'--config.extractor.checkpoint={workdir / "checkpoints"}'
    )


if __name__ == '__main__':
  cli.run(main)
