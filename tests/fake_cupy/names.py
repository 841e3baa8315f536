"""What CuPy has: the names that the stand-in offers, with the parameters that CuPy gives them.

Checked against CuPy 13.6.0 and 14.2.0, whose parameters are the same for all of these (13.6.0 lacks only
``put_along_axis``); ``test_fake_cupy.py`` checks them again wherever CuPy is installed.

An entry of a table is a name, then its parameters in CuPy's order; those after ``*`` go by keyword, and ``*name`` takes
any number of arrays. NumPy's functions often have more parameters: what is not here, CuPy refuses.
"""

# Elementwise functions: each takes arrays or scalars, and out=, dtype=, casting=.
UFUNCS = """
abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and bitwise_or bitwise_xor cbrt ceil
conj conjugate copysign cos cosh deg2rad degrees divide equal exp exp2 expm1 fabs floor floor_divide fmax fmin fmod
greater greater_equal heaviside hypot invert isfinite isinf isnan ldexp left_shift less less_equal log log10 log1p log2
logaddexp logaddexp2 logical_and logical_not logical_or logical_xor maximum minimum mod multiply negative nextafter
not_equal positive power rad2deg radians reciprocal remainder right_shift rint sign signbit sin sinh sqrt square
subtract tan tanh true_divide trunc
"""

# ufunc.at exists for these alone, and for these dtypes of the array that is added into. No int64 in add!
AT = {
    "add": "int32 uint32 uint64 float16 float32 float64",
    "subtract": "int32 uint32",
    "maximum": "int32 uint32 uint64 float32 float64",
    "minimum": "int32 uint32 uint64 float32 float64",
    "bitwise_and": "int32 int64 uint32 uint64",
    "bitwise_or": "int32 int64 uint32 uint64",
    "bitwise_xor": "int32 int64 uint32 uint64",
}

# Functions of arrays.
FUNCTIONS = """
all a axis out keepdims | any a axis out keepdims | sum a axis dtype out keepdims | prod a axis dtype out keepdims
max a axis out keepdims | min a axis out keepdims | amax a axis out keepdims | amin a axis out keepdims
mean a axis dtype out keepdims | var a axis dtype out ddof keepdims | std a axis dtype out ddof keepdims
argmax a axis * out keepdims | argmin a axis * out keepdims | ptp a axis out keepdims | count_nonzero a axis
nansum a axis dtype out keepdims | nanmean a axis dtype out keepdims | nanmax a axis out keepdims
nanmin a axis out keepdims | median a axis out * keepdims | average a axis weights returned * keepdims
percentile a q axis out * method keepdims | quantile a q axis out * method keepdims
cumsum a axis dtype out | cumprod a axis dtype out | diff a n axis prepend append
allclose a b rtol atol equal_nan | isclose a b rtol atol equal_nan | array_equal a1 a2 equal_nan
reshape a newshape order | ravel a order | transpose a axes | swapaxes a axis1 axis2 | moveaxis a source destination
rollaxis a axis start | expand_dims a axis | squeeze a axis | broadcast_to array shape | broadcast_arrays *args
atleast_1d *arys | atleast_2d *arys | atleast_3d *arys | flip a axis | fliplr a | flipud a | rot90 a k axes
roll a shift axis | repeat a repeats axis | tile A reps | pad array pad_width mode * constant_values reflect_type
concatenate tup axis out * dtype casting | stack tup axis out * dtype casting | vstack tup | hstack tup | dstack tup
column_stack tup | append arr values axis | split ary indices_or_sections axis | hsplit ary indices_or_sections
array_split ary indices_or_sections axis | vsplit ary indices_or_sections | dsplit ary indices_or_sections
where condition x y | clip a a_min a_max out | take a indices axis out | take_along_axis a indices axis
put_along_axis arr indices values axis | compress condition a axis out | nonzero a | argwhere a | flatnonzero a
sort a axis | argsort a axis | partition a kth axis | argpartition a kth axis | searchsorted a v side sorter
digitize x bins right | unique ar return_index return_inverse return_counts axis | bincount x weights minlength
histogram x bins range | isin element test_elements assume_unique invert
matmul x1 x2 * out | dot a b out | inner a b | outer a b out | vdot a b | tensordot a b axes | kron a b
einsum *operands dtype optimize | cross a b axisa axisb axisc axis | trace a offset axis1 axis2 dtype out
diagonal a offset axis1 axis2 | diag v k | diagflat v k | tril m k | triu m k | fill_diagonal a val wrap
round a decimals out | around a decimals out | nan_to_num x copy nan posinf neginf | real val | imag val | angle z deg
copy a order | copyto dst src casting where | ascontiguousarray a dtype | asfortranarray a dtype
meshgrid *xi indexing sparse copy | interp x xp fp left right period
zeros_like a dtype order * shape | ones_like a dtype order * shape | full_like a fill_value dtype order * shape
empty_like prototype dtype order * shape
linalg.norm x ord axis keepdims | linalg.inv a | linalg.det a | linalg.slogdet a | linalg.solve a b | linalg.qr a mode
linalg.svd a full_matrices compute_uv | linalg.cholesky a | linalg.eigh a UPLO | linalg.eigvalsh a UPLO
linalg.pinv a rcond | linalg.lstsq a b rcond | linalg.matrix_rank M tol | linalg.matrix_power M n
lib.stride_tricks.as_strided x shape strides | lib.stride_tricks.sliding_window_view x window_shape axis
"""

# Functions that make arrays from sizes and numbers (``array`` and ``asarray`` are written out below).
CREATION = """
zeros shape dtype order | ones shape dtype order | empty shape dtype order | full shape fill_value dtype order
arange start stop step dtype | linspace start stop num endpoint retstep dtype axis | eye N M k dtype order
identity n dtype | tri N M k dtype | indices dimensions dtype
"""

# Functions that answer with a plain Python value.
QUESTIONS = """
ndim a | shape a | size a axis | may_share_memory a b | shares_memory a b | byte_bounds a | iscomplexobj x
result_type *arrays_and_dtypes | can_cast from_ to casting
"""

# Methods: parameters after self.
METHODS = """
all axis out keepdims | any axis out keepdims | sum axis dtype out keepdims | prod axis dtype out keepdims
max axis out keepdims | min axis out keepdims | mean axis dtype out keepdims
var axis dtype out ddof keepdims | std axis dtype out ddof keepdims | argmax axis out * keepdims
argmin axis out * keepdims | cumsum axis dtype out | cumprod axis dtype out | clip min max out | round decimals out
astype dtype order casting subok copy | copy order | view dtype | fill value | reshape *shape order | ravel order
flatten order | transpose *axes | swapaxes axis1 axis2 | squeeze axis | repeat repeats axis | take indices axis out
diagonal offset axis1 axis2 | trace offset axis1 axis2 dtype out | dot b out | nonzero | sort axis | argsort axis
compress condition axis out | searchsorted v side sorter | conj | conjugate
"""

# The very objects of NumPy that CuPy hands on.
CONSTANTS = """
newaxis pi e inf nan bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp int_ float16 float32 float64 complex64
complex128 generic number integer signedinteger unsignedinteger inexact floating complexfloating dtype finfo iinfo
promote_types issubdtype broadcast_shapes ndindex
"""

# Operators: x.__add__ is add.
OPERATORS = {
    **{"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide", "floordiv": "floor_divide"},
    **{"mod": "remainder", "pow": "power", "lshift": "left_shift", "rshift": "right_shift"},
    **{"and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor", "matmul": "matmul"},
}
COMPARISONS = {
    **{"lt": "less", "le": "less_equal", "eq": "equal", "ne": "not_equal", "gt": "greater", "ge": "greater_equal"},
}

# Parameters that are numbers on the host: a device array of 0 dimensions is no integer there.
HOST = set(
    """axis axes axis1 axis2 axisa axisb axisc source destination shape newshape dimensions window_shape strides n N M k
    num start stop step decimals offset ddof kth pad_width reps repeats shift indices_or_sections minlength dtype order
    """.split()
)
