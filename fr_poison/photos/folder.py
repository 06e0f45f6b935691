"""A run over a folder: what is there, what is left to do, row by row.

The folder that is written to is apart from the input, and one run's alone.
Below it symbolic links are not followed, so that nothing outside it changes.
"""

import contextlib
import os
import pathlib
from collections.abc import Iterator, Sequence

from fr_poison import locks, processes
from fr_poison.extractors import Extractor
from fr_poison.photos import manifest, tree
from fr_poison.photos.cloak import Cloaker
from fr_poison.photos.pipeline import Job, Pipeline
from fr_poison.photos.settings import Settings
from fr_poison.types import InputError


class Run:
  """Cloaks a tree of pictures, and goes on where it was stopped::

      run = photos.Run('in', 'out', settings, networks)
      with run.opened():
        for row in run.cloak():
          print(row['input'], row['status'])

  Attributes:
    paths: of the pictures, relative, sorted.
    num_ignored: entries of the folder that are no pictures.
    manifest: what is done; None until the run is `opened`.
  """

  def __init__(
    self,
    source: str | os.PathLike,
    output: str | os.PathLike,
    settings: Settings,
    networks: Sequence[Extractor],
    *,
    strict: bool = False,
  ):
    """Checks everything; nothing is written yet.

    Args:
      source: the folder of pictures.
      output: the folder of cloaks and of the manifest.
      settings: what cloaks are made with.
      networks: its surrogates, loaded.
      strict: stop at the first picture that cannot be cloaked.

    Raises:
      InputError: the folders are not apart, or there is no picture.
    """
    self._source, self._output = pathlib.Path(source), pathlib.Path(output)
    _check_apart(self._source, self._output)
    self.paths, self.num_ignored = tree.find_pictures(self._source)
    if not self.paths:
      others = f'{self.num_ignored} others'
      raise InputError(f'--input: {source}: no pictures, {others}')
    names, self._folders = tree.name_outputs(
      self.paths, settings.output.extension_of
    )
    digest = settings.digest(networks)
    self._job = Job(self._source, self._output, names, settings, digest, strict)
    self._cloaker = Cloaker(settings, networks)
    self._threads, self.manifest, self._own = None, None, self.paths

  @property
  def left(self) -> list[str]:
    """Pictures of this process without a row that holds."""
    return self._undone(self._own)

  @contextlib.contextmanager
  def opened(self, *, overwrite: bool = False) -> Iterator[None]:
    """Holds the output folder, made if needed, and tidies it in the end.

    Args:
      overwrite: start anew, also in a folder that holds something else.

    Raises:
      InputError: it cannot be written to, another run is at it, it has files
        but no manifest, or cloaks of other settings; links or folders are in
        the way.
    """
    output = self._output
    with locks.held(output, '--output'):
      # Which tidies it, and the others read that.
      processes.on_first(lambda: self._read_manifest(overwrite))
      if not processes.is_first():
        self._read_manifest(False)
      processes.barrier()
      self._own = processes.part(self._undone(self.paths))
      for path, row in self.manifest.rows.items():
        self._job.refuse(path, not row.get('output') and row.get('reason'))
      # Nobody writes there once the folder is let go.
      with contextlib.ExitStack() as self._threads:
        yield
      self.manifest.gather()
      processes.on_first(self.manifest.tidy)

  def cloak(self) -> Iterator[dict]:
    """Cloaks what is left, some at a time, in threads until the last row.

    Yields:
      Every picture's row, once it and the cloak are on disk.

    Raises:
      InputError: a file cannot be written; with `strict`, a picture cannot be
        cloaked.
    """
    stages = Pipeline(self._job, self._cloaker, self.manifest, self.left)
    rows = stages.rows()
    self._threads.callback(rows.close)
    return rows

  def _undone(self, paths):
    return [path for path in paths if path not in self.manifest.rows]

  def _read_manifest(self, overwrite):
    self._check_output(overwrite)
    if overwrite:
      manifest.discard(self._output)
    job = self._job
    self.manifest = manifest.Manifest(
      job.source, job.output, job.names, job.config_hash
    )

  def _check_output(self, overwrite):
    """Refuses links, what is in the way, and others' files."""
    output = self._output
    for path in (output / folder for folder in sorted(self._folders)):
      if path.is_symlink():
        raise InputError(f'--output: {path}: a symbolic link, will not follow')
      if path.exists() and not path.is_dir():
        raise InputError(f'--output: {path}: a file where a folder should be')
    for name in (tree.MANIFEST, *self._job.names.values()):
      path = output / name
      if path.is_symlink() and name == tree.MANIFEST:
        raise InputError(f'--output: {path}: a symbolic link')
      if path.is_dir() and not path.is_symlink():
        raise InputError(f'--output: {path}: a folder, expected a file')
    visible = [n for n in os.listdir(output) if not n.startswith('.')]
    if visible and tree.MANIFEST not in visible and not overwrite:
      raise InputError(
        f'--output: {output}: holds other files, such as {min(visible)!r}; '
        'choose an empty folder or --overwrite'
      )


def _check_apart(source, output):
  """Refuses an output that is, holds or lies in the input, also by links."""
  if not source.is_dir():
    state = 'not a folder' if source.exists() else 'no such folder'
    raise InputError(f'--input: {source}: {state}')
  source, output = source.resolve(), output.resolve()
  for one, other, reason in (
    (output, source, '--input, or inside it'),
    (source, output, '--input is inside it'),
  ):
    for folder in (one, *one.parents):
      # By file number, not by name: some file systems know it by two names.
      if folder.exists() and other.exists() and folder.samefile(other):
        raise InputError(f'--output: {output}: {reason}')
