"""What a study consists of: its cells by name, and what each depends on."""

import functools
import pathlib
from collections.abc import Iterable

import evaluate
import judge as judge_lib
import network_loader
import numpy as np
import replies
import scraped
import train_extractor
from progress import Progress
from public_people import PublicPeople
from scene import Scene, load_extractors, load_faces
from settings import TRAINED
from study_cells import NOTHING, CellName, Store, Version, select
from study_settings import StudySettings

from fr_poison import extractors, keys, locks
from fr_poison.evaluation.trainer import waiting_name


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
    self.scene = Scene(
      grid, networks, material.faces, candidates=material.candidates
    )
    self.public = PublicPeople(
      grid,
      networks,
      material.public,
      material.candidates,
      workdir / 'public_cloaks',
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
    with locks.turn(self.workdir / 'trained'):
      return self._judge(wanted)

  def cell(self, name: CellName) -> judge_lib.Cell:
    """Whose networks may not be trained yet."""
    return self._cells(name.version)[name]

  @functools.cache  # noqa: B019
  def key(self, name: CellName) -> str:
    """Of everything that a cell's record is made from."""
    recognizer, reply = self.cell(name)
    grid, is_training = self.scene.settings, recognizer == 'end_to_end'
    trainings = ['TRAININGS'] if is_training else []
    return keys.key(
      ['RECORDS', 'NETWORKS', *trainings],
      cell=name,
      recognizer=grid.recognizers[recognizer],
      # Of whom how many, and who was drawn: a record says all of it.
      people=[grid.num_people, grid.num_public, grid.num_targets],
      protected=self.scene.protected,
      splits=[grid.seed, grid.test_fraction, grid.num_splits],
      dataset=[grid.dataset, self.scene.faces.alignment],
      faces=self._faces_digest,
      version=self._version_key(name.version),
      reply=self._reply_key(reply),
    )

  @functools.cached_property
  def _faces_digest(self):
    return keys.of_faces(self.scene.faces)

  @functools.cached_property
  def _public_digest(self):
    return keys.of_faces(self.public.faces)

  @functools.cached_property
  def material(self) -> list:
    """Digests of all people and networks."""
    return [
      self._faces_digest,
      self._public_digest,
      keys.of_faces(self.scene.candidates),
      keys.of_networks(self.scene.extractors.values()),
    ]

  def train(self, label: str) -> pathlib.Path:
    """The checkpoints of a network trained here; goes on after a stop."""
    folder = self.workdir / 'trained' / f'{label}-{self._trained_key(label)}'
    chosen = self.settings.trained[label]
    train_extractor.run(chosen, folder, self.data_dir, given=self.public.faces)
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
    waits = lambda r: waiting_name(r.network, surrogates)
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

  @functools.cache  # noqa: B019
  def _trained_key(self, label):
    chosen, start = self.settings.trained[label], []
    if chosen['pretrained']:
      name, size = chosen['network'], chosen['input_size']
      start = keys.of_networks([network_loader.load(name, size)])
    return keys.key(
      ('NETWORKS', 'TRAININGS'),
      settings=chosen,
      people=self._public_digest,
      start=start,
    )[:12]

  def _cloak_keys(self, tool, *, is_public=False):
    """Of each person whose pictures a tool, attack and surrogate, cloaks."""
    who, scene = (self.public if is_public else self.scene), self.scene
    people, rows = scene.protected, scene.to_cloak
    if is_public:
      people = np.unique(who.faces.labels).tolist()
      rows = np.arange(len(who.faces))
    return [*who.job(*tool).keys(who.faces, people, rows).values()]

  @functools.cache  # noqa: B019
  def _version_key(self, version):
    label, tools, shares = version.label, [version.label], {}
    if version.kind == 'none':
      return ''
    if version.kind == 'history':
      tools, shares = self.tools(label), self.scene.settings.histories[label]
    cloaks = [self._cloak_keys((tool, version.surrogate)) for tool in tools]
    return keys.of([version.kind, shares, cloaks])

  def _reply_key(self, reply):
    """Networks, settings and, of trained ones, all that they learnt from."""
    grid = self.scene.settings
    parts = [self._part_key(key) for key in reply.keys]
    rule = grid.adversaries.get(reply.adversary)
    is_combination = isinstance(reply, replies.Combination)
    # Its threshold is chosen on the public people.
    return [rule, self._public_digest, *parts] if is_combination else parts[0]

  @functools.cache  # noqa: B019
  def _part_key(self, key):
    adversary, network = key
    grid, networks = self.scene.settings, self.scene.extractors
    if network not in networks:
      return self._trained_key(network.rpartition(': ')[2])
    name, _, label = adversary.partition(' ')
    rule = grid.adversaries.get(name, {})
    parts = [adversary, keys.of_networks([networks[network]])]
    if name in TRAINED:
      tools = self.public.tools(rule)
      cloaks = [self._cloak_keys(tool, is_public=True) for tool in tools]
      trained = keys.key(
        ('NETWORKS', 'TRAININGS'),
        settings=rule,
        people=self._public_digest,
        cloaks=cloaks,
      )
      parts.append(trained)
    return keys.of([*parts, rule.get('filters', {}).get(label)])
