// The kernels for AVX-512 without VBMI.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.h"

JK_BEGIN_TARGET("avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni")

#include "avx512-inl.h"

JK_TABLE(avx512)

JK_END_TARGET
#endif
