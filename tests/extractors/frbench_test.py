"""FRBench's networks, mirror averaging, and the releases they come in."""

import gzip
import hashlib
import importlib.util
import sys
import tarfile

import jax
import numpy as np
import pytest
from extractors import recipe
from properties import seeds

from fr_poison import extractors, weights
from fr_poison.extractors import frbench
from fr_poison.extractors.convert import frbench as releases
from fr_poison.extractors.convert import reading
from fr_poison.types import InputError


@pytest.mark.parametrize('name', ['irse_18', 'mobilefacenet'])
def test_embeddings_and_their_mirrored_means_are_frbenchs(name, golden):
  # The pictures are those of another network's.
  images = golden('arcface_r18')['images']
  arrays = golden(name) | {'images': images}
  extractor = extractors.mirrored(recipe.check_published(name, arrays))
  embed = jax.jit(extractor.embed_fn)
  ours = embed(extractor.params, images.astype(np.float32) / 255)
  theirs = arrays['mirrored']
  assert np.abs(ours - theirs).max() <= 5e-5 * theirs.std()


# Of the package's modules: arrays, and a hash of all names and shapes.
MODULES = {
  'irse_101': (460, '1880eec123ef97f3'),
  'ir_34': (276, '47da47ea26ac7d54'),
  'resnet_100': (770, '87406fd65b207584'),
}


@pytest.mark.parametrize('name', MODULES)
def test_names_and_shapes_are_those_of_the_package(name):
  entry = extractors.spec(name)
  lines = []
  for ours, shape in weights.expected_shapes(entry.module(), 112, None).items():
    key = entry.table.key(ours)
    theirs = entry.table.to_theirs(key, np.broadcast_to(0.0, shape)).shape
    lines.append(f'{key} {list(theirs)}')
  digest = hashlib.sha256('\n'.join(sorted(lines)).encode()).hexdigest()
  assert (len(lines), digest[:16]) == MODULES[name], lines


@pytest.mark.parametrize('backbone', ['irse-18', 'ir-18', 'mobilefacenet'])
def test_a_module_of_the_package_gives_the_same(backbone, monkeypatch, golden):
  torch = pytest.importorskip('torch', reason='torch is not installed')
  package = importlib.util.find_spec('frbench')
  if package is None:
    pytest.skip('frbench is not installed')
  # Its modules alone: the package itself needs torchvision, too.
  bare = importlib.util.module_from_spec(package)
  monkeypatch.setitem(sys.modules, 'frbench', bare)
  backbones = importlib.import_module('frbench.backbones')
  module = backbones.build_backbone(backbone, {}, 'cpu').eval()
  shapes = {key: tuple(a.shape) for key, a in module.state_dict().items()}
  state = recipe.state_dict(shapes, 1)
  tensors = {key: torch.from_numpy(array) for key, array in state.items()}
  module.load_state_dict(tensors, strict=False)
  images = golden('arcface_r18')['images'].astype(np.float32) / 255
  with torch.no_grad():
    inputs = torch.from_numpy(2 * images.transpose(0, 3, 1, 2) - 1)
    expected = module(inputs).numpy()
  name = backbone.replace('-', '_')
  extractor = extractors.from_state_dict(name, state)
  ours = jax.jit(extractor.embed_fn)(extractor.params, images)
  assert np.abs(ours - expected).max() <= 5e-5 * expected.std()


def _archive(path, files):
  path.write_bytes(gzip.compress(seeds.tar(files)))
  return path


def test_an_archive_and_its_folder_are_read_alike(tmp_path):
  archive, folder = tmp_path / 'net.tar.gz', tmp_path / 'net'
  archive.write_bytes(seeds.frbench())
  with tarfile.open(archive) as tar:
    tar.extractall(tmp_path, filter='data')
  alone = reading.read(folder / 'model.pth')
  for path in (archive, folder):
    arrays = reading.read(path)
    assert arrays.keys() == alone.keys()
    for key in arrays:
      np.testing.assert_array_equal(arrays[key], alone[key])
    frbench.check(
      reading.read_config(path), extractors.spec('irse_100_triplet')
    )
  assert reading.read_config(folder / 'model.pth') is None


@pytest.mark.parametrize(
  'old, new, message',
  [
    (b'irse-100', b'irse-10', 'backbone irse-10, not irse_100$'),
    (b'channel: rgb', b'channel: bgr', 'input.channel is not RGB'),
    (b'mean: [0.5', b'mean: [0.485', r'input.mean is .*\(x - 127.5\) / 127.5'),
    (b'std: [0.5', b'std: [0.25', 'input.std is not'),
    (b'std: [0.5', b'var: [0.25', 'input.std is not'),
    (
      b'\n  size: [112, 112]',
      b'\n  size: [112, 224]',
      'input.size is not .* 112 pixels',
    ),
    (b'[38.2946', b'[36.2946', 'input.template is not .* arcface template'),
  ],
)
def test_a_release_of_something_else_is_refused(old, new, message):
  assert old in seeds.FRBENCH
  entry = extractors.spec('irse_100')
  frbench.check(releases.parse(seeds.FRBENCH), entry)
  config = releases.parse(seeds.FRBENCH.replace(old, new, 1))
  with pytest.raises(InputError, match=f'^config: {message}') as error:
    frbench.check(config, entry)
  assert len(str(error.value).splitlines()) == 1


def test_what_a_config_leaves_out_is_as_in_the_package():
  config = releases.parse(b'backbone: {name: irse-50}')
  frbench.check(config, extractors.spec('irse_50'))


@pytest.mark.parametrize(
  'config, message',
  [
    (b'!!python/object/apply:os.system ["touch x"]', 'tags and anchors are'),
    (b'a: &a [1]\nb: [*a, *a]', 'tags and anchors are not'),
    (b'a: [*a, *a]', 'tags and anchors are not'),
    (b'[' * 10_000, 'more than 8 levels'),
    (b'#' * (1 << 15), 'more than 16384 bytes'),
    (b'a: {', r'damaged YAML \(while'),
    (b'a: \x00', r'damaged YAML \(unacceptable'),
    (b'', 'input is not a dict of fields'),
    (b'input: 3', 'input is not a dict of fields'),
    (b'backbone: [irse-50]', 'backbone is not a dict of fields'),
    (b'backbone: {name: 50}', 'backbone.name 50 is not a name'),
    (b'backbone: {name: a}\ninput: {channel: [r]}', 'input.channel .* is not'),
    *(
      (
        b'backbone: {name: a}\ninput: {mean: %b}' % mean,
        'input.mean is not num',
      )
      for mean in (b'0.5', b'[1, 2]', b'[1, 2, .nan]', b'[1, 2, [3]]', b'a')
    ),
  ],
)
def test_configs_that_are_hostile_or_damaged_are_refused(
  config, message, tmp_path
):
  (tmp_path / 'config.yaml').write_bytes(config)
  message = f'^{tmp_path}: config: {message}'
  with pytest.raises(InputError, match=message) as error:
    reading.read_config(tmp_path)
  assert len(str(error.value).splitlines()) == 1


def test_archives_of_anything_else_are_refused(tmp_path):
  path = tmp_path / 'net.tar.gz'
  twice = 'a.pth', 'b.pt', 'a.yaml', 'b.yml'
  _archive(path, dict.fromkeys(twice, b''))
  for read, name in ((reading.read, 'pth'), (reading.read_config, 'yaml')):
    with pytest.raises(
      InputError, match=f'{path}: no FRBench.*: more than one file .{name}'
    ):
      read(path)
  _archive(path, {'net/a.md': b'x', 'net/._a.pth': b'', 'net/.a.yaml': b''})
  for read, name in ((reading.read, 'pth'), (reading.read_config, 'yaml')):
    with pytest.raises(
      InputError, match=f'{path}: no FRBench release: no file .{name}'
    ):
      read(path)
  path.write_bytes(gzip.compress(bytes(1 << 20)))
  with pytest.raises(
    InputError, match=f'{path}: no FRBench release: no file .pth'
  ):
    reading.read(path)
  _archive(path, {'net/a.pth': bytes(1 << 20)})
  with pytest.raises(InputError, match=f'{path}: .* expands too much'):
    reading.read(path)
  (tmp_path / 'empty').mkdir()
  with pytest.raises(
    InputError, match='empty: no FRBench release: no file .pth'
  ):
    reading.read(tmp_path / 'empty')
