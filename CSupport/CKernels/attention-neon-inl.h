// The registers of attention-tiles-inl.h on 64-bit ARM.
//
// Defined before: neon-inl.h, and add_products of the set.
#ifndef JK_ATTENTION_NEON_INL_H
#define JK_ATTENTION_NEON_INL_H

// Weights, up to 254, are taken for 127 less: signed bytes as those of keys, values and queries are.
enum { ATTEND_BATCH = 4, TILE_QUERIES = 4, TILE_GROUPS = 1, KEY_OFFSET = 0, WEIGHT_BIAS = 127 };

typedef struct {
    int32x4_t four[4];
} vq;

typedef struct {
    int8x16_t four[4];
} vs;

JK_INLINE vq vq_set(int32_t x) {
    const int32x4_t lanes = vdupq_n_s32(x);
    return (vq){{lanes, lanes, lanes, lanes}};
}
JK_INLINE vq vq_add(vq a, vq b) {
    JK_UNROLL for (int i = 0; i < 4; i++) a.four[i] = vaddq_s32(a.four[i], b.four[i]);
    return a;
}
JK_INLINE void vq_store(int32_t *p, vq x) {
    JK_UNROLL for (int i = 0; i < 4; i++) vst1q_s32(p + 4 * i, x.four[i]);
}
JK_INLINE vs vs_load_keys(const int8_t *p) {
    return (vs){{vld1q_s8(p), vld1q_s8(p + 16), vld1q_s8(p + 32), vld1q_s8(p + 48)}};
}
JK_INLINE vs vs_load_values(const int8_t *p) { return vs_load_keys(p); }
JK_INLINE vq add_code_products(vq sum, vs codes, int8x16_t x) {
    JK_UNROLL for (int i = 0; i < 4; i++) sum.four[i] = add_products(sum.four[i], codes.four[i], x, 0);
    return sum;
}
JK_INLINE vq vq_add_keys(vq sum, vs keys, int32_t four) {
    return add_code_products(sum, keys, vreinterpretq_s8_s32(vdupq_n_s32(four)));
}
JK_INLINE vq vq_add_values(vq sum, vs values, int32_t four) {
    return add_code_products(sum, values, vsubq_s8(vreinterpretq_s8_s32(vdupq_n_s32(four)), vdupq_n_s8(WEIGHT_BIAS)));
}
JK_INLINE vq vq_add_bias(vq sum, vs values) { return add_code_products(sum, values, vdupq_n_s8(WEIGHT_BIAS)); }

#endif
