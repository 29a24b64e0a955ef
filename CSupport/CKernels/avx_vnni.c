// The kernels for AVX-VNNI: those of AVX2, but products of tiles take one instruction for four columns, not three.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.h"

JK_BEGIN_TARGET("avx2,fma,f16c,avxvnni")

#include "v8-avx2-inl.h"
#include "tiles-inl.h"

typedef __m256i vb;

JK_INLINE vb vb_load_whole(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
JK_INLINE vb vb_load(const uint8_t *p, size_t beside) { return (void)beside, vb_load_whole(p); }
JK_INLINE void vb_store_whole(uint8_t *p, vb x) { _mm256_storeu_si256((__m256i *)(void *)p, x); }
JK_INLINE vb vb_set(int32_t x) { return _mm256_set1_epi32(x); }
JK_INLINE vb vb_broadcast(const int8_t *p) { return vb_set(load_four(p)); }
JK_INLINE vb vb_xor(vb a, vb b) { return _mm256_xor_si256(a, b); }
JK_INLINE vb vb_and(vb a, vb b) { return _mm256_and_si256(a, b); }
JK_INLINE vb vb_shift_right_4(vb a) { return _mm256_srli_epi16(a, 4); }
JK_INLINE vb vb_shuffle(vb table, vb index) { return _mm256_shuffle_epi8(table, index); }
JK_INLINE vb vb_grid(void) { return _mm256_broadcastsi128_si256(load_grid()); }
JK_INLINE vb vb_add_products(vb sum, vb a, vb b) { return _mm256_dpbusd_avx_epi32(sum, a, b); }
JK_INLINE vr vr_set(float x) { return v8_set(x); }
JK_INLINE vr vr_add_scaled_sums(vr s, vb dot, vr scales) { return v8_fma(_mm256_cvtepi32_ps(dot), scales, s); }

#include "vnni-inl.h"

#include "attention-inl.h"
#include "floats-inl.h"
#include "mamba-inl.h"
#include "matmul-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

JK_TABLE(avx_vnni)

JK_END_TARGET
#endif
