"""Convolutions and pooling are PyTorch's, on random configurations."""

import math

import numpy as np
import pytest

import minidl as md
from tests.against_torch.comparing import assert_equal, both, both_parameters, every_seed, torch

F = torch.nn.functional


class Configuration:
    """A random convolution: sizes, strides or dilation, groups, padding."""

    def __init__(self, seed, axes=2):
        r = np.random.default_rng(seed)
        self.rng = r
        self.N, self.size = int(r.integers(1, 4)), tuple(int(n) for n in r.integers(5, 10, axes))
        self.kernel = tuple(int(n) for n in r.integers(1, 4, axes))
        self.groups = int(r.integers(1, 4))
        self.C, self.F = (self.groups * int(n) for n in r.integers(1, 4, 2))
        self.strides = tuple(int(n) for n in r.integers(1, 4, axes))
        self.dilation = (1,) * axes
        if seed % 3 == 2:
            self.strides, self.dilation = self.dilation, tuple(int(n) for n in r.integers(1, 3, axes))
        self.padding = ("valid", "same")[seed % 2]

    def normal(self, *shape):
        return self.rng.normal(size=shape)

    def added(self):
        """Pixels (before, after) that "same" adds along each axis: as few as ⌈n/s⌉ windows take, an odd one behind."""
        pairs = []
        for n, k, s, d in zip(self.size, self.kernel, self.strides, self.dilation):
            missing = max((math.ceil(n / s) - 1) * s + (k - 1) * d + 1 - n, 0) if self.padding == "same" else 0
            pairs.append((missing // 2, missing - missing // 2))
        return pairs


def channels_first(x):
    return x.movedim(-1, 1)


def channels_last(x):
    return x.movedim(1, -1)


def padded(x, pairs, value=0.0):
    """x (N, C, ...) with pixels added; PyTorch counts axes from the last."""
    return F.pad(x, [n for pair in reversed(pairs) for n in pair], value=value)


@every_seed
def test_conv2d(seed, dtype):
    c = Configuration(seed)
    x, W = c.normal(c.N, *c.size, c.C), c.normal(*c.kernel, c.C // c.groups, c.F)
    ours, theirs = both(dtype, x=x, W=W, b=c.normal(c.F))
    y = md.conv2d(*ours.values(), c.strides, c.padding, c.dilation, c.groups)
    x, W, b = theirs.values()
    z = F.conv2d(padded(channels_first(x), c.added()), W.permute(3, 2, 0, 1), b, c.strides, 0, c.dilation, c.groups)
    assert_equal("conv2d", y, channels_last(z), ours, theirs)


@every_seed
def test_conv2d_max_pool(seed, dtype):
    c = Configuration(seed)
    c.size, c.strides = (12, 11), (1, 1 + seed % 2)
    pool = (1 + seed % 3, 2)
    ours, theirs = both(dtype, x=c.normal(c.N, *c.size, c.C), W=c.normal(*c.kernel, c.C, c.F), b=c.normal(c.F))
    y = md.conv2d_max_pool(*ours.values(), c.strides, c.padding, c.dilation, pool)
    x, W, b = theirs.values()
    z = F.conv2d(padded(channels_first(x), c.added()), W.permute(3, 2, 0, 1), b, c.strides, 0, c.dilation)
    assert_equal("conv2d and max pooling", y, channels_last(F.max_pool2d(z, pool)), ours, theirs)


@every_seed
def test_conv1d(seed, dtype):
    c = Configuration(seed, axes=1)
    (n,), (k,), (s,), (d,) = c.size, c.kernel, c.strides, c.dilation
    ours, theirs = both(dtype, x=c.normal(c.N, n, c.C), W=c.normal(k, c.C // c.groups, c.F), b=c.normal(c.F))
    padding = "causal" if seed >= 7 else c.padding
    y = md.conv1d(*ours.values(), s, padding, d, c.groups)
    x, W, b = theirs.values()
    pairs = [((k - 1) * d, 0)] if padding == "causal" else c.added()
    z = F.conv1d(padded(channels_first(x), pairs), W.permute(2, 1, 0), b, s, 0, d, c.groups)
    assert_equal("conv1d", y, channels_last(z), ours, theirs)


@every_seed
def test_depthwise_conv2d(seed, dtype):
    c = Configuration(seed)
    M = c.F // c.groups
    ours, theirs = both(dtype, x=c.normal(c.N, *c.size, c.C), W=c.normal(*c.kernel, c.C, M), b=c.normal(c.C * M))
    y = md.depthwise_conv2d(*ours.values(), c.strides, c.padding, c.dilation)
    x, W, b = theirs.values()
    W = W.reshape(*c.kernel, 1, c.C * M).permute(3, 2, 0, 1)  # the M kernels of the first channel, of the second, ...
    z = F.conv2d(padded(channels_first(x), c.added()), W, b, c.strides, 0, c.dilation, groups=c.C)
    assert_equal("depthwise conv2d", y, channels_last(z), ours, theirs)


@every_seed
def test_separable_convolution_layer(seed, dtype):
    c = Configuration(seed)
    M = c.F // c.groups
    layer = md.layers.SeparableConv2D(c.F, c.kernel, c.strides, c.padding, depth_multiplier=M, dilation_rate=c.dilation)
    ours, theirs = both(dtype, x=c.normal(c.N, *c.size, c.C))
    layer(ours["x"])  # builds it
    weights, their_weights = both_parameters(layer, c.rng)
    y = layer(ours["x"])
    D, P, b = their_weights.values()
    D = D.reshape(*c.kernel, 1, c.C * M).permute(3, 2, 0, 1)
    x = padded(channels_first(theirs["x"]), c.added())
    z = F.conv2d(x, D, None, c.strides, 0, c.dilation, groups=c.C)
    z = F.conv2d(z, P.permute(3, 2, 0, 1), b)
    assert_equal("separable conv2d", y, channels_last(z), ours | weights, theirs | their_weights)


@every_seed
def test_conv2d_transpose(seed, dtype):
    """With "valid" y ends where the last window ends; a stride larger than the kernel adds pixels behind it."""
    c = Configuration(seed)
    ours, theirs = both(dtype, x=c.normal(c.N, *c.size, c.C), W=c.normal(*c.kernel, c.F, c.C), b=c.normal(c.F))
    y = md.conv2d_transpose(*ours.values(), c.strides, c.padding, c.dilation)
    x, W, b = theirs.values()
    z = F.conv_transpose2d(channels_first(x), W.permute(3, 2, 0, 1), None, c.strides, dilation=c.dilation)
    for axis, (n, k, s, d) in enumerate(zip(c.size, c.kernel, c.strides, c.dilation), start=2):
        extent = (k - 1) * d + 1
        length = n * s if c.padding == "same" else (n - 1) * s + max(extent, s)
        missing = (n - 1) * s + extent - length  # cut off, half of them in front; added behind where it is negative
        before = max(missing, 0) // 2
        z = torch.cat([z, z.new_zeros([*z.shape[:axis], max(-missing, 0), *z.shape[axis + 1 :]])], dim=axis)
        z = z.narrow(axis, before, length)
    assert_equal("conv2d transpose", y, channels_last(z + b[:, None, None]), ours, theirs)


@pytest.mark.parametrize(
    "pooled",
    [
        lambda x, W, b, padding: md.max_pool(md.relu(md.conv2d(x, W, b, 1, padding)), 2),
        lambda x, W, b, padding: md.relu(md.conv2d_max_pool(x, W, b, 1, padding)),
    ],
    ids=["apart", "as one"],
)
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_images_too_large_for_one_piece(pooled, padding, dtype):
    """D0.P1's sizes: the products go over the batch a few images at a time."""
    c = Configuration(1)
    c.size, c.kernel, c.strides, c.dilation, c.padding = (26, 27), (3, 3), (1, 1), (1, 1), padding
    scale = 1 / np.sqrt(9 * 16)  # as layers draw their weights
    arrays = {"x": c.normal(20, 26, 27, 16), "W": scale * c.normal(3, 3, 16, 32), "b": c.normal(32)}
    ours, theirs = both(dtype, **arrays)
    y = pooled(*ours.values(), padding)
    x, W, b = theirs.values()
    z = F.max_pool2d(F.relu(F.conv2d(padded(channels_first(x), c.added()), W.permute(3, 2, 0, 1), b)), 2)
    g = y.size**-0.5  # ∂L/∂W sums over all pixels: of size 1 too
    assert_equal("conv2d, large", y * g, channels_last(z) * g, ours, theirs)


@every_seed
def test_max_pooling(seed, dtype):
    for axes, pool in ((1, F.max_pool1d), (2, F.max_pool2d)):
        c = Configuration(seed, axes)
        c.dilation = (1,) * axes
        ours, theirs = both(dtype, x=c.normal(c.N, *c.size, c.C))
        y = md.max_pool(ours["x"], c.kernel, c.strides, c.padding)
        z = pool(padded(channels_first(theirs["x"]), c.added(), -math.inf), c.kernel, c.strides)
        assert_equal("max pooling", y, channels_last(z), ours, theirs)


@every_seed
def test_average_pooling(seed, dtype):
    """Of the pixels that there are: PyTorch's mean with zeros added, divided by its mean of ones."""
    for axes, pool in ((1, F.avg_pool1d), (2, F.avg_pool2d)):
        c = Configuration(seed, axes)
        c.dilation = (1,) * axes
        ours, theirs = both(dtype, x=c.normal(c.N, *c.size, c.C))
        y = md.average_pool(ours["x"], c.kernel, c.strides, c.padding)
        x = channels_first(theirs["x"])
        ones = torch.ones_like(x)
        z = pool(padded(x, c.added()), c.kernel, c.strides) / pool(padded(ones, c.added()), c.kernel, c.strides)
        assert_equal("average pooling", y, channels_last(z), ours, theirs)


def test_global_pooling_and_upsampling(dtype):
    c = Configuration(0)
    for layer, same in (
        (md.layers.GlobalAveragePooling2D(), lambda x: x.mean(dim=(2, 3))),
        (md.layers.GlobalMaxPooling2D(), lambda x: x.amax(dim=(2, 3))),
        (md.layers.UpSampling2D((2, 3)), lambda x: channels_last(F.interpolate(x, scale_factor=(2, 3)))),
        (md.layers.ZeroPadding2D(((1, 2), (0, 3))), lambda x: channels_last(F.pad(x, (0, 3, 1, 2)))),
    ):
        ours, theirs = both(dtype, x=c.normal(c.N, *c.size, c.C))
        assert_equal("global pooling, resizing", layer(ours["x"]), same(channels_first(theirs["x"])), ours, theirs)
