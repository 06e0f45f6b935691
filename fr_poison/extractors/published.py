"""The networks whose weights others publish, and where to get those."""

import functools

from fr_poison.extractors import (
  clip_vit,
  inception_resnet,
  iresnet,
  lowkey_ir,
  lowkey_resnet,
  mobilefacenet,
  resnet,
)
from fr_poison.extractors.convert import (
  clip_names,
  inception_resnet_names,
  iresnet_names,
  lowkey_names,
  mobilefacenet_names,
  resnet_names,
)
from fr_poison.extractors.network_spec import NetworkSpec

ARCFACE = NetworkSpec(
  '',
  iresnet.IResNet,
  112,
  512,
  pretrained=False,
  batch_norm=True,
  inputs=iresnet.ARCFACE,
  year=2021,
  licence='non-commercial research only',
  url='https://github.com/deepinsight/insightface/tree/master/recognition/arcface_torch#model-zoo',
  prefixes=('module.', 'backbone.'),
)


def _arcface(depth):
  units = iresnet.UNITS[depth]
  return ARCFACE._replace(
    name=f'arcface_r{depth}',
    module=functools.partial(iresnet.IResNet, units),
    entries=functools.partial(iresnet_names.entries, units),
  )


def _magface(depth):
  entry = _arcface(depth)
  return entry._replace(
    name=f'magface_r{depth}',
    module=functools.partial(
      entry.module, inputs=iresnet.MAGFACE, epsilon=iresnet.MAGFACE_EPSILON
    ),
    inputs=iresnet.MAGFACE,
    licence='Apache-2.0 (the repository)',
    url='https://drive.google.com/file/d/1Bd87admxOZvbIOAyTkGEntsEz3fyMt7H',
    # The classifier beside the network, which is `features`.
    ignored=r'(module\.)?fc\.weight',
    prefixes=('features.module.', 'module.features.'),
  )


def _resnet(depth, embedding_size, sha256):
  return NetworkSpec(
    f'resnet{depth}',
    functools.partial(resnet.resnet, depth),
    224,
    embedding_size,
    any_size=True,
    pretrained=False,
    batch_norm=True,
    inputs=resnet.IMAGENET,
    year=2016,
    licence='BSD-3-Clause (the repository)',
    url=f'https://download.pytorch.org/models/resnet{depth}-{sha256[:8]}.pth',
    sha256=sha256,
    entries=functools.partial(resnet_names.entries, depth),
    ignored=r'fc\.(weight|bias)',  # ImageNet's classes, or a trainer's
    prefixes=('module.', 'backbone.'),
  )


_LOWKEY = ARCFACE._replace(
  licence='none given', url='https://github.com/cmu-spuds/lowkey_gradio'
)


def _lowkey_file(name):
  """Two were published of a network; this is the one trained with ArcFace."""
  return f'{_LOWKEY.url}/releases/download/weights/Backbone_{name}.pth'


def _lowkey_ir(depth):
  return _LOWKEY._replace(
    name=f'lowkey_ir{depth}',
    module=functools.partial(lowkey_ir.LowkeyIR, lowkey_ir.UNITS[depth]),
    entries=functools.partial(lowkey_names.ir_entries, depth),
  )


def _lowkey_resnet(depth):
  return _LOWKEY._replace(
    name=f'lowkey_resnet{depth}',
    module=functools.partial(lowkey_resnet.LowkeyResNet, resnet.UNITS[depth]),
    entries=functools.partial(lowkey_names.resnet_entries, depth),
  )


def _clip(name, file, year, sha256):
  tower = clip_vit.TOWERS[name]
  return NetworkSpec(
    f'clip_{name}',
    functools.partial(clip_vit.ClipVit, *tower),
    224,
    tower.embedding_size,
    pretrained=False,
    inputs=clip_vit.INPUTS,
    year=year,
    licence='MIT (the repository)',
    url=f'https://openaipublic.azureedge.net/clip/models/{sha256}/{file}.pt',
    sha256=sha256,
    entries=functools.partial(clip_names.entries, tower.depth),
    ignored=clip_names.TEXT_TOWER,
    prefixes=('module.',),
  )


SPECS = (
  *map(_arcface, iresnet.UNITS),
  ARCFACE._replace(
    name='arcface_mbf',
    module=mobilefacenet.MobileFaceNet,
    entries=mobilefacenet_names.entries,
  ),
  _magface(100),
  NetworkSpec(
    'facenet',
    inception_resnet.InceptionResNet,
    160,
    512,
    any_size=True,
    min_size=inception_resnet.MIN_SIZE,
    pretrained=False,
    batch_norm=True,
    inputs=inception_resnet.FACENET,
    normalized=True,
    year=2018,
    licence='MIT (the repository)',
    url='https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/20180402-114759-vggface2.pt',
    sha256='281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b',
    entries=inception_resnet_names.entries,
    ignored=r'logits\.(weight|bias)',  # the people it was trained on
    prefixes=('module.',),
  ),
  _resnet(
    18,
    512,
    'f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec',
  ),
  _resnet(
    50,
    2048,
    '0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a',
  ),
  _lowkey_ir(50),
  _lowkey_ir(101),
  _lowkey_ir(152)._replace(url=_lowkey_file('IR_152_Arcface_Epoch_112')),
  _lowkey_resnet(50),
  _lowkey_resnet(101),
  _lowkey_resnet(152)._replace(url=_lowkey_file('ResNet_152_Arcface_Epoch_65')),
  _clip(
    'vitb32',
    'ViT-B-32',
    2021,
    '40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af',
  ),
  _clip(
    'vitb16',
    'ViT-B-16',
    2021,
    '5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f',
  ),
  _clip(
    'vitl14',
    'ViT-L-14',
    2022,
    'b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836',
  ),
)
