"""What a program is pointed at and is not there: one line names the flag."""

import json
import subprocess
import sys

import people
import pytest

from fr_poison.types import InputError

# All in one process: loading JAX is what takes long. The flags of a program go
# before the next one, which may have some of the same names.
CODE = """
import importlib, json, sys
import cli
from absl import flags
from fr_poison.types import InputError
for name, lines in json.loads(sys.argv[1]).items():
  main = importlib.import_module(name).main
  for line in lines:
    flags.FLAGS.unparse_flags()
    try:
      main(cli.parse(['program', *line]))
    except InputError as error:
      print(json.dumps([name, str(error)]))
  for flag in [*flags.FLAGS.flags_by_module_dict()[name]]:
    delattr(flags.FLAGS, flag.name)
"""
# By program: command lines, and how their messages begin.
MISSING = {
  'report': {
    '--records={no} --output={no}': '--records: {no}: No such file',
    '--records={here} --output={no}': '--records: {here}: no records (*.jsonl)',
    '--records={file} --output={file}/x': '--output: {file}/x',
  },
  'embedding_store': {
    '--network={no} --output={no}': '--network: {no}: ',
    '--network=mobileface --data_dir={no} --output={no}': (
      '--data_dir: {no}: no such folder'
    ),
    '--network=mobileface --output={no} --batch_size=0': "--batch_size: '0': ",
  },
  'convert_weights': {
    '--network=arcface_r50 --source={no} --output={no}/x': '--source: {no}: ',
    '--network=arcface_r5 --source={no} --output={no}/x': '--network: ',
    '--network=dlib_resnet --source={no} --output={no}': '--source: {no}',
  },
  'benchmark': {
    '--networks=mobileface:x': "--networks: 'x': a whole number from 1",
    '--recognizers --faces=1,a,2': "--faces: 'a': a whole number from 1",
    '--search --gallery=1': '--gallery: three whole numbers expected',
    '--pipeline --pictures=1,2,3': '--pictures: two whole numbers expected',
    '--repeats=0': "--repeats: '0': ",
    '--accelerator --output={file}/x': '{file}/x: ',
  },
}


def test_the_flag_is_named(root, tmp_path):
  (tmp_path / 'here').mkdir()
  (tmp_path / 'file').write_bytes(b'')
  places = {name: str(tmp_path / name) for name in ('no', 'here', 'file')}
  lines = {
    program: [line.format(**places).split() for line in own]
    for program, own in MISSING.items()
  }
  result = subprocess.run(
    [sys.executable, '-c', CODE, json.dumps(lines)],
    cwd=root / 'experiments',
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stderr
  printed = [json.loads(x) for x in result.stdout.splitlines() if x[0] == '[']
  expected = [(name, x) for name, own in MISSING.items() for x in own.values()]
  for (name, text), (program, begin) in zip(printed, expected, strict=True):
    assert name == program
    assert text.startswith(begin.format(**places)) and '\n' not in text
  assert not (tmp_path / 'no').exists()


@pytest.mark.parametrize('dataset', ['orl', 'lfw'])
def test_a_data_set_that_is_not_there_names_the_flag(dataset, tmp_path):
  for data_dir in (str(tmp_path / 'no'), None):
    if data_dir or dataset != 'orl':
      with pytest.raises(InputError, match='^--data_dir: '):
        people.find(dataset, 2, data_dir, 'num_people', 0)
