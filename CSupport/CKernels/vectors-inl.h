// Norms, sums and gates of vectors, softmax, and moments: the specification of rms_norm, add, add_scaled, silu_multiply,
// softmax and add_moments, over the vectors of any set. Pointers of one call do not overlap.
//
// Tests/KernelTests compares them with double-precision formulas (VectorTests; RefinerTests for the moments).
// Defined before: the vectors (v8-*-inl.h), kernels.h.
#ifndef JK_VECTORS_INL_H
#define JK_VECTORS_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

#include "lanes-inl.h"
#include "math-inl.h"

// y = x * (1 / sqrt(mean(x^2) + eps)) * weight
static void rms_norm(const float *x, const float *weight, float eps, size_t width, float *y) {
    v8 squares = v8_set(0.0f);
    for (size_t i = 0; i < width; i += 8) {
        v8 lanes = v8_load_first(x + i, width - i, 0.0f);
        squares = v8_fma(lanes, lanes, squares);
    }
    v8 factor = v8_set(1.0f / sqrtf(v8_sum(squares) / (float)width + eps));
    for (size_t i = 0; i < width; i += 8) {
        v8 scaled = v8_mul(v8_load_first(x + i, width - i, 0.0f), factor);
        v8_store_first(y + i, width - i, v8_mul(scaled, v8_load_first(weight + i, width - i, 0.0f)));
    }
    for (size_t i = width; i % JK_GROUP != 0; i++) y[i] = 0.0f;
}

static void add(float *y, const float *x, size_t width) {
    for (size_t i = 0; i < width; i += 8) {
        v8 sum = v8_add(v8_load_first(y + i, width - i, 0.0f), v8_load_first(x + i, width - i, 0.0f));
        v8_store_first(y + i, width - i, sum);
    }
}

// y = fma(scale, x, y)
static void add_scaled(float *y, const float *x, float scale, size_t width) {
    for (size_t i = 0; i < width; i += 8) {
        v8 sum = v8_load_first(y + i, width - i, 0.0f);
        sum = v8_fma(v8_set(scale), v8_load_first(x + i, width - i, 0.0f), sum);
        v8_store_first(y + i, width - i, sum);
    }
}

// gate = silu(gate) * up
static void silu_multiply(float *gate, const float *up, size_t width) {
    for (size_t i = 0; i < width; i += 8) {
        v8 product = v8_silu(v8_load_first(gate + i, width - i, 0.0f));
        product = v8_mul(product, v8_load_first(up + i, width - i, 0.0f));
        v8_store_first(gate + i, width - i, product);
    }
}

// x = exp(x - max) / sum. Lanes beyond the end hold -infinity, which adds exp(-infinity) = 0.
static void softmax(float *x, size_t count) {
    v8 largest = v8_set(-INFINITY);
    for (size_t i = 0; i < count; i += 8) largest = v8_max(v8_load_first(x + i, count - i, -INFINITY), largest);
    v8 maximum = v8_set(v8_maximum(largest)), sums = v8_set(0.0f);
    for (size_t i = 0; i < count; i += 8) {
        v8 p = v8_exp(v8_sub(v8_load_first(x + i, count - i, -INFINITY), maximum));
        sums = v8_add(sums, p);
        v8_store_first(x + i, count - i, p);
    }
    v8 sum = v8_set(v8_sum(sums));
    for (size_t i = 0; i < count; i += 8)
        v8_store_first(x + i, count - i, v8_div(v8_load_first(x + i, count - i, 0.0f), sum));
}

// sums[i][j] += x[i] x[j] for j >= i / 8 * 8, rows ascending; sums are loaded and stored once for four rows, of which
// those beyond the last count 0 times.
static void add_moments(const float *x, size_t stride, const uint32_t *index, size_t count, size_t width, size_t size,
                        float *sums) {
    for (size_t t = 0; t < count; t += 4) {
        const float *row[4];
        for (size_t r = 0; r < 4; r++) row[r] = x + jk_source(index, jk_least(t + r, count - 1)) * stride;
        for (size_t i = 0; i < width; i++) {
            v8 factor[4];
            for (size_t r = 0; r < 4; r++) factor[r] = v8_set(t + r < count ? row[r][i] : 0.0f);
            for (size_t j = i / 8 * 8; j < width; j += 8) {
                v8 sum = v8_load(sums + i * size + j);
                sum = v8_fma(factor[0], v8_load(row[0] + j), sum);
                sum = v8_fma(factor[1], v8_load(row[1] + j), sum);
                sum = v8_fma(factor[2], v8_load(row[2] + j), sum);
                sum = v8_fma(factor[3], v8_load(row[3] + j), sum);
                v8_store(sums + i * size + j, sum);
            }
        }
    }
}

#endif
