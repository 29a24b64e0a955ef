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

#include "attention-inl.h"
#include "floats-inl.h"
#include "mamba-inl.h"
#include "matmul-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

JK_TABLE(avx_vnni)

JK_END_TARGET
#endif
