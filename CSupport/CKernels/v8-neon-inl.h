// The vectors of the ARM sets: 8 floats in two registers, and operations on them that give the bits of those in
// v8-scalar-inl.h. Included behind <arm_neon.h> and base.h.
#define JK_V8

typedef struct {
    float32x4_t low, high;
} v8;

typedef struct {
    int32x4_t low, high;
} v8i;

// An operation on vectors from one on registers.
#define V8_UNARY(name, result, argument, half) \
    JK_INLINE result name(argument a) { return (result){half(a.low), half(a.high)}; }
#define V8_BINARY(name, result, argument, half) \
    JK_INLINE result name(argument a, argument b) { return (result){half(a.low, b.low), half(a.high, b.high)}; }

// With a NaN on either side, these two give b.
JK_INLINE float32x4_t half_max(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
JK_INLINE float32x4_t half_min(float32x4_t a, float32x4_t b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
JK_INLINE float32x4_t half_less(float32x4_t a, float32x4_t b) { return vreinterpretq_f32_u32(vcltq_f32(a, b)); }
JK_INLINE float32x4_t half_power_of_two(float32x4_t t) {
    const int32x4_t exponent = vshlq_n_s32(vreinterpretq_s32_f32(t), 23);
    return vreinterpretq_f32_s32(vaddq_s32(exponent, vdupq_n_s32(0x3F800000)));
}
JK_INLINE float32x4_t half_select(float32x4_t mask, float32x4_t a, float32x4_t b) {
    return vbslq_f32(vreinterpretq_u32_f32(mask), a, b);
}

V8_BINARY(v8_add, v8, v8, vaddq_f32)
V8_BINARY(v8_sub, v8, v8, vsubq_f32)
V8_BINARY(v8_mul, v8, v8, vmulq_f32)
V8_BINARY(v8_div, v8, v8, vdivq_f32)
V8_BINARY(v8_max, v8, v8, half_max)
V8_BINARY(v8_min, v8, v8, half_min)
V8_BINARY(v8_less, v8, v8, half_less)
V8_BINARY(v8i_add, v8i, v8i, vaddq_s32)
V8_UNARY(v8_sqrt, v8, v8, vsqrtq_f32)
V8_UNARY(v8_abs, v8, v8, vabsq_f32)
V8_UNARY(v8_round, v8i, v8, vcvtnq_s32_f32)
V8_UNARY(v8i_float, v8, v8i, vcvtq_f32_s32)
V8_UNARY(v8_power_of_two, v8, v8, half_power_of_two)

JK_INLINE v8 v8_set(float x) { return (v8){vdupq_n_f32(x), vdupq_n_f32(x)}; }
JK_INLINE v8 v8_load(const float *p) { return (v8){vld1q_f32(p), vld1q_f32(p + 4)}; }
JK_INLINE v8 v8_fma(v8 a, v8 b, v8 c) {
    return (v8){vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}
JK_INLINE v8 v8_select(v8 mask, v8 a, v8 b) {
    return (v8){half_select(mask.low, a.low, b.low), half_select(mask.high, a.high, b.high)};
}
JK_INLINE void v8_store(float *p, v8 x) {
    vst1q_f32(p, x.low);
    vst1q_f32(p + 4, x.high);
}
JK_INLINE void v8i_store(int32_t *p, v8i x) {
    vst1q_s32(p, x.low);
    vst1q_s32(p + 4, x.high);
}

JK_INLINE v8i v8i_load(const int32_t *p) { return (v8i){vld1q_s32(p), vld1q_s32(p + 4)}; }

JK_INLINE float v8_sum(v8 x) {
    const float32x4_t four = vaddq_f32(x.low, x.high);
    return vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)));
}

JK_INLINE float v8_maximum(v8 x) {
    const float32x4_t four = half_max(x.low, x.high), two = half_max(four, vextq_f32(four, four, 2));
    return vgetq_lane_f32(half_max(two, vdupq_laneq_f32(two, 1)), 0);
}

JK_INLINE int32_t v8i_sum(v8i x) { return vaddvq_s32(vaddq_s32(x.low, x.high)); }

JK_INLINE void v8i_pack(int8_t *p, const v8i x[4]) {
    for (int k = 0; k < 4; k++)
        vst1_s8(p + 8 * k, vqmovn_s16(vcombine_s16(vqmovn_s32(x[k].low), vqmovn_s32(x[k].high))));
}

JK_INLINE void v8i_pack_unsigned(uint8_t *p, const v8i x[4]) {
    for (int k = 0; k < 4; k++)
        vst1_u8(p + 8 * k, vqmovun_s16(vcombine_s16(vqmovn_s32(x[k].low), vqmovn_s32(x[k].high))));
}

JK_INLINE v8 v8_load_f16(const uint16_t *p) {
    const uint16x8_t halves = vld1q_u16(p);
    return (v8){vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(halves))),
                vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(halves)))};
}

JK_INLINE void v8_store_f16(uint16_t *p, v8 x) {
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x.low)));
    vst1_u16(p + 4, vreinterpret_u16_f16(vcvt_f16_f32(x.high)));
}

JK_INLINE v8 v8_load_bf16(const uint16_t *p) {
    const uint16x8_t halves = vld1q_u16(p);
    return (v8){vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16)),
                vreinterpretq_f32_u32(vshll_n_u16(vget_high_u16(halves), 16))};
}

JK_INLINE v8 v8_load_i8(const int8_t *p) {
    const int16x8_t words = vmovl_s8(vld1_s8(p));
    return (v8){vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(words)))};
}

JK_INLINE v8 v8_load_scales(const uint8_t *p) {
    uint32_t stored;
    memcpy(&stored, p, sizeof stored);
    const uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(stored));
    const uint8x8_t indices = vzip1_u8(vand_u8(bytes, vdup_n_u8(15)), vshr_n_u8(bytes, 4));
    const int16x8_t words = vmovl_s8(vqtbl1_s8(vld1q_s8(jk_scale_grid), indices));
    return (v8){vcvtq_f32_s32(vmovl_s16(vget_low_s16(words))), vcvtq_f32_s32(vmovl_s16(vget_high_s16(words)))};
}

// A column of double sums, rows by twos.
typedef struct {
    float64x2_t two[4];
} d8;

JK_INLINE d8 d8_zero(void) {
    const float64x2_t zero = vdupq_n_f64(0);
    return (d8){{zero, zero, zero, zero}};
}

JK_INLINE d8 d8_add(d8 a, d8 b) {
    JK_UNROLL for (int i = 0; i < 4; i++) a.two[i] = vaddq_f64(a.two[i], b.two[i]);
    return a;
}

JK_INLINE v8 d8_float(d8 a) {
    return (v8){vcvt_high_f32_f64(vcvt_f32_f64(a.two[0]), a.two[1]),
                vcvt_high_f32_f64(vcvt_f32_f64(a.two[2]), a.two[3])};
}

JK_INLINE d8 d8_add_product(d8 sum, v8 a, float b) {
    const float64x2_t factor = vdupq_n_f64(b);
    return (d8){{vfmaq_f64(sum.two[0], vcvt_f64_f32(vget_low_f32(a.low)), factor),
                 vfmaq_f64(sum.two[1], vcvt_high_f64_f32(a.low), factor),
                 vfmaq_f64(sum.two[2], vcvt_f64_f32(vget_low_f32(a.high)), factor),
                 vfmaq_f64(sum.two[3], vcvt_high_f64_f32(a.high), factor)}};
}

// ---------------------------------------------------------------------------------------------- for products of tiles

// A grid's codes, as a tile's indices look them up.
JK_INLINE int8x16_t load_codes(const uint8_t grid[16]) {
    return vsubq_s8(vreinterpretq_s8_u8(vld1q_u8(grid)), vdupq_n_s8(64));
}

// Element k of row i becomes element i of row k, for 4 rows of 8 that become 8 of 4: two such rows a vector.
JK_INLINE void v8_transpose(v8 x[4]) {
    const float32x4x2_t a = vtrnq_f32(x[0].low, x[1].low), b = vtrnq_f32(x[2].low, x[3].low);
    const float32x4x2_t c = vtrnq_f32(x[0].high, x[1].high), d = vtrnq_f32(x[2].high, x[3].high);
    JK_UNROLL for (int i = 0; i < 2; i++) {
        const float32x4x2_t pair = i == 0 ? a : c, other = i == 0 ? b : d;
        x[2 * i] = (v8){vcombine_f32(vget_low_f32(pair.val[0]), vget_low_f32(other.val[0])),
                        vcombine_f32(vget_low_f32(pair.val[1]), vget_low_f32(other.val[1]))};
        x[2 * i + 1] = (v8){vcombine_f32(vget_high_f32(pair.val[0]), vget_high_f32(other.val[0])),
                            vcombine_f32(vget_high_f32(pair.val[1]), vget_high_f32(other.val[1]))};
    }
}
