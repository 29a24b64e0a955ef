// The quantizers for AVX-512: those of AVX2, with twice the registers.
#if defined(__x86_64__)
#include <immintrin.h>

#include "quantizers.h"

JK_BEGIN_TARGET("avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")

#include "v8-avx2-inl.h"

#include "nearest-avx2-inl.h"

#include "encode-inl.h"
#include "refine-inl.h"

JK_QUANTIZER_TABLE(avx512)

JK_END_TARGET
#endif
