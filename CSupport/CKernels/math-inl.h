// exp, log1p, softplus and silu: the specification of these, over the vectors of any set.
//
// Tests/KernelTests compares them with the double-precision functions of libm (VectorTests, MambaTests).
// Defined before: the vectors (v8-*-inl.h), kernels.h.
#ifndef JK_MATH_INL_H
#define JK_MATH_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; exp(r) = 1 + r + r^2 P(r). P is of degree 4, fitted to the
// least maximum of the relative error, 4e-9, its terms paired to shorten the chain of operations. The reduction loses
// nothing that counts: n has 8 bits, and an fma does not round n x high. Measured: 1.1e-7 relative.
// Adding 1.5 x 2^23 rounds to an integer that then stands in the low bits, where v8_power_of_two finds it.
// The limits keep n in -126...127: results are normal numbers, or 0. A NaN passes both comparisons as false.
JK_INLINE v8 v8_exp(v8 x) {
    const struct jk_exp_constants *k = &jk_exp_constants;
    v8 z = v8_min(v8_load(k->most), x);
    v8 t = v8_fma(z, v8_load(k->per_ln2), v8_load(k->magic));
    v8 n = v8_sub(t, v8_load(k->magic));
    v8 r = v8_fma(n, v8_load(k->minus_ln2_high), z);
    r = v8_fma(n, v8_load(k->minus_ln2_low), r);
    v8 q = v8_mul(r, r);
    v8 low = v8_fma(r, v8_load(k->c1), v8_load(k->c0));
    v8 high = v8_fma(q, v8_load(k->c4), v8_fma(r, v8_load(k->c3), v8_load(k->c2)));
    v8 p = v8_add(v8_fma(v8_fma(high, q, low), q, r), v8_load(k->one));
    return v8_select(v8_less(x, v8_load(k->least)), v8_set(0.0f), v8_mul(p, v8_power_of_two(t)));
}

// log(1 + u) for 0 <= u <= 1: 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = u / (2 + u) <= 1/3. The first term left
// out is s^17/17, below 2e-9 of the sum.
JK_INLINE v8 v8_log1p(v8 u) {
    v8 s = v8_div(u, v8_add(u, v8_set(2.0f)));
    v8 q = v8_mul(s, s);
    v8 p = v8_set(2.0f / 15);
    p = v8_fma(p, q, v8_set(2.0f / 13));
    p = v8_fma(p, q, v8_set(2.0f / 11));
    p = v8_fma(p, q, v8_set(2.0f / 9));
    p = v8_fma(p, q, v8_set(2.0f / 7));
    p = v8_fma(p, q, v8_set(2.0f / 5));
    p = v8_fma(p, q, v8_set(2.0f / 3));
    p = v8_fma(p, q, v8_set(2.0f));
    return v8_mul(p, s);
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)); x itself above 20, as in PyTorch.
JK_INLINE v8 v8_softplus(v8 x) {
    const v8 zero = v8_set(0.0f);
    v8 y = v8_add(v8_max(x, zero), v8_log1p(v8_exp(v8_sub(zero, v8_abs(x)))));
    return v8_select(v8_less(v8_set(20.0f), x), x, y);
}

// x / (1 + exp(-x))
JK_INLINE v8 v8_silu(v8 x) {
    return v8_div(x, v8_add(v8_set(1.0f), v8_exp(v8_sub(v8_set(0.0f), x))));
}

#endif
