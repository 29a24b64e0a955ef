// Vectors of 8 floats in plain C: the specification of every operation on them. The other sets' (v8-avx2-inl.h,
// v8-neon-inl.h) give the same bits, for an operation is one IEEE operation a lane; lanes never mix except in v8_sum,
// v8_maximum and v8i_sum, whose trees are fixed. Included behind base.h.
#define JK_V8

typedef struct {
    float lane[8];
} v8;

typedef struct {
    int32_t lane[8];
} v8i;

#define EACH_LANE for (int i = 0; i < 8; i++)
#define V8_OPERATION(name, parameters, expression) \
    JK_INLINE v8 name parameters {                 \
        v8 y;                                      \
        EACH_LANE y.lane[i] = expression;          \
        return y;                                  \
    }

V8_OPERATION(v8_set, (float x), x)
V8_OPERATION(v8_load, (const float *p), p[i])
V8_OPERATION(v8_add, (v8 a, v8 b), a.lane[i] + b.lane[i])
V8_OPERATION(v8_sub, (v8 a, v8 b), a.lane[i] - b.lane[i])
V8_OPERATION(v8_mul, (v8 a, v8 b), a.lane[i] * b.lane[i])
V8_OPERATION(v8_div, (v8 a, v8 b), a.lane[i] / b.lane[i])
V8_OPERATION(v8_fma, (v8 a, v8 b, v8 c), fmaf(a.lane[i], b.lane[i], c.lane[i]))
V8_OPERATION(v8_sqrt, (v8 a), sqrtf(a.lane[i]))
V8_OPERATION(v8_abs, (v8 a), jk_float(jk_bits(a.lane[i]) & 0x7FFFFFFF))
// With a NaN on either side, these two give b.
V8_OPERATION(v8_max, (v8 a, v8 b), a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i])
V8_OPERATION(v8_min, (v8 a, v8 b), a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i])
// A lane with all bits set or none, for v8_select.
V8_OPERATION(v8_less, (v8 a, v8 b), jk_float(a.lane[i] < b.lane[i] ? 0xFFFFFFFF : 0))
V8_OPERATION(v8_select, (v8 mask, v8 a, v8 b), jk_bits(mask.lane[i]) ? a.lane[i] : b.lane[i])
// 2^n for t = n + 1.5 x 2^23, -126 <= n <= 127: the low bits of t are those of n.
V8_OPERATION(v8_power_of_two, (v8 t), jk_float((jk_bits(t.lane[i]) << 23) + 0x3F800000))
V8_OPERATION(v8i_float, (v8i a), (float)a.lane[i])

JK_INLINE void v8_store(float *p, v8 x) { EACH_LANE p[i] = x.lane[i]; }
JK_INLINE void v8i_store(int32_t *p, v8i x) { EACH_LANE p[i] = x.lane[i]; }

// ((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))
JK_INLINE float v8_sum(v8 x) {
    const float *l = x.lane;
    return ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]));
}

JK_INLINE float scalar_max(float a, float b) { return a > b ? a : b; }

// The same tree.
JK_INLINE float v8_maximum(v8 x) {
    const float *l = x.lane;
    return scalar_max(scalar_max(scalar_max(l[0], l[4]), scalar_max(l[2], l[6])),
                      scalar_max(scalar_max(l[1], l[5]), scalar_max(l[3], l[7])));
}

// To the nearest integer, ties to even, for |x| < 2^22.
JK_INLINE v8i v8_round(v8 x) {
    v8i y;
    EACH_LANE y.lane[i] = (int32_t)(jk_bits(x.lane[i] + 12582912.0f) - 0x4B400000);
    return y;
}

JK_INLINE v8i v8i_add(v8i a, v8i b) {
    EACH_LANE a.lane[i] += b.lane[i];
    return a;
}

JK_INLINE v8i v8i_load(const int32_t *p) {
    v8i y;
    EACH_LANE y.lane[i] = p[i];
    return y;
}

JK_INLINE int32_t v8i_sum(v8i a) {
    int32_t sum = 0;
    EACH_LANE sum += a.lane[i];
    return sum;
}

// 32 integers within -128...127 as bytes.
JK_INLINE void v8i_pack(int8_t *p, const v8i x[4]) {
    for (int k = 0; k < 4; k++) EACH_LANE p[8 * k + i] = (int8_t)x[k].lane[i];
}

// 32 integers within 0...255 as bytes.
JK_INLINE void v8i_pack_unsigned(uint8_t *p, const v8i x[4]) {
    for (int k = 0; k < 4; k++) EACH_LANE p[8 * k + i] = (uint8_t)x[k].lane[i];
}

// Half to float, exactly. A subnormal half is its 10 bits times 2^-24.
JK_INLINE float half_to_float(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 0x1F, fraction = half & 0x3FF;
    if (exponent == 31) return jk_float(sign | 0x7F800000 | (fraction ? 0x400000 | fraction << 13 : 0));
    if (exponent == 0) return jk_float(sign | jk_bits((float)fraction * 0x1p-24f));
    return jk_float(sign | (exponent + 112) << 23 | fraction << 13);
}

// Float to half, to nearest, ties to even. From 65520 on: infinity.
JK_INLINE uint16_t float_to_half(float x) {
    const uint32_t sign = jk_bits(x) >> 16 & 0x8000, magnitude = jk_bits(x) & 0x7FFFFFFF;
    if (magnitude > 0x7F800000) return (uint16_t)(sign | 0x7E00);
    if (magnitude >= 0x477FF000) return (uint16_t)(sign | 0x7C00);
    // Below 2^-14 a half has steps of 2^-24: adding 0.5, whose last bit is 2^-24, rounds there.
    if (magnitude < 0x38800000) return (uint16_t)(sign | (jk_bits(jk_float(magnitude) + 0.5f) - 0x3F000000));
    const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return (uint16_t)(sign | (rounded - 0x38000000) >> 13);
}

V8_OPERATION(v8_load_f16, (const uint16_t *p), half_to_float(p[i]))
JK_INLINE void v8_store_f16(uint16_t *p, v8 x) { EACH_LANE p[i] = float_to_half(x.lane[i]); }

V8_OPERATION(v8_load_i8, (const int8_t *p), (float)p[i])
V8_OPERATION(v8_load_scales, (const uint8_t *p), (float)jk_scale_grid[p[i / 2] >> i % 2 * 4 & 15])
