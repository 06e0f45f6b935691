"""Every slip on a command line is one line: field, value, what is expected."""

import ast
import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys

import cli
import config_flag
import doc_commands
import interruption
import program_help
import pytest
from absl import flags

from fr_poison.types import InputError, Stopped

# What a config file may hold, by the name that it gets here.
FILES = {
  'raises.py': 'def get_config(arg=None):\n  return 1 / 0\n',
  'cut.py': 'def get_config(arg=None):\n  return (\n',
  'imports.py': 'import mlcollections\n',
  'empty.py': '',
  'forgets.py': 'def get_config(arg=None):\n  pass\n',
  'plain.py': (
    'from ml_collections import ConfigDict\n'
    'def get_config():\n'
    '  return ConfigDict({"seed": 0})\n'
  ),
}
ORL, HIGH = (f'experiments/configs/{n}.py' for n in ('orl', 'fawkes_high'))
SLIPS = {
  # The file.
  '--config=experiments/configs/fawkes_hihg.py': (
    '--config: experiments/configs/fawkes_hihg.py: no such file; did you mean '
    'experiments/configs/fawkes_high.py?'
  ),
  '--config=no/ort.py': (
    '--config: no/ort.py: no such file; did you mean experiments/configs/orl.py'
  ),
  '--config=': '--config: .: a folder',
  '--config={folder}': '--config: {folder}: a folder; there are: cut, empty,',
  '--config={folder}/raises.py': (
    '{folder}/raises.py, line 2: ZeroDivisionError: division by zero'
  ),
  '--config={folder}/cut.py': '{folder}/cut.py, line 2: SyntaxError: ',
  '--config={folder}/imports.py': '{folder}/imports.py, line 1: ModuleNotFound',
  '--config={folder}/empty.py': '{folder}/empty.py: has no function get_config',
  '--config={folder}/forgets.py': 'forgets.py: get_config gives a NoneType; a',
  '--config={folder}/plain.py:smoke': "takes no argument, but 'smoke' was",
  # Its argument.
  f'--config={HIGH}:smok': (
    f"--config: {HIGH}: config argument 'smok' is unknown; did you mean "
    "'smoke'? known: smoke"
  ),
  f'--config={HIGH}:smoke=2': "config argument smoke: '2' is not bool",
  # Fields.
  f'--config={HIGH} --config.input_size.mobileface=64': (
    '--config.input_size.mobileface: no such field; fields: '
    'input_size.faceres (--config.input_size="{{...}}" replaces'
  ),
  f'--config={ORL} --config.num_step=3': (
    '--config.num_step: no such field; did you mean --config.attacks.'
  ),
  f'--config={ORL} --config.atacks.lowkey.epsilon=.1': (
    '--config.atacks.lowkey.epsilon: no such field; did you mean '
    '--config.attacks.lowkey.epsilon?'
  ),
  f'--config={ORL} --config.recognizers.nearest_neighbor.normalise=1': (
    '--config.recognizers.nearest_neighbor.normalise: no such field; did you '
  ),
  f'--config={HIGH} --config.xyz=1': (
    '--config.xyz: no such field; fields: align, '
  ),
  f'--config={ORL} --config.seed.x=1': '--config.seed.x: no such field',
  f'--config={ORL} --config.9x=1': '--config.9x: no such field',
  '--config.seed=1': (
    '--config.seed: no such flag; a --config that has it comes first'
  ),
  f'--config.seed=1 --config={ORL}': (
    'Found --config.seed=1 in argv before a value for --config was specified'
  ),
  f'--config={ORL} --config.seed=1 --config.seed=1': (
    '--config.seed: given 2 times'
  ),
  # Their values.
  f'--config={HIGH} --config.output=jpeg': "--config.output: 'jpeg': Failed to",
  f'--config={HIGH} --config.max_dssim=None': (
    "--config.max_dssim: 'None': a number expected"
  ),
  f'--config={HIGH} --config.batch_size=1e1': (
    "--config.batch_size: '1e1': a whole number expected"
  ),
  f'--config={HIGH} --config.seed=9223372036854775808': (
    '--config.seed: 9223372036854775808 has more than 64 bits'
  ),
  f'--config={ORL} --config.seed=': "--config.seed: '': a whole number",
  f'--config={ORL} --config.seed one': "--config.seed: 'one': a whole number",
  f'--config={ORL} --config.seed': 'Missing value for flag --config.seed',
  f'--config={ORL} --config.strict=maybe': (
    "--config.strict: 'maybe': true or false expected"
  ),
  f'--config={ORL} --noconfig.seed': (
    '--noconfig.seed: no such flag; did you mean --config.seed?'
  ),
  f'--config={ORL} --config.attacks.lowkey.epsilon=8/255': (
    "--config.attacks.lowkey.epsilon: '8/255': a number expected (did you mean"
    ' 0.0313725?)'
  ),
  # Other flags.
  '--workdirs=a': '--workdirs: no such flag; did you mean --workdir?',
  '--workdir=a --workdir=b': '--workdir: given 2 times',
  '--strict --nostrict': '--strict: given 2 times',
  '--strict=maybe': "--strict: 'maybe': true or false expected",
  '--number=x': "--number: 'x': a whole number expected",
  '--number=0': "--number: '0': 0 is not a positive integer",
  '--number=99999999999999999999': 'has more than 64 bits',
  '--dataset=lwf': "--dataset: 'lwf': value should be one of <orl|lfw>",
  '--flagfile={folder}/none': 'Unable to open flagfile',
}


@pytest.fixture
def read(root, tmp_path, monkeypatch):
  """Reads a command line as a program with some flags does."""
  monkeypatch.chdir(root)
  for name, text in FILES.items():
    (tmp_path / name).write_text(text)

  def run(line, is_required=False):
    argv = ['program', *line.format(folder=tmp_path).split()]
    own = {'flag_values': flags.FlagValues()}
    config_flag.define(own['flag_values'], argv)
    flags.DEFINE_string('workdir', None, '', required=is_required, **own)
    flags.DEFINE_bool('strict', False, '', **own)
    flags.DEFINE_integer('number', 1, '', lower_bound=1, **own)
    flags.DEFINE_enum('dataset', 'orl', ['orl', 'lfw'], '', **own)
    flags.DEFINE_multi_string('only', [], '', **own)
    return cli.parse(argv, own['flag_values']), own['flag_values']

  return run


@pytest.mark.parametrize('line', SLIPS)
def test_a_slip_is_named(read, tmp_path, line):
  with pytest.raises((InputError, flags.Error)) as said:
    read(line)
  message = str(said.value)
  assert SLIPS[line].format(folder=tmp_path) in message
  assert '\n' not in message and len(message) < 400


def test_a_flag_that_is_needed_is_named(read):
  with pytest.raises(InputError, match='^--workdir: missing$'):
    read('', is_required=True)


def test_what_is_right_is_read(read, tmp_path):
  left, values = read(
    f'--config={ORL}:smoke --config.strict --config.seed 3 --only=a --only=b '
    '--config.networks=faceres --config.networks=pixels '
    "--config.input_size={{'mobileface':112}} "
    '--config.attacks.lowkey.learning_rate=1e-2 stray'
  )
  config = values['config'].value
  assert left == ['program', 'stray']
  assert config.strict is True and config.seed == 3
  assert config.networks == ('faceres', 'pixels')
  assert config.input_size.to_dict() == {'mobileface': 112}
  assert config.attacks.lowkey.learning_rate == 0.01
  assert config.num_people == 8  # the argument's
  with pytest.raises(AttributeError):
    config.num_step = 1
  config = read('--config={folder}/plain.py')[1]['config'].value
  assert config.to_dict() == {'seed': 0}


def test_a_config_that_cannot_be_read_is_named(tmp_path, monkeypatch):
  path = tmp_path / 'mine.py'
  path.write_bytes(b'\xff\0')
  with pytest.raises(InputError, match=f'--config: {path}'):
    config_flag.load(path, None)

  def refuse(name):
    raise PermissionError(13, 'Permission denied')

  monkeypatch.setattr('io.open_code', refuse)
  with pytest.raises(InputError, match=f'{path}: Permission denied'):
    config_flag.load(path, None)


def test_one_line_whatever_is_in_the_names(capsys):
  with pytest.raises(SystemExit) as said:
    cli.exit_with(InputError('a\x1b[31m\n  b'))
  assert said.value.code == 2
  assert capsys.readouterr().err == 'error: a\\x1b[31m b\n'


# Waits, prints, or fails, as its last word says.
PROGRAM = """
import signal, sys, time
# Who starts tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
import cli
def main(argv):
  print('ready', flush=True)
  kind = sys.argv.pop()
  while kind == 'wait':
    time.sleep(.01)
  for i in range(100_000):
    print(i)
cli._refuse_strays = lambda argv: None
cli.run(main, kept='what is finished stays in --workdir')
"""


@contextlib.contextmanager
def _program(root, *args, **kwargs):
  process = subprocess.Popen(
    [sys.executable, '-c', PROGRAM, *args],
    cwd=root / 'experiments',
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    **kwargs,
  )
  try:
    yield process
  finally:
    process.kill()
    process.communicate()


def test_signals_are_a_line_and_closed_pipes_none(root):
  with contextlib.ExitStack() as stack:
    start = lambda *args: stack.enter_context(_program(root, *args))
    interrupted = start('--', 'a b', '--overwrite', 'wait')
    terminated, piped = start('wait'), start('print')
    for number, process in (
      (signal.SIGINT, interrupted),
      (signal.SIGTERM, terminated),
    ):
      assert process.stdout.readline() == 'ready\n'
      process.send_signal(number)
      errors = process.communicate(timeout=60)[1]
      assert process.returncode == 128 + number
      (line,) = errors.splitlines()
      assert line.startswith(
        'stopped: what is finished stays in --workdir; to go on: python -c'
      )
      assert 'overwrite' not in line  # which would begin anew
    assert piped.stdout.readline() == 'ready\n'
    piped.stdout.close()
    assert piped.stderr.read() == ''
    assert piped.wait(60) == 128 + signal.SIGPIPE


def test_the_command_that_goes_on(monkeypatch):
  monkeypatch.setattr(sys, 'argv', ['x.py', '--input=a b', '--overwrite=true'])
  assert interruption.describe(None) == (
    "stopped: nothing is kept; to start again: python x.py '--input=a b'"
  )
  monkeypatch.setattr(sys, 'argv', ["it's\n\x1b"])
  assert interruption.command() == r"python $'it\'s\n\x1b'"


def test_ctrl_c_while_it_is_loaded(root):
  code = 'import cli\nraise KeyboardInterrupt'
  result = subprocess.run(
    [sys.executable, '-c', code],
    cwd=root / 'experiments',
    capture_output=True,
    text=True,
  )
  assert result.returncode == 128 + signal.SIGINT
  (line,) = result.stderr.splitlines()
  assert line.startswith('stopped: nothing was begun; to go on: python')


PROGRAMS = {
  path.stem: path
  for path in (pathlib.Path(cli.__file__).parent).glob('*.py')
  if '\n  cli.run(' in path.read_text()
}
# Flags that their docstrings have to name.
FEWER = {'report': 2, 'interval_coverage': 2, 'prepared_pictures': 1}


@pytest.mark.parametrize('name', PROGRAMS)
def test_help_is_short(name):
  doc = ast.literal_eval(ast.parse(PROGRAMS[name].read_text()).body[0].value)
  values = doc_commands.flags_of(PROGRAMS[name])
  lines = program_help.brief(doc, values).splitlines()
  assert lines[0] == doc.splitlines()[0]
  assert f'  python experiments/{name}.py' in lines[2]
  assert len(lines) <= 25 and max(map(len, lines)) <= 80
  # A line each, with what it is about.
  shown = [line.split(maxsplit=1) for line in lines if line[:4] == '  --']
  assert len(shown) == FEWER.get(name, 3)
  for flag, text in shown:
    assert values[flag.removeprefix('--')].help.split(';\n')[0] == text
  assert lines[-1].startswith('--helpfull')
  assert ('list_fields' in lines[-2]) == ('list_fields' in values)


def test_every_program_is_in_the_list(root):
  page = (root / 'docs' / 'programs.md').read_text()
  rows = re.findall(r'^\| `(\w+)\.py` \| (.*) \|$', page, re.M)
  assert dict(rows) == {
    name: ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]
    for name, path in PROGRAMS.items()
  }


def test_help_is_printed_and_all_of_it(capsys):
  doc = 'Does it.\n\n  python x.py\n\nBy --v and --logtostderr.\n\nMore.\n'
  for word in '-h', '-?', '--help':
    with pytest.raises(Stopped) as end:
      cli._read(['x.py', word, '--no-such-flag'], doc)
    assert end.value.status == 0
    short = capsys.readouterr().out
    assert short.startswith('Does it.\n') and 'More.' not in short
  with pytest.raises(Stopped):
    cli._read(['x.py', '--helpfull'], doc)
  text = capsys.readouterr().out
  assert text.startswith(doc) and '--alsologtostderr' in text


def test_help_that_finds_no_room_is_a_line():
  with open('/dev/full', 'w') as full:
    result = subprocess.run(
      [sys.executable, PROGRAMS['report'], '--help'],
      stdout=full,
      stderr=subprocess.PIPE,
      text=True,
    )
  assert result.returncode == 2
  assert result.stderr == f'error: standard output: {os.strerror(28)}\n'


# They write whole files, or none.
KEEPS_NOTHING = {
  *('benchmark', 'convert_weights', 'interval_coverage'),
  *('prepared_pictures', 'report'),
}


def test_every_program_says_what_it_keeps(root):
  texts = {p.stem: p.read_text() for p in (root / 'experiments').glob('*.py')}
  assert {'evaluate', 'poison', 'study'} < PROGRAMS.keys()
  silent = {
    n for n in PROGRAMS if not re.search(r'cli.run\(\s*main, kept=', texts[n])
  }
  assert silent == KEEPS_NOTHING
  # Nobody else ends a program, or reads a command line.
  for name, text in texts.items():
    if name not in ('cli', 'interruption', 'study_workers'):
      assert 'sys.exit' not in text, name
    assert 'app.run' not in text or name == 'cli'


def _error_of(main, monkeypatch, capsys):
  """What a program prints whose main this is."""
  monkeypatch.setattr(
    cli.app, 'run', lambda guarded, flags_parser: guarded(['program'])
  )
  monkeypatch.setattr(cli.interruption, 'on_terminate', lambda: None)
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(['program'])
  with monkeypatch.context() as patch, pytest.raises(SystemExit) as end:
    patch.setattr(sys, 'stdout', sys.stdout)
    cli.run(main)
  assert end.value.code == 2
  return capsys.readouterr().err


def test_what_the_system_refuses_is_a_line(monkeypatch, capsys, tmp_path):
  def write(argv):
    (tmp_path / 'none' / 'x').write_text('')

  line = _error_of(write, monkeypatch, capsys)
  assert line == f'error: {tmp_path}/none/x: {os.strerror(2)}\n'

  def read(argv):
    os.read(99, 1)

  # Not even the system knows a name.
  line = _error_of(read, monkeypatch, capsys)
  place = f'cli_test.py, line {read.__code__.co_firstlineno + 1}'
  assert line == f'error: {os.strerror(9)} ({place})\n'
