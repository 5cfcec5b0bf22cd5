"""Probability distributions under PyTorch's names: samples, densities, entropies, divergences, all with gradients."""

from gpunn.distributions import constraints as constraints
from gpunn.distributions.discrete import Bernoulli as Bernoulli
from gpunn.distributions.discrete import Categorical as Categorical
from gpunn.distributions.discrete import OneHotCategorical as OneHotCategorical
from gpunn.distributions.distribution import Distribution as Distribution
from gpunn.distributions.gamma import Beta as Beta
from gpunn.distributions.gamma import Dirichlet as Dirichlet
from gpunn.distributions.gamma import Gamma as Gamma
from gpunn.distributions.independent import Independent as Independent
from gpunn.distributions.kl import kl_divergence as kl_divergence
from gpunn.distributions.kl import register_kl as register_kl
from gpunn.distributions.location_scale import Exponential as Exponential
from gpunn.distributions.location_scale import Laplace as Laplace
from gpunn.distributions.location_scale import Normal as Normal
from gpunn.distributions.location_scale import Uniform as Uniform
from gpunn.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
