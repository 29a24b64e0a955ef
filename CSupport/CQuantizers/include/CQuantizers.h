// The quantizers: rows of floats into strips of weights. What a converter needs and a runtime does not.
//
// They do not allocate or fail; results depend on neither the machine nor its instruction set. One text for all sets, over
// vectors of 8 lanes, specifies each step: `encode-inl.h` and `refine-inl.h`, together with what an operation on such a
// vector is in plain C (CKernels' `v8-scalar-inl.h`). That codes are the nearest, scales the best of their kind and
// refinements what the formula below says is tested apart from them (Tests/KernelTests).
//
// Types of weights, and the layout of strips: CStorage.h.
#ifndef CQUANTIZERS_H
#define CQUANTIZERS_H

#include "CKernels.h"
#include "CStorage.h"

#ifdef __cplusplus
extern "C" {
#endif

// Encodes `row_count` (1...8) rows of `columns` floats, `stride` floats apart, as one strip. Missing rows become zeros.
// `importance` (may be NULL): a weight > 0 per column for the squared error that the search for scales minimises.
// `step`: 0, and each group of columns has the scale that suits it best; or the distance between codes (NL4: those near 0) in
// units of a row's root mean square, the same for all groups but for what importance and outliers ask for. Codes are then
// far from uniformly distributed, and what packs the strip gains by it: the larger the step, the more.
// Adds the sum of squared errors and the sum of squares to `error[0]`, `error[1]`.
// Not-a-number and infinite inputs are the caller's to refuse.
void jk_encode_strip(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                     const float *importance, float step, void *strip, double error[2]);

// Changes an encoded strip's codes and group scales so that its products with real inputs come nearer to those of the
// `rows` it was encoded from: lowers e' M e for each row's error e = stored - row, where M is the mean of x x' over inputs x,
// known in blocks of `size` columns (a multiple of 64, at most JK_REFINE_BLOCK): `moments` is [blocks][size][size],
// symmetric, diagonals > 0, zeros beyond the matrix but for its diagonal. One code, then one scale at a time, each to its
// best value given all others (coordinate descent), in JK_REFINE_SWEEPS sweeps: e' M e never grows, but for rounding. Only in the
// first over rings (JK_R3, JK_R2) groups that come later in a block count as if they had no error.
// `step`: as the strip was encoded with; if not 0, scales stay. Strips of floats stay as they are.
// Adds to `error` as jk_encode_strip, which should have been called without counting its own.
enum { JK_REFINE_BLOCK = 512, JK_REFINE_SWEEPS = 2 };
void jk_refine_strip(jk_type type, const float *rows, size_t stride, size_t row_count, size_t columns,
                     const float *moments, size_t size, float step, void *strip, double error[2]);

// ---------------------------------------------------------------------------------------------- instruction sets

// The quantizers of one instruction set, or NULL where this machine or build lacks it. Sets that differ in products alone
// share theirs.
const struct jk_quantizers *jk_quantizers_of(jk_instruction_set set);

// The same as above, computed by the given quantizers, for tests that results do not depend on them.
void jk_encode_strip_by(const struct jk_quantizers *quantizers, jk_type type, const float *rows, size_t stride,
                        size_t row_count, size_t columns, const float *importance, float step, void *strip,
                        double error[2]);
void jk_refine_strip_by(const struct jk_quantizers *quantizers, jk_type type, const float *rows, size_t stride,
                        size_t row_count, size_t columns, const float *moments, size_t size, float step,
                        void *strip, double error[2]);

#ifdef __cplusplus
}
#endif
#endif
