r"""Writes that go wrong: at each, a full disk or a signal, and then once more.

  PYTHONPATH=tests python tests/campaigns/at_writes.py --tries=4

Counts what each program opens for writing, makes, renames and deletes in its
folder, Orbax's part of it included. Then starts it anew: from the k-th of these
on the disk is full, or at the k-th the program gets SIGINT, SIGTERM or SIGKILL;
a full disk has to be one line and status 2, a signal no traceback. Started
again, it has to end with the same bytes as a run that nothing interrupted.
Prints what did not, and ends with status 1 then. A short run is a test
(at_writes_test.py).
"""

import argparse
import pathlib
import re
import signal
import sys
import tempfile
import types
from collections.abc import Callable

import programs
from campaigns import crash
from campaigns.killed_programs import PROGRAMS

KINDS = 'full', 'SIGINT', 'SIGTERM', 'SIGKILL'
# In the program itself, by Python's audit events. Whoever starts it in the
# background may have it ignore SIGINT, which a terminal does not.
_HOOK = """
import atexit, errno, os, signal, sys

kind, number, folder, counts = os.environ['AT_WRITE'].split('\\t')
number, seen = int(number), 0
signal.signal(signal.SIGINT, signal.default_int_handler)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
OTHERS = 'os.rename', 'os.mkdir', 'os.remove', 'os.rmdir'

def hook(event, args):
  global seen
  is_open = event == 'open' and bool(args[2] & WRITES)
  if not (is_open or event in OTHERS) or isinstance(args[0], int):
    return
  path = os.path.abspath(os.fsdecode(args[0]))
  if not f'{path}/'.startswith(f'{folder}/'):
    return
  seen += 1
  if kind == 'full':
    if seen >= number and (is_open or event == 'os.mkdir'):
      raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
  elif kind and seen == number:
    os.kill(os.getpid(), signal.Signals[kind])

sys.addaudithook(hook)

@atexit.register
def count():
  with open(counts, 'w') as file:
    file.write(str(seen))
"""


def run(
  start: Callable, kinds: list[str], tries: int, root: pathlib.Path, env: dict
) -> list[str]:
  """Disturbs one program, and returns what went wrong.

  Args:
    start: one of PROGRAMS.
    kinds: of KINDS.
    tries: writes, evenly spread, at which each kind happens.
    root: a folder for its runs.
    env: of `programs.environment`.
  """
  root.mkdir(exist_ok=True)
  hook, counts, whole = root / 'hook', root / 'count', root / 'whole'
  hook.mkdir()
  (hook / 'sitecustomize.py').write_text(_HOOK)
  path = f'{hook}:{env.get("PYTHONPATH", "")}'.rstrip(':')

  def disturbed(folder, kind='', number=0):
    about = '\t'.join((kind, str(number), str(folder), str(counts)))
    process = start(folder, env | {'PYTHONPATH': path, 'AT_WRITE': about})
    output, errors = process.communicate()
    return process.returncode, output + errors

  status, text = disturbed(whole)
  if status:
    return [f'undisturbed: {status}: {text[-500:]}']
  total, wrong = int(counts.read_text()), []
  for kind in kinds:
    for i in range(tries):
      number = 1 + (2 * i + 1) * (total - 1) // (2 * tries)
      folder = root / f'{kind}-{number}'
      status, text = disturbed(folder, kind, number)
      found = list(_end(kind, status, text))
      status, text = disturbed(folder)
      if status:
        found.append(f'again: {status}: {text[-500:]}')
      found += differences(whole, folder)
      wrong += [f'{kind} at {number} of {total}: {x}' for x in found]
  return wrong


def _end(kind, status, text):
  """What is wrong with how a disturbed program ended."""
  if 'Traceback' in text:
    yield f'a traceback: {text[-500:]}'
  if kind == 'full':
    lines = [x for x in text.splitlines() if x.startswith('error: ')]
    if status != 2 or len(lines) != 1:
      yield f'{status}, no single line: {text[-500:]}'
  elif kind == 'SIGKILL' and status != -signal.SIGKILL:
    yield f'{status}; it was not killed'


def differences(whole: pathlib.Path, folder: pathlib.Path) -> list[str]:
  """As crash.py has them, but for steps that a stopped training keeps."""
  steps = [int(p.name) for p in whole.rglob('checkpoints/[0-9]*')]
  kept = {f'{step}' for step in range(max(steps, default=0))}
  older = r'(?:.*/)?checkpoints/(\d+): (?:missing|too much)'
  return [
    text
    for text in crash.differences(whole, folder)
    if not ((found := re.fullmatch(older, text)) and found[1] in kept)
  ]


def main():
  """The programs one after the other, with all kinds."""
  parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
  parser.add_argument('--tries', type=int, default=4, help='of each kind')
  parser.add_argument('--programs', default=','.join(PROGRAMS))
  args = parser.parse_args()
  is_wrong = False
  with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    sharing = types.SimpleNamespace(getbasetemp=lambda: root)
    env = programs.environment(sharing)
    for name in args.programs.split(','):
      wrong = run(PROGRAMS[name], KINDS, args.tries, root / name, env)
      print(f'{name}: {4 * args.tries} tries, {len(wrong)} wrong', *wrong,
            sep='\n  ', flush=True)  # fmt: skip
      is_wrong = is_wrong or bool(wrong)
  sys.exit(is_wrong)


if __name__ == '__main__':
  main()
