r"""Trains a face network, from random or shipped weights.

  python experiments/train_extractor.py \
    --config=experiments/configs/arcface_from_scratch.py

Trains on people of a data set, whom the seed draws. Every few epochs it
measures loss and accuracy on pictures of theirs that were held out, and how
well it tells people never seen: by the nearest neighbour, and in pairs of
pictures. Writes metrics.jsonl and checkpoints/ into --workdir; evaluate.py
takes the latter as --config.extractor.checkpoint. Started again after a stop,
it goes on. On several hosts: distributed.py.
"""

import dataclasses
import pathlib

import cli
import distributed
import extractor_evaluation
import run_flags
import trainers
import training_run
from absl import flags
from extractor_settings import Settings

from fr_poison import processes
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.training import Trainer

_TENSORBOARD = flags.DEFINE_bool(
  'tensorboard', False, 'Write event files beside metrics.jsonl.'
)


def run(
  config: dict,
  workdir: pathlib.Path,
  data_dir: str | None,
  *,
  given: FaceSet | None = None,
  tensorboard: bool = False,
) -> dict[str, float]:
  """Trains, and returns the metrics of the result.

  Args:
    config: see configs/arcface_from_scratch.py.
    workdir: gets the files.
    data_dir: the data set's own folders, or None.
    given: people who were drawn already, instead of a draw of its own.
    tensorboard: write event files, too.
  """
  # Everything that can be wrong is found before anything is written.
  settings = Settings.from_config(config)
  if given is None:
    faces, others = settings.load_faces(data_dir)
  else:
    faces, others = settings.divide(given)
  known = trainers.trained_on(faces)
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
  evaluate = extractor_evaluation.make(settings, trainer, held_out, others)

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
      'trained_on': known,
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
  given = run_flags.parse(argv, 'arcface_from_scratch.py')
  distributed.start()
  metrics = run(*given, tensorboard=_TENSORBOARD.value)
  if processes.is_first():
    print(
      f'accuracy on {given.config["num_eval_people"]} people never seen: '
      f'{metrics["eval_accuracy"]:.1%} by 1-NN\n'
      f'verification AUC {metrics["verification_auc"]:.3f}, EER '
      f'{metrics["verification_eer"]:.1%}, accuracy '
      f'{metrics["verification_accuracy"]:.1%}\n'
      f'--config.extractor.checkpoint={given.workdir / "checkpoints"}'
    )


if __name__ == '__main__':
  cli.run(main, kept='the newest checkpoint stays in --workdir')
