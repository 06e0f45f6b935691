"""What a study consists of: its cells by name, and what each depends on."""

import functools
import pathlib
from collections.abc import Iterable

import cloaking
import digests
import evaluate
import jax
import judge as judge_lib
import replies
import scraped
import train_extractor
import workdir_lock
from progress import Progress
from public_people import PublicPeople
from scene import Scene, load_extractors, load_faces
from settings import TRAINED
from study_cells import NOTHING, CellName, Store, Version, select
from study_settings import StudySettings

from fr_poison import extractors
from fr_poison.adversaries import oblivious

_MEASURES = (
  *('recognizers/*.py', 'adversaries/*.py', 'metrics.py'),
  *('data/splits.py', 'data/squeeze.py', 'data/batches.py'),
)
_TRAININGS = ('training/*.py', 'extractors/*.py', 'layers/*.py')


class Plan:
  """The cells of a study: names, keys, and the records there are."""

  def __init__(
    self,
    settings: StudySettings,
    config_hash: str,
    workdir: pathlib.Path,
    data_dir: str | None,
  ):
    """Loads pictures and networks; makes nothing.

    Args:
      settings: of the config.
      config_hash: of the same.
      workdir: gets cloaks, trainings and records.
      data_dir: the data set's own folders, or None.

    Raises:
      InputError: something cannot be loaded, or a pattern fits no cell.
    """
    self.settings, self.workdir, self.data_dir = settings, workdir, data_dir
    self.store = Store(workdir / 'cells')
    grid = settings.grid
    networks, material = load_extractors(grid), load_faces(grid, data_dir)
    self.scene = Scene(grid, networks, material.faces)
    self.public = PublicPeople(
      grid, networks, material.public, workdir / 'public_cloaks'
    )
    self.shared = evaluate.shared_fields(grid, config_hash) | {
      'alignment': material.faces.alignment,
      'warnings': material.warnings,
    }
    self.shared['not_tested'] += settings.left_out
    # Whose networks are not trained yet: names, and no numbers.
    self._planned = self._judge(wanted=())
    self.names = select('config.cells', settings.cells, self._all_names())

  def found(self) -> tuple[list[dict], list[CellName]]:
    """The records there are, in order, and the names of those missing."""
    by_name = {name: self.store.get(self.key(name)) for name in self.names}
    results = []
    for name, record in by_name.items():
      control = by_name.get(name._replace(attack=f'noise:{name.attack}'))
      if record and control:
        (record,) = judge_lib.beside_noise([record], [control])
      results += [record] if record else []
    return results, [name for name, record in by_name.items() if not record]

  def has(self, name: CellName) -> bool:
    """Whether a cell's record is there."""
    return self.store.has(self.key(name))

  def pictures(self, version: Version) -> scraped.Scraped:
    """The pictures of a version; made if they are not there."""
    if version.kind == 'none':
      return scraped.untouched(self.scene)
    label, surrogate = version.label, version.surrogate
    if version.kind == 'history':
      cloaks = {name: self.cloak(name, surrogate) for name in self.tools(label)}
      return scraped.several_tools(self.scene, label, surrogate, cloaks)
    cloak = self.cloak(label, surrogate)
    is_noise = version.kind == 'noise'
    return scraped.noise(self.scene, cloak) if is_noise else cloak

  @functools.cache  # noqa: B019, a plan lives as long as its process
  def cloak(self, label: str, surrogate: str) -> scraped.Scraped:
    """The protected people's cloaks; goes on after a stop."""
    progress = Progress(len(self.scene.protected), 'person')
    found = scraped.cloaked(
      self.scene, label, surrogate, self.workdir / 'cloaks', progress
    )
    progress.close()
    return found

  def tools(self, history: str) -> list[str]:
    """The attacks that a history is made of."""
    grid = self.scene.settings
    return [label for label in grid.histories[history] if label in grid.attacks]

  def judge(self, names: Iterable[CellName]) -> judge_lib.Judge:
    """Measures these cells; trains the networks that are not trained yet."""
    cells = [self.cell(name) for name in names]
    wanted = {key for cell in cells for key in cell.reply.keys}
    # Whoever looks whether a training is finished keeps others out of it.
    with workdir_lock.turn(self.workdir / 'trained'):
      return self._judge(wanted)

  def cell(self, name: CellName) -> judge_lib.Cell:
    """Whose networks may not be trained yet."""
    return self._cells(name.version)[name]

  @functools.cache  # noqa: B019
  def key(self, name: CellName) -> str:
    """Of everything that a cell's record is made from."""
    recognizer, reply = self.cell(name)
    grid = self.scene.settings
    return digests.of(
      [
        digests.of_code(*_MEASURES),
        digests.of_code(*_TRAININGS) if recognizer == 'end_to_end' else '',
        jax.__version__,
        [grid.seed, grid.test_fraction, grid.num_splits, grid.num_protected],
        [*name, grid.recognizers[recognizer]],
        self._version_key(name.version),
        self._reply_key(reply),
      ]
    )

  def train(self, label: str) -> pathlib.Path:
    """The checkpoints of a network trained here; goes on after a stop."""
    folder = self.workdir / 'trained' / f'{label}-{self._trained_key(label)}'
    train_extractor.run(self.settings.trained[label], folder, self.data_dir)
    return folder / 'checkpoints'

  def _all_names(self):
    grid = self.scene.settings
    versions = [Version('none', NOTHING)]
    for surrogate in grid.surrogates:
      for label in grid.attacks:
        versions.append(Version(label, surrogate))
        versions.append(Version(f'noise:{label}', surrogate))
      versions += [Version(f'history:{n}', surrogate) for n in grid.histories]
    return [name for version in versions for name in self._cells(version)]

  @functools.cache  # noqa: B019
  def _cells(self, version):
    """By name, in the judge's order."""
    surrogates = [] if version.kind == 'none' else version.surrogate.split('+')
    waits = lambda r: oblivious.name(r.network, surrogates)
    return {
      CellName(
        *version,
        cell.reply.adversary or waits(cell.reply),
        cell.reply.network,
        cell.recognizer,
      ): cell
      for cell in self._planned.cells()
    }

  def _judge(self, wanted):
    given = []
    for label, chosen in self.settings.trained.items():
      name, network = f'{chosen["network"]} trained here: {label}', None
      if ('', name) in wanted:
        network = extractors.load(self.train(label))
      given.append(replies.Reply('', name, network))
    answers = replies.make(
      self.scene.settings,
      self.scene.extractors,
      self.public,
      self.workdir,
      given,
      wanted=wanted,
    )
    return judge_lib.Judge(self.scene, *answers)

  def _trained_key(self, label):
    chosen = self.settings.trained[label]
    parts = [digests.of_code(*_TRAININGS), jax.__version__, chosen]
    return digests.of(parts)[:12]

  def _cloak_key(self, label, surrogate, faces):
    grid = self.scene.settings
    networks = [self.scene.extractors[n] for n in surrogate.split('+')]
    return cloaking.origin(
      faces, label, grid.attacks[label], networks, grid.seed
    )

  @functools.cache  # noqa: B019
  def _version_key(self, version):
    faces, grid = self.scene.faces, self.scene.settings
    label, tools, shares = version.label, [version.label], {}
    if version.kind == 'none':
      return digests.of_bytes(faces.images.tobytes())
    if version.kind == 'history':
      tools, shares = self.tools(label), grid.histories[label]
    keys = [self._cloak_key(tool, version.surrogate, faces) for tool in tools]
    return digests.of([version.kind, shares, keys])

  def _reply_key(self, reply):
    """Networks, settings and, of trained ones, all that they learnt from."""
    grid = self.scene.settings
    parts = [self._part_key(key) for key in reply.keys]
    rule = grid.adversaries.get(reply.adversary)
    is_combination = isinstance(reply, replies.Combination)
    return [rule, *parts] if is_combination else parts[0]

  @functools.cache  # noqa: B019
  def _part_key(self, key):
    adversary, network = key
    grid, networks = self.scene.settings, self.scene.extractors
    if network not in networks:
      return self._trained_key(network.rpartition(': ')[2])
    name = adversary.partition(' ')[0]
    rule = grid.adversaries.get(name, {})
    parts = [adversary, networks[network].sha256, networks[network].input_size]
    if name in TRAINED:
      faces = self.public.faces
      parts += [digests.of_code(*_TRAININGS, 'adversaries/*.py'), rule]
      parts += [digests.of_bytes(faces.images.tobytes())]
      parts += [
        self._cloak_key(*tool, faces) for tool in self.public.tools(rule)
      ]
    return digests.of([*parts, rule.get('filters', {}).get(adversary[10:])])
