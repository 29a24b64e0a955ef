// Stands before the compiler's immintrin.h where the kernels of AVX-VNNI, AVX-512 and AMX are to run on a machine that has
// AVX2 alone: SIMDe emulates what is newer, and tiles.h tile registers, in the test of Tests/KernelSets.
#ifndef EMULATED_IMMINTRIN_H
#define EMULATED_IMMINTRIN_H

#include_next <immintrin.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

// What SIMDe 0.7.4 lacks, by halves.
#undef _mm256_dpbusd_avx_epi32
#define _mm256_dpbusd_avx_epi32(sum, a, b) simde_mm256_dpbusd_epi32(sum, a, b)

static inline __attribute__((unused)) simde__m512 emulated_cvtepi32_ps(simde__m512i a) {
    simde__m512i_private from = simde__m512i_to_private(a);
    simde__m512_private to;
    for (int i = 0; i < 16; i++) to.f32[i] = (float)from.i32[i];
    return simde__m512_from_private(to);
}
#undef _mm512_cvtepi32_ps
#define _mm512_cvtepi32_ps(a) emulated_cvtepi32_ps(a)

static inline __attribute__((unused)) simde__m512i emulated_cvtepi8_epi32(__m128i a) {
    int8_t from[16];
    _mm_storeu_si128((__m128i *)(void *)from, a);
    simde__m512i_private to;
    for (int i = 0; i < 16; i++) to.i32[i] = from[i];
    return simde__m512i_from_private(to);
}
#undef _mm512_cvtepi8_epi32
#define _mm512_cvtepi8_epi32(a) emulated_cvtepi8_epi32(a)

static inline __attribute__((unused)) simde__m512 emulated_maskz_loadu_ps(simde__mmask16 mask, const float *p) {
    simde__m512_private to;
    for (int i = 0; i < 16; i++) to.f32[i] = mask >> i & 1 ? p[i] : 0.0f;
    return simde__m512_from_private(to);
}
#undef _mm512_maskz_loadu_ps
#define _mm512_maskz_loadu_ps(mask, p) emulated_maskz_loadu_ps(mask, p)

static inline __attribute__((unused)) void emulated_mask_storeu_ps(float *p, simde__mmask16 mask, simde__m512 a) {
    simde__m512_private from = simde__m512_to_private(a);
    for (int i = 0; i < 16; i++)
        if (mask >> i & 1) p[i] = from.f32[i];
}
#undef _mm512_mask_storeu_ps
#define _mm512_mask_storeu_ps(p, mask, a) emulated_mask_storeu_ps(p, mask, a)

// SIMDe fuses nothing where AVX-512 is emulated.
static inline __attribute__((unused)) simde__m512 emulated_fmadd_ps(simde__m512 a, simde__m512 b, simde__m512 c) {
    const simde__m512_private x = simde__m512_to_private(a), y = simde__m512_to_private(b);
    simde__m512_private z = simde__m512_to_private(c);
    for (int i = 0; i < 16; i++) z.f32[i] = __builtin_fmaf(x.f32[i], y.f32[i], z.f32[i]);
    return simde__m512_from_private(z);
}
#undef _mm512_fmadd_ps
#define _mm512_fmadd_ps(a, b, c) emulated_fmadd_ps(a, b, c)

// AMX's tile registers.
#include "../tiles.h"

#define _tile_loadconfig(memory) emulated_loadconfig(memory)
#define _tile_release() emulated_release()
#undef _tile_zero
#define _tile_zero(number) emulated_zero(number)
#undef _tile_loadd
#define _tile_loadd(number, memory, stride) emulated_loadd(number, memory, (long)(stride))
#undef _tile_stored
#define _tile_stored(number, memory, stride) emulated_stored(number, memory, (long)(stride))
#undef _tile_dpbssd
#define _tile_dpbssd(sums, a, b) emulated_dpbssd(sums, a, b)

#endif
