r"""Trains a face network, from random or shipped weights.

  python experiments/train_extractor.py \
    --config=experiments/configs/arcface_from_scratch.py

Trains on people of a data set; the seed draws them. Every few epochs it
measures loss and accuracy on pictures of theirs that were held out, and how
well it knows people never seen: by the nearest neighbour, and in pairs of
pictures. Writes metrics.jsonl and checkpoints/ into --workdir; evaluate.py
takes the latter as --config.extractor.checkpoint. Pictures of another data set
than ORL are in --data_dir. Started again after a stop, it goes on. On several
hosts: distributed.py.
"""

import dataclasses
import pathlib
from typing import Annotated

import cli
import config_fields
import jax
import network_loader
import numpy as np
import people
import run_flags
import training_flags
from progress import over

from fr_poison import checks, extractors, roc, verification
from fr_poison.data.faces import FaceSet
from fr_poison.data.splits import split_per_person
from fr_poison.evaluation import learning
from fr_poison.recognizers import nearest_neighbor
from fr_poison.text import show
from fr_poison.training import Recipe, Trainer, variables
from fr_poison.training import run as training_run


@dataclasses.dataclass(frozen=True)
class Settings(config_fields.Fields):
  """The fields of a config, see configs/arcface_from_scratch.py for each.

  Raises:
    InputError: a value that cannot be run, naming its field. Nothing has
      been loaded or compiled by then.
  """

  dataset: str
  num_train_people: Annotated[int, checks.Range(2, is_whole=True)]
  # Two folds of two.
  num_eval_people: Annotated[int, checks.Range(4, is_whole=True)]
  held_out_fraction: checks.Between
  test_fraction: checks.Between
  num_splits: checks.Count
  network: str
  pretrained: bool
  input_size: checks.Count | None
  training: dict
  eval_every: checks.Count
  save_every: checks.Positive
  batch_size: checks.Count
  person_level: str = 'first'
  align: str = 'auto'
  min_pictures: config_fields.MinPictures = 2

  def __post_init__(self):
    """Checks every value."""
    self.check_source()
    known = extractors.architectures()
    config_fields.check_known('network', self.network, known)
    self.recipe  # noqa: B018, for its checks

  @property
  def recipe(self) -> Recipe:
    """Of the training."""
    return Recipe.from_config(self.training)

  def load_faces(self, data_dir: str | None) -> FaceSet:
    """Draws the people to train on, and others to recognize."""
    return people.load(
      self.dataset,
      self.num_train_people + self.num_eval_people,
      data_dir,
      'num_eval_people',
      self.recipe.seed,
      person_level=self.person_level,
      min_pictures=self.min_pictures,
      alignment=self.align,
    )

  def divide(self, faces: FaceSet) -> tuple[FaceSet, FaceSet]:
    """Takes both groups out of a draw, which may be of more people."""
    train, others, _ = people.groups(
      faces, self.num_train_people, self.num_eval_people
    )
    return train, others

  def load_network(self, alignment: str) -> extractors.Extractor:
    """Loads the network where the training starts, for such pictures."""
    if self.pretrained:
      return network_loader.load(self.network, self.input_size, alignment)
    rng = jax.random.key(self.recipe.seed)
    found = extractors.create(self.network, rng, input_size=self.input_size)
    return extractors.on_frame(found, alignment)


def make_verify(labels: np.ndarray, seed: int):
  """Makes a function from embeddings [N, D] to verification metrics.

  `verification_auc` and `verification_eer` are over 3,000 genuine and as many
  impostor pairs of all the people, `verification_accuracy` over as many in up
  to ten folds of different people; fewer where there are fewer.

  Raises:
    InputError: people without such pairs.
  """
  anyone = verification.draw(labels, num_folds=1, seed=seed)
  num_folds = min(10, len(np.unique(labels)) // 2)
  apart = verification.draw(labels, num_folds=num_folds, seed=seed)

  def verify(embeddings):
    scores = verification.score(embeddings, anyone)
    accuracies = verification.accuracies(
      verification.score(embeddings, apart), apart.is_genuine, apart.folds
    )
    return {
      'verification_auc': roc.auc(scores, anyone.is_genuine),
      'verification_eer': verification.eer(scores, anyone.is_genuine),
      'verification_accuracy': float(accuracies.mean()),
    }

  return verify


def _make_evaluate(settings, trainer, held_out, others):
  """state -> metrics on pictures that it was not trained on.

  Of `held_out`, other pictures of the people trained on, loss and accuracy;
  of the others, who were never seen, `eval_accuracy` is that of 1-NN by
  cosines, the mean over the splits, and the rest is as `make_verify` has it.
  """
  verify = make_verify(others.labels, settings.recipe.seed)
  splits = [
    split_per_person(
      others.labels,
      settings.test_fraction,
      seed=settings.recipe.seed * 10_000 + i,
      names=others.names,
    )
    for i in range(settings.num_splits)
  ]

  def embed(state, images):
    network = trainer.extractor._replace(params=variables(state))
    progress = over(f'embedding, {settings.network}', delay=5)
    return extractors.embed(network, images, settings.batch_size, progress)

  def accuracy(embeddings, split):
    gallery = embeddings[split.train], others.labels[split.train]
    model = nearest_neighbor.fit(*gallery, normalize=True)
    found = nearest_neighbor.rank(model, embeddings[split.test]).labels[:, 0]
    return np.mean(found == others.labels[split.test])

  def evaluate(state):
    known = trainer.evaluate(state, held_out.images, held_out.labels)
    embeddings = embed(state, others.images)
    mirrored = embed(state, others.images[:, :, ::-1])
    eval_accuracy = np.mean([accuracy(embeddings, split) for split in splits])
    return (
      {f'held_out_{name}': value for name, value in known.items()}
      | {'eval_accuracy': float(eval_accuracy)}
      # As insightface's verification.py and LowKey's evaluation have it.
      | verify(embeddings + mirrored)
    )

  return evaluate


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
    given = settings.load_faces(data_dir)
  faces, others = settings.divide(given)
  known = learning.trained_on(faces)
  held = split_per_person(
    faces.labels,
    settings.held_out_fraction,
    seed=settings.recipe.seed,
    names=faces.names,
  )
  faces, held_out = faces.subset(held.train), faces.subset(held.test)
  extractor = settings.load_network(faces.alignment)
  trainer = Trainer(
    settings.recipe,
    extractor,
    num_classes=settings.num_train_people,
    num_images=len(faces),
  )
  evaluate = _make_evaluate(settings, trainer, held_out, others)

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
    progress=over,
  )
  return evaluate(state)


def main(argv):
  """Runs --config and prints where the network is."""
  given = run_flags.parse(argv, 'arcface_from_scratch.py')
  metrics = run(*given, tensorboard=training_flags.TENSORBOARD.value)
  show(
    f'accuracy on {given.config["num_eval_people"]} people never seen: '
    f'{metrics["eval_accuracy"]:.1%} by 1-NN\n'
    f'verification AUC {metrics["verification_auc"]:.3f}, EER '
    f'{metrics["verification_eer"]:.1%}, accuracy '
    f'{metrics["verification_accuracy"]:.1%}\n'
    f'--config.extractor.checkpoint={given.workdir / "checkpoints"}'
  )


if __name__ == '__main__':
  cli.run(main, kept='the newest checkpoint stays in --workdir')
