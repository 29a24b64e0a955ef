// The kernels for AMX with int8: those of AVX-512 with VBMI, but products of many tokens go through tile registers.
#if defined(__x86_64__)
#include <immintrin.h>

#include "kernels.h"

JK_BEGIN_TARGET("avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq,avx512vnni,avx512vbmi,amx-tile,amx-int8")

#define VB_LOOSE
#define TILE_REGISTERS
#include "avx512-inl.h"

JK_TABLE(amx)

JK_END_TARGET
#endif
