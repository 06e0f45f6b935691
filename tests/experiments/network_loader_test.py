import network_loader
import pytest
from absl import flags

from fr_poison.extractors import loading
from fr_poison.types import InputError


@pytest.fixture
def unreachable(monkeypatch, tmp_path):
  """ResNet-18's weights are at an address where nobody answers."""
  monkeypatch.setenv('FR_POISON_CACHE', str(tmp_path))
  entry = loading.spec('resnet18')._replace(url='https://127.0.0.1:1/net.pth')
  monkeypatch.setitem(loading._SPECS, 'resnet18', entry)


def test_only_the_flag_allows_a_download(unreachable, monkeypatch, capsys):
  with pytest.raises(InputError, match='no weights of resnet18.*--download'):
    network_loader.load('resnet18')
  monkeypatch.setattr(flags.FLAGS['download'], 'value', True)
  with pytest.raises(InputError, match='127.0.0.1:1.*cannot be downloaded'):
    network_loader.load('resnet18')


def test_what_is_here_ships_or_is_kept_or_may_be_fetched(
  unreachable, monkeypatch, tmp_path
):
  assert all(map(network_loader.is_here, ('mobileface', 'pixels')))
  assert not network_loader.is_here('resnet18')
  (tmp_path / 'resnet18.safetensors').touch()
  assert network_loader.is_here('resnet18')
  assert not network_loader.is_here('resnet50')
  monkeypatch.setattr(flags.FLAGS['download'], 'value', True)
  assert network_loader.is_here('resnet50')


def test_mirrored_is_a_network_with_the_word_after_its_name():
  found = network_loader.load('mobileface mirrored', alignment='wide-128')
  assert found.mirrored and found.crop and found.spec.name == 'mobileface'
  assert not network_loader.load('mobileface').mirrored
  assert network_loader.is_here('mobileface mirrored')


def test_passes_the_input_size_on():
  assert network_loader.load('faceres', 64).input_size == 64
