import shutil

import photos
import poison
import pytest
import run_flags
from absl import flags

from fr_poison.evaluation import cloaks as cloaking


@pytest.fixture
def here(monkeypatch, capsys):
  """here(program, config, workdir) -> what its `main` prints, in this process.

  A --data_dir may follow.

  Which has compiled most of what a program needs. That command lines get there
  is for cli_test.py, and for every test that starts a process.
  """
  flags.FLAGS(['program'])

  def call(program, config, workdir, data_dir=None):
    given = run_flags.Run(config, workdir, data_dir)
    monkeypatch.setattr(run_flags, 'parse', lambda argv, example: given)
    program.main([])
    return capsys.readouterr().out

  yield call
  flags.FLAGS.unparse_flags()


@pytest.fixture(scope='session')
def compiled_once():
  """The same attack for the same settings, so that jax compiles it once."""
  made = {}
  original = cloaking.make_attack

  def make_attack(field, label, embed_fns, **settings):
    key = (label, tuple(embed_fns), repr(sorted(settings.items())))
    if key not in made:
      made[key] = original(field, label, embed_fns, **settings)
    return made[key]

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(cloaking, 'make_attack', make_attack)
    yield


@pytest.fixture(scope='session')
def done(tmp_path_factory, compiled_once):
  """(source, output) of a run that nothing interrupted."""
  root = tmp_path_factory.mktemp('poison')
  photos.make_photos(root / 'in')
  poison.run(photos.CONFIG, root / 'in', root / 'out')
  return root / 'in', root / 'out'


@pytest.fixture
def again(done, tmp_path):
  """(source, output) with a copy of the finished output."""
  shutil.copytree(done[1], tmp_path / 'out')
  return done[0], tmp_path / 'out'


@pytest.fixture
def config_file(tmp_path):
  """photos.CONFIG as a file."""
  path = tmp_path / 'config.py'
  path.write_text(
    'from ml_collections import ConfigDict\n'
    'def get_config(arg=None):\n'
    f'  return ConfigDict({photos.CONFIG!r})\n'
  )
  return path
