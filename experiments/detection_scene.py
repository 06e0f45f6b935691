"""Who trains detectors, who gives thresholds, who is tested, on what."""

import pathlib
from typing import NamedTuple

import network_loader
import numpy as np
import people
from detector_settings import KINDS, Settings
from progress import Progress, over

from fr_poison import extractors, keys
from fr_poison.data import squeeze
from fr_poison.detectors import feature_space
from fr_poison.evaluation import cloaks as cloaking


class Test(NamedTuple):
  """One version of the test people's pictures."""

  attack: str
  epsilon: float | None
  jpeg: str  # '75 4:2:0'; '' where nothing was compressed
  clean: np.ndarray  # uint8 [N, H, W, 3]
  cloaked: np.ndarray  # the same pictures
  users: np.ndarray  # [N], whose they are


class Scene:
  """Three groups of people without overlap, and their cloaked pictures.

  Attributes:
    settings: see `Settings`.
    networks: face networks by name.
    public: pictures of the people who train detectors and give thresholds.
    tested: of those who are tested.
  """

  def __init__(
    self, settings: Settings, data_dir: str | None, workdir: pathlib.Path
  ):
    """Loads pictures and networks; cloaks nothing yet.

    Args:
      settings: of the config.
      data_dir: the data set's own folders, or None.
      workdir: gets public_cloaks/ and cloaks/, as evaluate.py's.

    Raises:
      InputError: fewer people in the data set than the config asks for.
    """
    self.settings = settings
    faces = people.load(
      settings.dataset,
      settings.num_people,
      data_dir,
      'num_people',
      settings.seed,
      settings.person_level,
    )
    # Nobody's cloak depends on people who are tested.
    self.public, targets, self.tested = people.groups(
      faces, settings.num_train + settings.num_validation, settings.num_targets
    )
    self._candidates = targets if settings.num_targets else self.public
    wanted = [*settings.surrogate.split('+'), settings.pipeline['network']]
    wanted += [
      detector.get('features')
      for detector in settings.detectors.values()
      if 'features' in KINDS[detector['name']]
    ]
    self.networks = {
      name: network_loader.load(name, settings.input_size.get(name))
      for name in dict.fromkeys(wanted)
      if name not in (None, feature_space.ALEXNET)
    }
    self._train_rows = np.flatnonzero(self.public.labels < settings.num_train)
    self._folders = workdir / 'public_cloaks', workdir / 'cloaks'
    self._scores, self._cloaks, self._evading = {}, {}, []

  def embed(self, network: str, images: np.ndarray) -> np.ndarray:
    """[N, D] of uint8 pictures [N, H, W, 3]."""
    return extractors.embed(
      self.networks[network],
      images,
      self.settings.batch_size,
      over(f'embedding, {network}', delay=5),
    )

  def training(self) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The training people's pictures, and by attack their cloaks."""
    rows = self._train_rows
    return self.public.images[rows], {
      name: self._cloaked(name, settings, rows, is_public=True)
      for name, settings in self.settings.attacks.items()
    }

  def validation(self) -> np.ndarray:
    """The clean pictures that thresholds are chosen on."""
    is_left = self.public.labels >= self.settings.num_train
    return self.public.images[is_left]

  def plain_tests(self, every: int = 1) -> list[Test]:
    """Every attack at its own budget, uncompressed.

    Args:
      every: take only so many-th pictures, for detectors that take long.
    """
    known = self.settings.attacks | self.settings.unseen_attacks
    tests = [self._test(name, chosen) for name, chosen in known.items()]
    return [
      test._replace(
        clean=test.clean[::every],
        cloaked=test.cloaked[::every],
        users=test.users[::every],
      )
      for test in tests + self._evading
    ]

  def all_tests(self) -> list[Test]:
    """These, the known attacks at other budgets, and after JPEG."""
    settings, tests = self.settings, self.plain_tests()
    for name, chosen in settings.attacks.items():
      for epsilon in settings.epsilons:
        tests.append(self._test(name, chosen | {'epsilon': epsilon}))
    for quality, subsampling in settings.jpeg:
      compress = squeeze.make('jpeg', quality=quality, subsampling=subsampling)
      label = f'{quality} {subsampling}'
      tests += [
        test._replace(
          jpeg=label,
          clean=compress(test.clean),
          cloaked=compress(test.cloaked),
        )
        for test in tests[: len(settings.attacks)]
      ]
    return tests

  def evade(self, detector: extractors.Extractor) -> None:
    """Adds a cloak that was made against this detector to the tests.

    Args:
      detector: `embed_fn` gives log-odds [B, 1].
    """
    chosen = dict(self.settings.evasion)
    del chosen['detector']
    self._evading = [self._test('evading_pgd', chosen, [detector])]

  def cloaks(self) -> dict[str, tuple[float | None, np.ndarray]]:
    """By attack, budget and the test people's pictures."""
    attacks = self.settings.attacks
    tests = [self._test(name, chosen) for name, chosen in attacks.items()]
    return {
      test.attack: (test.epsilon, test.cloaked)
      for test in tests + self._evading
    }

  def scored(
    self, detector, test: Test
  ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores [2N] of clean and cloaked pictures, which is which, and whose."""
    scores = [self._score(detector, x) for x in (test.clean, test.cloaked)]
    return (
      np.concatenate(scores),
      np.repeat([False, True], len(test.users)),
      np.tile(test.users, 2),
    )

  def _score(self, detector, images):
    # The clean ones are in every test, and grey JPEGs do not depend on what
    # is done to colours.
    key = detector.digest, images.shape, keys.of_bytes(images.tobytes())
    if key not in self._scores:
      self._scores[key] = detector.score(images)
    return self._scores[key]

  def _test(self, label, chosen, detectors=()):
    rows = np.arange(len(self.tested))
    return Test(
      cloaking.attack_name(label, chosen),
      chosen.get('epsilon'),
      '',
      self.tested.images,
      self._cloaked(label, chosen, rows, detectors),
      self.tested.labels,
    )

  def _cloaked(self, label, chosen, rows, detectors=(), *, is_public=False):
    key = label, repr(sorted(chosen.items())), is_public
    if key in self._cloaks:
      return self._cloaks[key]
    faces = self.public if is_public else self.tested
    folder = self._folders[not is_public]
    own = self.settings.attacks | self.settings.unseen_attacks
    if chosen != own.get(label, chosen):  # at another budget
      label = f'{label} {chosen["epsilon"] * 255:.3g}'
      chosen = {'name': key[0]} | chosen
    members = self.settings.surrogate.split('+')
    people = np.unique(faces.labels[rows]).tolist()
    progress = Progress(len(people), 'person')
    job = cloaking.Job(
      label,
      chosen,
      [*(self.networks[n] for n in members), *detectors],
      self._candidates,
      self.settings.seed,
    )
    cloaks = cloaking.cloak_people(
      job,
      faces,
      people,
      rows,
      folder=folder / f'{label}-{self.settings.surrogate}',
      batch_size=self.settings.batch_size,
      progress=progress,
    )
    progress.close()
    self._cloaks[key] = cloaks.images[rows]
    return self._cloaks[key]
