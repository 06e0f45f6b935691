"""The fields of a config of train_extractor.py, checked before the training."""

import dataclasses
from typing import Annotated

import config_fields
import jax
import network_loader
import people

from fr_poison import checks, extractors
from fr_poison.data import datasets, folder
from fr_poison.data.faces import FaceSet
from fr_poison.training import Recipe


@dataclasses.dataclass(frozen=True)
class Settings:
  """See configs/arcface_from_scratch.py for each field.

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

  @classmethod
  def from_config(cls, config: dict) -> 'Settings':
    """From a config's dict; a field that nobody reads is an error."""
    config_fields.check_fields(cls, config)
    return cls(**config)

  def __post_init__(self):
    """Checks every value."""
    check_known = config_fields.check_known
    check_known('dataset', self.dataset, datasets.NAMES)
    check_known('person_level', self.person_level, folder.PERSON_LEVELS)
    known = extractors.architectures()
    check_known('network', self.network, known)
    checks.check_fields(self, 'config.')
    self.recipe  # noqa: B018, for its checks

  @property
  def recipe(self) -> Recipe:
    """Of the training."""
    return Recipe.from_config(self.training)

  def load_faces(self, data_dir: str | None) -> tuple[FaceSet, FaceSet]:
    """The people to train on, and others, to be told apart; one draw."""
    num_people = self.num_train_people + self.num_eval_people
    return self.divide(
      people.load(
        self.dataset,
        num_people,
        data_dir,
        'num_eval_people',
        self.recipe.seed,
        self.person_level,
      )
    )

  def divide(self, faces: FaceSet) -> tuple[FaceSet, FaceSet]:
    """The same, of people who are drawn already; there may be more of them."""
    train, others, _ = people.groups(
      faces, self.num_train_people, self.num_eval_people
    )
    return train, others

  def load_network(self) -> extractors.Extractor:
    """Where the training starts."""
    if self.pretrained:
      return network_loader.load(self.network, self.input_size)
    rng = jax.random.key(self.recipe.seed)
    return extractors.create(self.network, rng, input_size=self.input_size)
