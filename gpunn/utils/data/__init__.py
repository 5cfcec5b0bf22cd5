"""gpunn.utils.data: datasets, samplers and the DataLoader, under their PyTorch names."""

from gpunn.utils.data.collate import default_collate as default_collate
from gpunn.utils.data.collate import default_convert as default_convert
from gpunn.utils.data.combined import StackDataset as StackDataset
from gpunn.utils.data.dataset import ChainDataset as ChainDataset
from gpunn.utils.data.dataset import ConcatDataset as ConcatDataset
from gpunn.utils.data.dataset import Dataset as Dataset
from gpunn.utils.data.dataset import IterableDataset as IterableDataset
from gpunn.utils.data.dataset import Subset as Subset
from gpunn.utils.data.dataset import TensorDataset as TensorDataset
from gpunn.utils.data.dataset import random_split as random_split
from gpunn.utils.data.loader import DataLoader as DataLoader
from gpunn.utils.data.sampler import BatchSampler as BatchSampler
from gpunn.utils.data.sampler import RandomSampler as RandomSampler
from gpunn.utils.data.sampler import Sampler as Sampler
from gpunn.utils.data.sampler import SequentialSampler as SequentialSampler
from gpunn.utils.data.sampler import SubsetRandomSampler as SubsetRandomSampler
from gpunn.utils.data.sampler import WeightedRandomSampler as WeightedRandomSampler
from gpunn.utils.data.worker import WorkerInfo as WorkerInfo
from gpunn.utils.data.worker import get_worker_info as get_worker_info
