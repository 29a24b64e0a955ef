// The Mamba mixer: the specification of `convolve` and `scan`, over the vectors of any set. A lane is a channel. Pointers of one
// call do not overlap, but for a state or history that is updated in place.
//
// Tests/KernelTests compares them with double-precision formulas (MambaTests).
// Defined before: the vectors (v8-*-inl.h), kernels.h.
#ifndef JK_MAMBA_INL_H
#define JK_MAMBA_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

#include "lanes-inl.h"
#include "math-inl.h"

// y[t] = silu(bias + sum_k weight[k] x[t - (taps - 1) + k]), k ascending, one fma a term, beginning with the bias.
static void convolve(const jk_convolution *a, size_t first, size_t last) {
    const size_t past = a->taps - 1;
    for (size_t c = first; c < last; c += 8) {
        size_t n = last - c;
        v8 bias = a->bias ? v8_load_first(a->bias + c, n, 0.0f) : v8_set(0.0f);
        for (size_t t = 0; t < a->tokens; t++) {
            v8 sum = bias;
            for (size_t k = 0; k < a->taps; k++) {
                const float *x = t + k < past ? a->history + (t + k) * a->channels
                                              : a->x + (t + k - past) * a->x_stride;
                sum = v8_fma(v8_load_first(a->weight + k * a->channels + c, n, 0.0f), v8_load_first(x + c, n, 0.0f), sum);
            }
            v8_store_first(a->y + t * a->y_stride + c, n, v8_silu(sum));
        }
        if (!a->next_history) continue;
        for (size_t k = 0; k < past; k++) {
            size_t t = a->tokens + k;  // among the history and then the inputs
            const float *x = t < past ? a->history + t * a->channels : a->x + (t - past) * a->x_stride;
            v8_store_first(a->next_history + k * a->channels + c, n, v8_load_first(x + c, n, 0.0f));
        }
    }
}

// Where the state of a block of channels lives while it goes through the tokens: rows of the state are 4 x channels
// bytes apart, often a multiple of 4096, and would evict each other from the first-level cache.
enum { SCAN_PARTS = JK_SCAN_BLOCK / 8 };
typedef struct {
    struct {
        v8 state, a;
    } local[SCAN_PARTS][JK_MAX_STATE_SIZE];
    v8 u[SCAN_PARTS], d[SCAN_PARTS], y[SCAN_PARTS];
} scan_block;

// s[n] = exp(d * A[n]) * s[n] + (d * u) * B[n] for one token and one vector of channels; returns sum_n s[n] * C[n].
JK_INLINE v8 scan_states(scan_block *block, size_t part, size_t state_size, const float *b, const float *c) {
    const v8 d = block->d[part], du = v8_mul(d, block->u[part]);
    v8 y = v8_set(0.0f);
    for (size_t n = 0; n < state_size; n++) {
        v8 s = v8_mul(v8_exp(v8_mul(d, block->local[part][n].a)), block->local[part][n].state);
        s = v8_fma(du, v8_set(b[n]), s);
        y = v8_fma(s, v8_set(c[n]), y);
        block->local[part][n].state = s;
    }
    return y;
}

// d = softplus(dt + dt_bias); the states; y = (sum + D * u) * silu(z). `width` channels from channel c.
JK_INLINE void scan_channels(const jk_scan_arguments *a, size_t c, size_t width) {
    const size_t parts = jk_parts(width, 8);
    scan_block block;
    for (size_t n = 0; n < a->state_size; n++) {
        const float *state = a->state + n * a->channels + c, *decay = a->a + n * a->channels + c;
        for (size_t i = 0; i < parts; i++) {
            block.local[i][n].state = v8_load_first(state + 8 * i, width - 8 * i, 0.0f);
            block.local[i][n].a = v8_load_first(decay + 8 * i, width - 8 * i, 0.0f);
        }
    }
    for (size_t t = 0; t < a->tokens; t++) {
        const float *u = a->u + t * a->u_stride + c, *dt = a->dt + t * a->dt_stride + c;
        const float *z = a->z + t * a->z_stride + c;
        for (size_t i = 0; i < parts; i++) {
            const v8 bias = v8_load_first(a->dt_bias + c + 8 * i, width - 8 * i, 0.0f);
            block.u[i] = v8_load_first(u + 8 * i, width - 8 * i, 0.0f);
            block.d[i] = v8_softplus(v8_add(v8_load_first(dt + 8 * i, width - 8 * i, 0.0f), bias));
        }
        for (size_t i = 0; i < parts; i++)
            block.y[i] = scan_states(&block, i, a->state_size, a->b + t * a->b_stride, a->c + t * a->c_stride);
        for (size_t i = 0; i < parts; i++) {
            const v8 skip = v8_load_first(a->d + c + 8 * i, width - 8 * i, 0.0f);
            const v8 gate = v8_silu(v8_load_first(z + 8 * i, width - 8 * i, 0.0f));
            v8_store_first(a->y + t * a->y_stride + c + 8 * i, width - 8 * i,
                           v8_mul(v8_fma(skip, block.u[i], block.y[i]), gate));
        }
    }
    if (!a->next_state) return;
    for (size_t n = 0; n < a->state_size; n++)
        for (size_t i = 0; i < parts; i++)
            v8_store_first(a->next_state + n * a->channels + c + 8 * i, width - 8 * i, block.local[i][n].state);
}

static void scan(const jk_scan_arguments *a, size_t first, size_t last) {
    size_t c = first;
    for (; c + JK_SCAN_BLOCK <= last; c += JK_SCAN_BLOCK) scan_channels(a, c, JK_SCAN_BLOCK);
    if (c < last) scan_channels(a, c, last - c);
}

#endif
