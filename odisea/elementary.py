"""Exponential, logarithm, sine and cosine that give the same bits on every machine and vectorise in compiled loops.

The C library's functions differ in the last bit between machines and stop the compiler from using vector instructions.
These use one argument reduction and one fixed polynomial each (coefficients: fdlibm, e_log.c, k_sin.c and k_cos.c, Sun
Microsystems 1993; the exponential uses its Taylor series to degree 13, whose remainder on |r| <= ln(2)/2 is below
4e-18). The error is below 2 units in the last place over the ranges that the simulator uses; a test holds them to it.
"""

import numpy as np

from odisea.compiled import inlined

LN2_HIGH = 6.93147180369123816490e-01
LN2_LOW = 1.90821492927058770002e-10
INVERSE_LN2 = 1.44269504088896338700
ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it leaves the nearest integer in the low bits
ROUNDER_BITS = 4843621399236968448  # the same number read as an integer
QUARTER_TURN = 1.57079632679489661923


@inlined
def exponential(x: float) -> float:
    """Return e**x for -700 <= x <= 700 (values outside are taken as the nearest bound)."""
    bounded = min(max(x, -700.0), 700.0)
    shifted = bounded * INVERSE_LN2 + ROUNDER
    k = shifted - ROUNDER
    r = (bounded - k * LN2_HIGH) - k * LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * r + 1.0 / 479001600.0
    p = p * r + 1.0 / 39916800.0
    p = p * r + 1.0 / 3628800.0
    p = p * r + 1.0 / 362880.0
    p = p * r + 1.0 / 40320.0
    p = p * r + 1.0 / 5040.0
    p = p * r + 1.0 / 720.0
    p = p * r + 1.0 / 120.0
    p = p * r + 1.0 / 24.0
    p = p * r + 1.0 / 6.0
    p = p * r + 0.5
    p = p * r + 1.0
    p = p * r + 1.0
    power = (np.float64(shifted).view(np.int64) - ROUNDER_BITS + 1023) << 52
    return p * np.int64(power).view(np.float64)


@inlined
def logarithm(x: float) -> float:
    """Return the natural logarithm of a normal number x > 0."""
    bits = np.float64(x).view(np.int64)
    # The offset moves mantissas above sqrt(2) to the next exponent, so that f lies in [sqrt(1/2)-1, sqrt(2)-1].
    exponent = (bits - 4604544271217802189) >> 52
    f = np.int64(bits - (exponent << 52)).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)))
    half_square = 0.5 * f * f
    k = np.float64(exponent)
    return k * LN2_HIGH - ((half_square - (s * (half_square + even + odd) + k * LN2_LOW)) - f)


@inlined
def cosine_sine(turns: np.uint64) -> tuple[float, float]:
    """Return cosine and sine of the angle 2 pi (turns + 1/2) / 2**32 for an unsigned 32-bit number of turns."""
    whole = np.int64(turns)
    quarter = (whole + 536870912) >> 30
    angle = (np.float64(whole - (quarter << 30)) + 0.5) * (QUARTER_TURN / 1073741824.0)
    z = angle * angle
    sine = angle + angle * z * (
        -1.66666666666666324348e-01
        + z
        * (
            8.33333333332248946124e-03
            + z
            * (
                -1.98412698298579493134e-04
                + z * (2.75573137070700676789e-06 + z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10))
            )
        )
    )
    cosine = (
        1.0
        - 0.5 * z
        + z
        * z
        * (
            4.16666666666666019037e-02
            + z
            * (
                -1.38888888888741095749e-03
                + z
                * (
                    2.48015872894767294178e-05
                    + z * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))
                )
            )
        )
    )
    odd_quarter = (quarter & 1) == 1
    first = sine if odd_quarter else cosine
    second = cosine if odd_quarter else sine
    first = -first if ((quarter + 1) & 2) == 2 else first
    second = -second if (quarter & 2) == 2 else second
    return first, second
