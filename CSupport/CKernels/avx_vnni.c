// The kernels for AVX-VNNI: those of AVX2, but products of tiles take one instruction for four columns, not three.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.h"

JK_BEGIN_TARGET("avx2,fma,f16c,avxvnni")

#include "v8-avx2-inl.h"
#include "bytes-avx2-inl.h"
#include "tiles-inl.h"

JK_INLINE vb vb_add_products(vb sum, vb a, vb b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
JK_INLINE vr vr_set(float x) { return v8_set(x); }
JK_INLINE vr vr_add_scaled_sums(vr s, vb dot, vr scales) { return v8_fma(_mm256_cvtepi32_ps(dot), scales, s); }

#include "vnni-inl.h"

// Attention: keys become unsigned, 128 more than they are; weights are.
enum { ATTEND_BATCH = 4, TILE_QUERIES = 4, TILE_GROUPS = 1, KEY_OFFSET = -128, WEIGHT_BIAS = 0 };
typedef struct {
    vb half[2];
} vq;
typedef vq vs;
JK_INLINE vq vq_set(int32_t x) { return (vq){{vb_set(x), vb_set(x)}}; }
JK_INLINE vq vq_add(vq a, vq b) {
    return (vq){{_mm256_add_epi32(a.half[0], b.half[0]), _mm256_add_epi32(a.half[1], b.half[1])}};
}
JK_INLINE void vq_store(int32_t *p, vq x) {
    v8i_store(p, x.half[0]);
    v8i_store(p + 8, x.half[1]);
}
JK_INLINE vs vs_load_values(const int8_t *p) {
    return (vs){{vb_load_whole((const uint8_t *)p), vb_load_whole((const uint8_t *)p + 32)}};
}
JK_INLINE vs vs_load_keys(const int8_t *p) {
    const vs x = vs_load_values(p);
    const vb sign = vb_set((int32_t)0x80808080);
    return (vs){{vb_xor(x.half[0], sign), vb_xor(x.half[1], sign)}};
}
JK_INLINE vq vq_add_keys(vq sum, vs keys, int32_t four) {
    const vb x = vb_set(four);
    return (vq){{vb_add_products(sum.half[0], keys.half[0], x), vb_add_products(sum.half[1], keys.half[1], x)}};
}
JK_INLINE vq vq_add_values(vq sum, vs values, int32_t four) {
    const vb x = vb_set(four);
    return (vq){{vb_add_products(sum.half[0], x, values.half[0]), vb_add_products(sum.half[1], x, values.half[1])}};
}
JK_INLINE vq vq_add_bias(vq sum, vs values) { return (void)values, sum; }

#include "attention-inl.h"
#include "attention-tiles-inl.h"
#include "attention-codes-inl.h"
#include "floats-inl.h"
#include "mamba-inl.h"
#include "matmul-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

JK_TABLE(avx_vnni)

JK_END_TARGET
#endif
