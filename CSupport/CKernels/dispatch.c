// Which kernels this machine runs. Nothing is kept: asking for the processor's features again costs little.
#define _DEFAULT_SOURCE  // syscall, where the compiler is asked for strict C11

#include "kernels.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#if defined(__x86_64__)
// These ask the operating system's consent, too: whether it saves the registers that a set uses (XCR0).
static bool has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

static bool has_avx512(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}

static bool has_avx512_vbmi(void) { return has_avx2() && has_avx512() && __builtin_cpu_supports("avx512vbmi"); }

#if defined(__linux__)
// Whether the system lets this process have tile registers. It saves them for who has asked alone, as they take 8 KiB; a process
// that has asked gets the same answer again. It refuses where an alternate signal stack of a thread is too small for them, and such a
// stack is refused from then on.
static bool may_use_tiles(void) {
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}

// Compilers came late to these names in __builtin_cpu_supports. In XCR0 the system says whether it saves the registers' shapes, and
// what is in them. (That there is XGETBV at all follows from AVX-512, which is asked for before.)
static bool has_amx_int8(void) {
    enum { LEAF = 7, AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25, TILES = 1 << 17 | 1 << 18 };
    unsigned int a, b, c, d, low, high;
    if (!__get_cpuid_count(LEAF, 0, &a, &b, &c, &d) || !(d & AMX_TILE) || !(d & AMX_INT8)) return false;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & TILES) == TILES && may_use_tiles();
}
#else
static bool has_amx_int8(void) { return false; }
#endif
#elif defined(__aarch64__)
#if defined(__APPLE__)
static bool has_feature(const char *name) {
    int present = 0;
    size_t size = sizeof present;
    return sysctlbyname(name, &present, &size, NULL, 0) == 0 && present;
}
#endif

static bool has_dot_products(void) {
#if defined(__linux__)
    return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#elif defined(__APPLE__)
    return has_feature("hw.optional.arm.FEAT_DotProd");
#else
    return false;
#endif
}

static bool has_matrix_products(void) {
#if defined(__linux__)
    enum { I8MM = 1 << 13 };  // HWCAP2_I8MM, which headers before Linux 5.7 lack
    return (getauxval(AT_HWCAP2) & I8MM) != 0;
#elif defined(__APPLE__)
    return has_feature("hw.optional.arm.FEAT_I8MM");
#else
    return false;
#endif
}
#endif

static bool machine_has(jk_instruction_set set) {
    switch (set) {
        case JK_SCALAR: return true;
#if defined(__x86_64__)
        case JK_AVX2: return has_avx2();
        case JK_AVX_VNNI: return has_avx2() && __builtin_cpu_supports("avxvnni");
        case JK_AVX512: return has_avx2() && has_avx512();
        case JK_AVX512_VBMI: return has_avx512_vbmi();
        case JK_AMX: return has_avx512_vbmi() && has_amx_int8();
#elif defined(__aarch64__)
        case JK_NEON: return true;
        case JK_NEON_DOT: return has_dot_products();
        case JK_NEON_I8MM: return has_dot_products() && has_matrix_products();
#endif
        default: return false;
    }
}

const struct jk_kernels *jk_kernels_of(jk_instruction_set set) {
    if (!machine_has(set)) return NULL;
    switch (set) {
#define TABLE(value, set) case value: return &jk_##set##_kernels;
        JK_SETS(TABLE)
#undef TABLE
        default: return NULL;
    }
}

jk_instruction_set jk_best_instruction_set(void) {
    jk_instruction_set best = JK_SCALAR;
#define JK_BETTER(value, set) if (machine_has(value)) best = value;
    JK_SETS(JK_BETTER)
#undef JK_BETTER
    return best;
}

const char *jk_instruction_set_name(jk_instruction_set set) {
    switch (set) {
#define NAME(value, set) case value: return jk_##set##_kernels.name;
        JK_SETS(NAME)
#undef NAME
        default: return "unknown";
    }
}
