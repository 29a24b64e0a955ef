// The kernels for 64-bit ARM with the dot product instructions (FEAT_DotProd: optional from ARMv8.2 on).
#if defined(__aarch64__)
#include <arm_neon.h>

#include "kernels.h"

#if defined(__clang__)
JK_BEGIN_TARGET("dotprod")
#else
JK_BEGIN_TARGET("arch=armv8.2-a+dotprod")
#endif

#include "v8-neon-inl.h"
#include "tiles-inl.h"

#include "dot-neon-inl.h"
#include "neon-inl.h"

#include "attention-neon-inl.h"

#include "attention-inl.h"
#include "attention-tiles-inl.h"
#include "attention-codes-inl.h"
#include "floats-inl.h"
#include "mamba-inl.h"
#include "matmul-inl.h"
#include "quantize-inl.h"
#include "vectors-inl.h"

JK_TABLE(neon_dot)

JK_END_TARGET
#endif
