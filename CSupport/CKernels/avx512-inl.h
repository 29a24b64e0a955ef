// The kernels for AVX-512 with its VL, BW, DQ and VNNI: vectors of 8 lanes as in AVX2, but products of tiles take two
// strips at once, so that one register of weights, 4 columns x 16 rows, meets a broadcast dword of codes.
//
// Defined before: VB_LOOSE where VBMI looks up bytes; TILE_REGISTERS where there is AMX.
#ifndef JK_AVX512_INL_H
#define JK_AVX512_INL_H

#include "v8-avx2-inl.h"

#define VR_STRIPS 2
#define MOST_TOGETHER 8
typedef __m512 vr;

JK_INLINE __mmask16 first_lanes(size_t n) { return (__mmask16)((1u << n) - 1); }
JK_INLINE vr vr_zero(void) { return _mm512_setzero_ps(); }
JK_INLINE vr vr_set(float x) { return _mm512_set1_ps(x); }
JK_INLINE vr vr_mul(vr a, vr b) { return _mm512_mul_ps(a, b); }
JK_INLINE vr vr_load_first(const float *p, size_t n) { return _mm512_maskz_loadu_ps(first_lanes(n), p); }
JK_INLINE void vr_store_first(float *p, size_t n, vr x) { _mm512_mask_storeu_ps(p, first_lanes(n), x); }
JK_INLINE vr vr_keep_first(vr x, size_t n) { return _mm512_maskz_mov_ps(first_lanes(n), x); }
JK_INLINE vr vr_load_rows(const float *p, size_t beside) {
    const v8 upper = v8_load((const float *)(const void *)((const uint8_t *)p + beside));
    return _mm512_insertf32x8(_mm512_castps256_ps512(v8_load(p)), upper, 1);
}
JK_INLINE vr vr_load_i8(const int8_t *p, size_t beside) {
    const __m128i lower = _mm_loadl_epi64((const __m128i *)(const void *)p);
    const __m128i upper = _mm_loadl_epi64((const __m128i *)(const void *)(p + beside));
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_unpacklo_epi64(lower, upper)));
}
// The grid in a register: of an index, the instruction takes the lowest four bits alone.
JK_INLINE vr vr_load_scales(const uint8_t *p, size_t beside) {
    int32_t lower, upper;
    memcpy(&lower, p, sizeof lower);
    memcpy(&upper, p + beside, sizeof upper);
    const __m512i stored = _mm512_inserti64x4(_mm512_set1_epi32(lower), _mm256_set1_epi32(upper), 1);
    const __m512i counts = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
    const __m128i grid = _mm_loadu_si128((const __m128i *)(const void *)jk_scale_grid);
    return _mm512_permutexvar_ps(_mm512_srlv_epi32(stored, counts), _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(grid)));
}

#include "tiles-inl.h"

typedef __m512i vb;

JK_INLINE vb vb_load_whole(const uint8_t *p) { return _mm512_loadu_si512(p); }
JK_INLINE vb vb_load(const uint8_t *p, size_t beside) {
    const __m256i lower = _mm256_loadu_si256((const __m256i *)(const void *)p);
    const __m256i upper = _mm256_loadu_si256((const __m256i *)(const void *)(p + beside));
    return _mm512_inserti64x4(_mm512_castsi256_si512(lower), upper, 1);
}
JK_INLINE void vb_store_whole(uint8_t *p, vb x) { _mm512_storeu_si512(p, x); }
JK_INLINE vb vb_set(int32_t x) { return _mm512_set1_epi32(x); }
JK_INLINE vb vb_broadcast(const int8_t *p) { return vb_set(load_four(p)); }
JK_INLINE vb vb_xor(vb a, vb b) { return _mm512_xor_si512(a, b); }
JK_INLINE vb vb_and(vb a, vb b) { return _mm512_and_si512(a, b); }
JK_INLINE vb vb_or(vb a, vb b) { return _mm512_or_si512(a, b); }
JK_INLINE vb vb_shift_right(vb a, int count) { return _mm512_srl_epi16(a, _mm_cvtsi32_si128(count)); }
JK_INLINE vb vb_shift_left(vb a, int count) { return _mm512_sll_epi16(a, _mm_cvtsi32_si128(count)); }
JK_INLINE vb vb_add_bytes(vb a, vb b) { return _mm512_add_epi8(a, b); }
JK_INLINE vb vb_rotate(vb a) { return _mm512_ror_epi32(a, 8); }
JK_INLINE vb vb_grid(const uint8_t grid[16]) { return _mm512_broadcast_i32x4(load_grid(grid)); }
JK_INLINE vb vb_add_products(vb sum, vb a, vb b) { return _mm512_dpbusd_epi32(sum, a, b); }
JK_INLINE vr vr_add_scaled_sums(vr s, vb dot, vr scales) { return _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), scales, s); }

#ifdef VB_LOOSE
// A grid stands four times in a register, so that an index needs no mask; int6 weights have a table of 64.
JK_INLINE vb vb_shuffle(vb table, vb index) { return _mm512_permutexvar_epi8(index, table); }
JK_INLINE vb vb_low(vb a) { return a; }
JK_INLINE vb vb_join(vb a, vb b, int from, int bits) {
    (void)bits;
    const vb lower = vb_set((int32_t)(0x01010101u * ((1u << from) - 1)));
    return _mm512_ternarylogic_epi32(lower, a, b, 0xca);  // lower ? a : b
}
JK_INLINE vb vb_i6(vb stored) {
    uint8_t table[64];
    for (size_t i = 0; i < sizeof table; i++) table[i] = (uint8_t)(i + 32);
    return vb_shuffle(vb_load_whole(table), stored);
}
#else
JK_INLINE vb vb_shuffle(vb table, vb index) { return _mm512_shuffle_epi8(table, index); }
#endif

#include "vnni-inl.h"

// Attention: keys become unsigned, 128 more than they are; weights are.
enum { ATTEND_BATCH = 4, TILE_QUERIES = 4, TILE_GROUPS = 4, KEY_OFFSET = -128, WEIGHT_BIAS = 0 };
typedef vb vq;
typedef vb vs;
JK_INLINE vq vq_set(int32_t x) { return vb_set(x); }
JK_INLINE vq vq_add(vq a, vq b) { return _mm512_add_epi32(a, b); }
JK_INLINE void vq_store(int32_t *p, vq x) { _mm512_storeu_si512(p, x); }
JK_INLINE vs vs_load_keys(const int8_t *p) { return vb_xor(_mm512_loadu_si512(p), vb_set((int32_t)0x80808080)); }
JK_INLINE vs vs_load_values(const int8_t *p) { return _mm512_loadu_si512(p); }
JK_INLINE vq vq_add_keys(vq sum, vs keys, int32_t four) { return vb_add_products(sum, keys, vb_set(four)); }
JK_INLINE vq vq_add_values(vq sum, vs values, int32_t four) { return vb_add_products(sum, vb_set(four), values); }
JK_INLINE vq vq_add_bias(vq sum, vs values) { return (void)values, sum; }

#include "attention-inl.h"
#include "attention-tiles-inl.h"
#include "attention-codes-inl.h"
#include "floats-inl.h"
#include "mamba-inl.h"
#include "matmul-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

#endif
