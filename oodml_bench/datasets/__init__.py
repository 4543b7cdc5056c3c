"""What images there are: one small `Dataset` value, and a reader for each place that images come from.

`open_dataset` takes a specification such as `folder:PATH` or `glyphs:300`. Importing this package imports neither
torch nor NumPy nor Pillow; each reader imports what it needs when it is used.
"""

from oodml_bench.datasets.arrays import dataset_from_arrays
from oodml_bench.datasets.dataset import Dataset, ImageSource
from oodml_bench.datasets.readers import open_dataset

__all__ = ["Dataset", "ImageSource", "dataset_from_arrays", "open_dataset"]
