r"""Trains a face network, from random or shipped weights.

  python experiments/train_extractor.py \
    --config=experiments/configs/train_extractor.py

Trains on the first people of a data set. Every few epochs it measures loss and
accuracy on pictures of theirs that were held out, and how often the nearest
neighbour tells people never seen. Writes metrics.jsonl and checkpoints/ into
--workdir; evaluate.py takes the latter as --config.extractor.checkpoint.
Started again after a stop, it goes on. On several hosts: distributed.py.
"""

import dataclasses
import pathlib

import cli
import distributed
import numpy as np
import run_flags
import training_run
from absl import flags
from extractor_settings import Settings

from fr_poison import extractors, processes
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.recognizers import nearest_neighbor
from fr_poison.training import Trainer, variables

_TENSORBOARD = flags.DEFINE_bool(
  'tensorboard', False, 'Write event files beside metrics.jsonl.'
)


def make_evaluate(
  settings: Settings, trainer: Trainer, held_out: FaceSet, others: FaceSet
):
  """state -> metrics on pictures that it was not trained on.

  Args:
    settings: of the run.
    trainer: gives `held_out_loss` and, for heads with classes,
      `held_out_accuracy`.
    held_out: other pictures of the people trained on.
    others: people never seen; `eval_accuracy` is that of 1-NN by cosines
      among them, the mean over the splits.
  """
  splits = [
    split_per_person(
      others.labels,
      settings.test_fraction,
      seed=settings.recipe.seed * 10_000 + i,
      names=others.names,
    )
    for i in range(settings.num_splits)
  ]

  def evaluate(state):
    known = trainer.evaluate(state, held_out.images, held_out.labels)
    network = trainer.extractor._replace(params=variables(state))
    embeddings = extractors.embed(network, others.images, settings.batch_size)
    correct = []
    for split in splits:
      gallery = embeddings[split.train], others.labels[split.train]
      model = nearest_neighbor.fit(*gallery, normalize=True)
      found = nearest_neighbor.predict(model, embeddings[split.test])
      correct.append(np.mean(found == others.labels[split.test]))
    return {f'held_out_{name}': value for name, value in known.items()} | {
      'eval_accuracy': float(np.mean(correct))
    }

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
  held = split_per_person(
    faces.labels,
    settings.held_out_fraction,
    seed=settings.recipe.seed,
    names=faces.names,
  )
  faces, held_out = faces.subset(held.train), faces.subset(held.test)
  extractor = settings.load_network()
  trainer = Trainer(
    settings.recipe,
    extractor,
    num_classes=settings.num_train_people,
    num_images=len(faces),
  )
  evaluate = make_evaluate(settings, trainer, held_out, others)

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
      'trained_on': {
        'dataset': settings.dataset,
        'num_people': settings.num_train_people,
      },
      'held_out_fraction': settings.held_out_fraction,
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
  given = run_flags.parse(argv, 'train_extractor.py')
  distributed.start()
  try:
    metrics = run(*given, tensorboard=_TENSORBOARD.value)
  except training_run.Stopped as stop:
    metrics = None
    if processes.is_first():
      print(stop)
  if metrics and processes.is_first():
    print(
      f'accuracy on {given.config["num_eval_people"]} people never seen: '
      f'{metrics["eval_accuracy"]:.1%}\n'
      f'--config.extractor.checkpoint={given.workdir / "checkpoints"}'
    )


if __name__ == '__main__':
  cli.run(main)
