// Which kernels this machine runs. Nothing is kept: asking the processor's features again costs a few loads.
#include "kernels.h"

const struct jk_kernels *jk_kernels_of(jk_instruction_set set) {
    switch (set) {
        case JK_SCALAR: return &jk_scalar_kernels;
#if defined(__x86_64__)
        case JK_AVX2:
            if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
                return &jk_avx2_kernels;
            return NULL;
#endif
        default: return NULL;
    }
}

jk_instruction_set jk_best_instruction_set(void) { return jk_kernels_of(JK_AVX2) ? JK_AVX2 : JK_SCALAR; }

const char *jk_instruction_set_name(jk_instruction_set set) {
    switch (set) {
        case JK_SCALAR: return "scalar";
        case JK_AVX2: return "avx2";
        default: return "unknown";
    }
}
