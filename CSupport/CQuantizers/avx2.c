// The quantizers for AVX2, FMA and F16C.
#if defined(__x86_64__)
#include <immintrin.h>

#include "quantizers.h"

JK_BEGIN_TARGET("avx2,fma,f16c")

#include "v8-avx2-inl.h"

#include "nearest-avx2-inl.h"

#include "encode-inl.h"
#include "refine-inl.h"

JK_QUANTIZER_TABLE(avx2)

JK_END_TARGET
#endif
