"""Sums of products in vector instructions and in one fixed order: the inner loops of every estimator.

A compiler may not reorder a floating point sum, so it adds a plain loop's products one after the other, each waiting for
the last. Here the order is chosen once, in LLVM's own language: element i goes to partial sum i modulo 8, and the eight
are added in halves. Every machine adds in this order, whatever the width of its vector instructions, so the bits do not
depend on it; products and sums are rounded apart (no fused multiplication and addition, no fast mathematics). A sum of
120 products takes 14 nanoseconds, of four rows at once 6 each; a plain loop with four partial sums 40.

The functions below, but for the four at the end, are called by numba while it compiles: they take a builder and return
the instructions that they gave it. Sizes are not checked, as in all compiled code.
"""

from collections.abc import Callable, Iterator
from typing import Any

import odisea.compiled  # noqa: F401  # sets numba's folder, so it comes before numba

# isort: split
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

tools: Any = cgutils  # untyped
tuple_type: Any = types.UniTuple
LANES = 8
ROWS = 4  # summed at once: each element of the common vector is loaded once for all of them
BYTES = 8
REAL, INDEX, PLACE = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
VECTOR, INDICES, MASK = (ir.VectorType(element, LANES) for element in (REAL, INDEX, ir.IntType(1)))
POINTER = VECTOR.as_pointer()
ZEROS = ir.Constant(VECTOR, [0.0] * LANES)
FIRST_LANES = ir.Constant(ir.VectorType(PLACE, LANES), [0] * LANES)
MASKED_LOAD, MASKED_STORE = "llvm.masked.load.v8f64.p0", "llvm.masked.store.v8f64.p0"


class Block:
    """Eight neighbouring elements, or as many of them as there are: where they are, and how to load and store them."""

    def __init__(self, builder: Any, index: Any, mask: Any = None) -> None:
        self.builder, self.index, self.mask = builder, index, mask

    def _pointer(self, start: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(start, [self.index]), POINTER)

    def load(self, start: Any) -> Any:
        """Return the elements of the array that starts there; zeros, unread, for those beyond the end."""
        if self.mask is None:
            return self.builder.load(self._pointer(start), align=BYTES)
        kind = ir.FunctionType(VECTOR, [POINTER, PLACE, MASK, VECTOR])
        load = tools.get_or_insert_function(self.builder.module, kind, MASKED_LOAD)
        return self.builder.call(load, [self._pointer(start), ir.Constant(PLACE, BYTES), self.mask, ZEROS])

    def store(self, vector: Any, start: Any) -> None:
        """Write the elements of the array that starts there, none beyond the end."""
        if self.mask is None:
            self.builder.store(vector, self._pointer(start), align=BYTES)
            return
        kind = ir.FunctionType(ir.VoidType(), [VECTOR, POINTER, PLACE, MASK])
        store = tools.get_or_insert_function(self.builder.module, kind, MASKED_STORE)
        self.builder.call(store, [vector, self._pointer(start), ir.Constant(PLACE, BYTES), self.mask])


def _broadcast(builder: Any, value: Any, kind: Any) -> Any:
    """Return a vector with the value in every lane."""
    undefined = ir.Constant(kind, ir.Undefined)
    return builder.shuffle_vector(builder.insert_element(undefined, value, ir.Constant(PLACE, 0)), undefined, FIRST_LANES)


def _each_block(builder: Any, n: Any, work: Callable[[Block], None]) -> None:
    """Give the work on one block to the whole blocks of n elements in turn, then to the incomplete last one."""
    whole = builder.and_(n, ir.Constant(INDEX, -LANES))
    with tools.for_range_slice(builder, ir.Constant(INDEX, 0), whole, ir.Constant(INDEX, LANES), intp=INDEX) as (index, _):
        work(Block(builder, index))
    left = _broadcast(builder, builder.sub(n, whole), INDICES)
    work(Block(builder, whole, builder.icmp_signed("<", ir.Constant(INDICES, list(range(LANES))), left)))


def _sum(builder: Any, a: Any, b: Any) -> Any:
    return builder.fadd(a, b)


def _larger(builder: Any, a: Any, b: Any) -> Any:
    undefined = builder.fcmp_unordered("uno", a, a)
    return builder.select(builder.or_(builder.fcmp_ordered(">", a, b), undefined), a, b)  # NaN, first or second, stays


def _total(builder: Any, vector: Any, join: Callable[[Any, Any, Any], Any] = _sum) -> Any:
    """Return the sum of the lanes, or another joint value: upper half with lower half, three times."""
    half = LANES // 2
    while half > 0:
        kind = ir.VectorType(PLACE, half)
        lower, upper = (ir.Constant(kind, list(range(first, first + half))) for first in (0, half))
        undefined = ir.Constant(vector.type, ir.Undefined)
        halves = (builder.shuffle_vector(vector, undefined, half_of) for half_of in (lower, upper))
        vector = join(builder, *halves)
        half //= 2
    return builder.extract_element(vector, ir.Constant(PLACE, 0))


def _sums(builder: Any, rows: list[Any], vector: Any, n: Any) -> list[Any]:
    """Return, for each row, the sum of its first n products with the vector."""
    partials = [tools.alloca_once_value(builder, ZEROS) for _ in rows]

    def add_products(block: Block) -> None:
        common = block.load(vector)
        for row, partial in zip(rows, partials, strict=True):
            builder.store(builder.fadd(builder.load(partial), builder.fmul(block.load(row), common)), partial)

    for partial in partials:
        builder.store(ZEROS, partial)  # the place is allocated once, where the function begins; a loop comes here often
    _each_block(builder, n, add_products)
    return [_total(builder, builder.load(partial)) for partial in partials]


def _arrays(context: Any, builder: Any, signature: Any, arguments: Any) -> Iterator[Any]:
    """Yield the arrays among the arguments."""
    for kind, argument in zip(signature.args, arguments, strict=True):
        if isinstance(kind, types.Array):
            yield context.make_array(kind)(context, builder, argument)


def _one_sum(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    a, b = _arrays(context, builder, signature, arguments)
    return _sums(builder, [a.data], b.data, arguments[2])[0]


def _four_sums(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    matrix, vector = _arrays(context, builder, signature, arguments)
    width = tools.unpack_tuple(builder, matrix.shape, 2)[1]
    places = [builder.add(arguments[1], ir.Constant(INDEX, row)) for row in range(ROWS)]
    rows = [builder.gep(matrix.data, [builder.mul(place, width)]) for place in places]
    return context.make_tuple(builder, signature.return_type, _sums(builder, rows, vector.data, arguments[3]))


def _combination(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    out, coefficients, matrix = _arrays(context, builder, signature, arguments)
    count, width = tools.unpack_tuple(builder, matrix.shape, 2)
    sum_ = tools.alloca_once_value(builder, ZEROS)

    def add_rows(block: Block) -> None:
        builder.store(block.load(out.data), sum_)
        with tools.for_range(builder, count) as loop:
            factor = _broadcast(builder, builder.load(builder.gep(coefficients.data, [loop.index])), VECTOR)
            row = builder.gep(matrix.data, [builder.mul(loop.index, width)])
            builder.store(builder.fadd(builder.load(sum_), builder.fmul(factor, block.load(row))), sum_)
        block.store(builder.load(sum_), out.data)

    _each_block(builder, tools.unpack_tuple(builder, out.shape, 1)[0], add_rows)
    return context.get_dummy_value()


def _largest(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    (a,) = _arrays(context, builder, signature, arguments)
    absolute = tools.get_or_insert_function(builder.module, ir.FunctionType(VECTOR, [VECTOR]), "llvm.fabs.v8f64")
    largest = tools.alloca_once_value(builder, ZEROS)
    builder.store(ZEROS, largest)

    def compare(block: Block) -> None:
        builder.store(_larger(builder, builder.load(largest), builder.call(absolute, [block.load(a.data)])), largest)

    _each_block(builder, tools.unpack_tuple(builder, a.shape, 1)[0], compare)
    return _total(builder, builder.load(largest), _larger)


def _contiguous(kind: Any, dimensions: int) -> bool:
    """Return whether a type is that of contiguous float64 arrays; compilation stops at another one."""
    return isinstance(kind, types.Array) and (kind.dtype, kind.ndim, kind.layout) == (types.float64, dimensions, "C")


def _type_of_one(_typing: Any, a: Any, b: Any, _n: Any) -> Any:
    return (types.float64(a, b, types.intp), _one_sum) if _contiguous(a, 1) and _contiguous(b, 1) else None


def _type_of_four(_typing: Any, rows: Any, _first: Any, vector: Any, _n: Any) -> Any:
    sums = tuple_type(types.float64, ROWS)
    return (sums(rows, types.intp, vector, types.intp), _four_sums) if _contiguous(rows, 2) and _contiguous(vector, 1) else None


def _type_of_combination(_typing: Any, out: Any, coefficients: Any, rows: Any) -> Any:
    fits = _contiguous(out, 1) and _contiguous(coefficients, 1) and _contiguous(rows, 2)
    return (types.void(out, coefficients, rows), _combination) if fits else None


def _type_of_largest(_typing: Any, a: Any) -> Any:
    return (types.float64(a), _largest) if _contiguous(a, 1) else None


# For compiled code only.
# sum_of_products(a, b, n): the sum of the first n products of two rows.
sum_of_products: Any = intrinsic(_type_of_one)
# four_sums(rows, first, vector, n): the same for the vector and each of rows first, ..., first + 3, as a tuple.
four_sums: Any = intrinsic(_type_of_four)
# add_combination(out, coefficients, rows): add coefficient times row to `out` for each row in turn; out's size counts.
add_combination: Any = intrinsic(_type_of_combination)
# largest(a): the largest absolute element of a row, 0 for an empty one, NaN where there is one.
largest: Any = intrinsic(_type_of_largest)
