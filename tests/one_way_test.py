"""No source opens, writes or removes files but by `fr_poison.files`."""

import ast

import calls
import pytest

# Functions, and modules of which all count.
NAMES = {
  *('open', 'io.open', 'io.FileIO', 'gzip.open', 'bz2.open', 'lzma.open'),
  *('tarfile.open', 'zipfile.ZipFile', 'PIL.Image.open', 'onnx.load'),
  *('shutil', 'tempfile', 'fileinput', 'mmap', 'h5py', 'tensorboardX'),
  *('os.open', 'os.fdopen', 'os.mkdir', 'os.makedirs', 'os.chmod', 'os.link'),
  *('os.remove', 'os.unlink', 'os.rmdir', 'os.removedirs', 'os.symlink'),
  *('os.rename', 'os.renames', 'os.replace', 'os.truncate', 'os.mkfifo'),
  *('numpy.load', 'numpy.loadtxt', 'numpy.genfromtxt', 'numpy.fromfile'),
  *('numpy.save', 'numpy.savez', 'numpy.savez_compressed', 'numpy.savetxt'),
  *('numpy.memmap', 'numpy.lib.format', 'safetensors.safe_open'),
}
# Of any object: most are a path's.
METHODS = {
  *('open', 'read_bytes', 'read_text', 'write_bytes', 'write_text'),
  *('mkdir', 'rmdir', 'unlink', 'touch', 'rename', 'chmod', 'symlink_to'),
  *('hardlink_to', 'tofile', 'save', 'savefig', 'save_file', 'load_file'),
}
IN_MEMORY = {'safetensors.numpy.save'}
# What does none of it to a file whose name somebody else gave.
ALLOWED = {
  # In memory, of bytes that are read.
  'fr_poison/attacks/jpeg.py': {'PIL.Image.open', 'save'},
  'fr_poison/data/decode.py': {'PIL.Image.open', 'save'},
  'fr_poison/evaluation/overlay.py': {'PIL.Image.open', 'save'},
  'fr_poison/report/drawing.py': {'save', 'savefig'},
  # Of a file that `files` opened.
  'fr_poison/data/archives.py': {'bz2.open', 'gzip.open', 'lzma.open'},
  'fr_poison/extractors/convert/onnx_graph.py': {'numpy.memmap'},
  'fr_poison/extractors/convert/torch_file.py': {'zipfile.ZipFile'},
  'fr_poison/search/store.py': {'numpy.memmap'},
  # Of what ships with the source, or comes with the system.
  'experiments/benchmarks/golden.py': {'numpy.load'},
  'fr_poison/data/datasets/orl.py': {'numpy.load'},
  'fr_poison/report/paper.py': {'read_text'},
  'fr_poison/report/record_file.py': {'read_text'},
  'fr_poison/report/words.py': {'read_text'},
  # A folder, to lock it or to have its names on the disk.
  'fr_poison/saved_step.py': {'os.open', 'save'},
  'fr_poison/locks.py': {'os.open'},
  # Another package writes, in a new folder that nobody could foresee.
  'fr_poison/data/datasets/kept.py': {
    *('chmod', 'mkdir', 'open', 'rename', 'tempfile', 'tempfile.mkdtemp'),
  },
  # A new folder of the benchmark's own.
  'experiments/benchmarks/pipeline.py': {
    *('tempfile', 'tempfile.TemporaryDirectory'),
  },
  # Another package writes a file beside those that were looked at.
  'fr_poison/training/run.py': {
    *('open', 'save', 'tensorboardX', 'tensorboardX.SummaryWriter'),
  },
  # Of other things than files: an address, a class of our own.
  'fr_poison/extractors/cache.py': {'open'},
  'fr_poison/evaluation/cloaks.py': {'save'},
}


def _uses(source):
  """Each of them that is in a source, and its line."""
  tree = ast.parse(source)
  aliases = calls.aliases(tree)
  called = {n.func: n for n in ast.walk(tree) if isinstance(n, ast.Call)}
  for node in ast.walk(tree):
    if not isinstance(node, ast.Name | ast.Attribute):
      continue
    full = calls.dotted(node, aliases) or ''
    method = getattr(node, 'attr', None)
    if full in NAMES or full.partition('.')[0] in NAMES:
      yield full, node.lineno
    elif full.startswith('fr_poison.') or full in IN_MEMORY:
      continue
    elif method in METHODS:
      yield method, node.lineno
    elif method == 'replace' and node in called:
      call = called[node]
      if len(call.args) == 1 and not call.keywords:  # not a text's
        yield method, node.lineno


def test_no_source_does_any_of_it(root):
  found = {}
  for folder in ('fr_poison', 'experiments'):
    for path in sorted((root / folder).rglob('*.py')):
      name = path.relative_to(root).as_posix()
      for use, line in _uses(path.read_text()):
        found.setdefault(name, {}).setdefault(use, []).append(line)
  del found['fr_poison/files.py']
  wrong = {
    f'{name}:{lines}: {use}'
    for name, uses in found.items()
    for use, lines in uses.items()
    if use not in ALLOWED.get(name, ())
  }
  assert not wrong
  # Nor is anything allowed that nobody does.
  assert {name: set(uses) for name, uses in found.items()} == ALLOWED


@pytest.mark.parametrize(
  'source',
  [
    'open(path)',
    'path.open("rb")',
    'path.read_text()',
    'pathlib.Path(a).with_name(b).write_bytes(data)',
    'import os\nos.replace(a, b)',
    'from os import replace as f\nf(a, b)',
    'a.replace(b)',
    'import shutil\nshutil.rmtree(a)',
    'from shutil import rmtree\nrmtree(a)',
    'import numpy as np\nnp.load(a)',
    'import numpy as np\nnp.memmap(a)',
    'from PIL import Image\nImage.open(a)',
    'Image.fromarray(a).save(b)',
    'stack.callback(path.unlink)',
    'import tempfile\ntempfile.mkdtemp()',
    'for f in map(pathlib.Path.read_bytes, a): pass',
  ],
)
def test_each_of_it_is_found(source):
  assert list(_uses(source))


def test_nothing_else_is_found():
  source = (
    'import dataclasses, safetensors.numpy\nfrom fr_poison import files\n'
    'files.read_text(a), files.remove(a), files.rename(a, b)\n'
    'text.replace("a", "b"), dataclasses.replace(a, b=1), state.replace(b=1)\n'
    'files.opened(a), names.remove(a), safetensors.numpy.save(a)'
  )
  assert not list(_uses(source))
