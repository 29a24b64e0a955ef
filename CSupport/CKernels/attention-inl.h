// Attention and its KV cache: the specification of `kv_store` and, for keys and values that are floats, of `attend`, over the
// vectors of any set. Where keys are read, a lane is a position; where values are, a column. Pointers of one call do not overlap.
//
// Tests/KernelTests compares the cache's pages with the layout in CKernels.h, and attention with double-precision formulas
// (AttentionTests).
// Defined before: the vectors (v8-*-inl.h), kernels.h.
#ifndef JK_ATTENTION_INL_H
#define JK_ATTENTION_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

#include "lanes-inl.h"
#include "math-inl.h"

// Codes of one head's key, value or query, element i at `codes` + i / block * step + i % block * jump; returns their scale.
JK_INLINE float kv_encode(const float *x, size_t head_size, int8_t *codes, size_t block, size_t step, size_t jump) {
    v8 largest = v8_set(0.0f), poison = v8_set(0.0f);
    for (size_t i = 0; i < head_size; i += 8) {
        const v8 lanes = v8_load_first(x + i, head_size - i, 0.0f);
        largest = v8_max(v8_abs(lanes), largest);
        poison = v8_fma(lanes, v8_set(0.0f), poison);  // 0 unless there is an infinity or a NaN
    }
    const float maximum = v8_maximum(largest), inverse = 127.0f / maximum;
    const bool finite = v8_sum(poison) == 0.0f;
    // As in `quantize`: too small to invert is zero, and what is not finite shows in the result.
    const bool usable = finite && inverse <= FLT_MAX;
    for (size_t i = 0; i < head_size; i += 8) {
        int32_t rounded[8];
        v8i_store(rounded, v8_round(v8_mul(v8_load_first(x + i, head_size - i, 0.0f), v8_set(inverse))));
        for (size_t j = 0; j < jk_least(8, head_size - i); j++)
            codes[(i + j) / block * step + (i + j) % block * jump] = usable ? (int8_t)rounded[j] : 0;
    }
    return usable ? maximum / 127.0f : finite ? 0.0f : NAN;
}

JK_INLINE void turn(float *x, size_t size, float factor) {
    for (size_t half = 1; half < size; half *= 2)
        for (size_t i = 0; i < size; i += 2 * half)
            for (size_t j = i; j < i + half; j++) {
                const float a = x[j], b = x[j + half];
                x[j] = a + b;
                x[j + half] = a - b;
            }
    for (size_t i = 0; i < size; i++) x[i] *= factor;
}

// The points of JK_KV_I4 above zero, where normal numbers lose least, and the middles between them.
enum { KV_POINTS = 8 };
static const float kv_points[KV_POINTS] = {6, 18, 31, 44, 58, 75, 96, 127};
static const float kv_middles[KV_POINTS - 1] = {12, 24.5f, 37.5f, 51, 66.5f, 85.5f, 111.5f};

// Indices into jk_kv_points of a head's turned key or value; returns their scale.
JK_INLINE float kv_index(const float *x, size_t head_size, uint8_t *indices) {
    v8 largest = v8_set(0.0f), poison = v8_set(0.0f);
    for (size_t i = 0; i < head_size; i += 8) {
        largest = v8_max(v8_abs(v8_load(x + i)), largest);
        poison = v8_fma(v8_load(x + i), v8_set(0.0f), poison);  // 0 unless there is an infinity or a NaN
    }
    const float maximum = v8_maximum(largest);
    const bool finite = v8_sum(poison) == 0.0f;
    // As in kv_encode; 0.6 of the largest must have an inverse, too.
    if (!finite || !(254.0f / maximum <= FLT_MAX)) {
        memset(indices, KV_POINTS, head_size);
        return finite ? 0.0f : NAN;
    }
    float best = 0.0f, least = INFINITY;
    for (int k = 0; k < 9; k++) {
        const float scale = maximum / 127.0f * (0.6f + 0.05f * (float)k);
        const v8 inverse = v8_set(1.0f / scale);
        v8 error = v8_set(0.0f);
        for (size_t i = 0; i < head_size; i += 8) {
            const v8 magnitude = v8_mul(v8_abs(v8_load(x + i)), inverse);
            v8 point = v8_set(kv_points[0]);
            JK_UNROLL for (int n = 1; n < KV_POINTS; n++)
                point = v8_select(v8_less(v8_set(kv_middles[n - 1]), magnitude), v8_set(kv_points[n]), point);
            const v8 difference = v8_sub(magnitude, point);
            error = v8_fma(difference, difference, error);
        }
        // Of the parts of the largest: its square may be beyond a float's range.
        const float share = 0.6f + 0.05f * (float)k, sum = v8_sum(error) * share * share;
        if (sum < least) {
            least = sum;
            best = scale;
        }
    }
    const float inverse = 1.0f / best;
    for (size_t i = 0; i < head_size; i++) {
        const float magnitude = fabsf(x[i]) * inverse;
        uint8_t n = 0;
        for (int m = 0; m < KV_POINTS - 1; m++) n += kv_middles[m] < magnitude;
        indices[i] = x[i] < 0.0f ? KV_POINTS - 1 - n : KV_POINTS + n;
    }
    return best;
}

// Writes four bits of a page; the byte's others belong to the same position.
JK_INLINE void kv_put(void *page, size_t element, uint8_t index) {
    uint8_t *byte = (uint8_t *)page + element / 128 * 64 + element % 64;
    const int shift = element / 64 % 2 ? 4 : 0;
    *byte = (uint8_t)((*byte & 0xF0 >> shift) | index << shift);
}

// What is beyond a half's range becomes its largest number, so that one key cannot end a text; what is no number stays none.
JK_INLINE v8 within_f16(v8 x) {
    return v8_max(v8_set(-65504.0f), v8_min(v8_set(65504.0f), x));
}

static void kv_store(const jk_kv *kv, const float *k, const float *v, size_t position) {
    void *page = jk_page(kv, position);
    for (size_t head = 0; head < kv->kv_heads; head++, k += kv->head_size, v += kv->head_size) {
        const size_t key = jk_key_offset(kv, head, position, 0), value = jk_value_offset(kv, head, position, 0);
        if (kv->type == JK_KV_I8) {
            float *scales = jk_kv_scales(kv, page, head) + position % JK_PAGE_POSITIONS;
            scales[0] = kv_encode(k, kv->head_size, (int8_t *)page + key, 4, 64, 1);
            scales[JK_PAGE_POSITIONS] = kv_encode(v, kv->head_size, (int8_t *)page + value, 1, 4, 0);
            continue;
        }
        if (kv->type == JK_KV_I4) {
            float turned[JK_MAX_I4_HEAD], *scales = jk_kv_scales(kv, page, head) + position % JK_PAGE_POSITIONS;
            uint8_t indices[JK_MAX_I4_HEAD];
            memcpy(turned, k, kv->head_size * sizeof *k);
            turn(turned, kv->head_size, 1.0f);
            scales[0] = kv_index(turned, kv->head_size, indices);
            for (size_t i = 0; i < kv->head_size; i++) kv_put(page, jk_key_offset(kv, head, position, i), indices[i]);
            memcpy(turned, v, kv->head_size * sizeof *v);
            turn(turned, kv->head_size, 1.0f);
            scales[JK_PAGE_POSITIONS] = kv_index(turned, kv->head_size, indices);
            for (size_t i = 0; i < kv->head_size; i++) kv_put(page, jk_value_offset(kv, head, position, i), indices[i]);
            continue;
        }
        if (kv->type == JK_KV_F32) {
            float *elements = page;
            for (size_t i = 0; i < kv->head_size; i++) elements[key + 8 * i] = k[i];
            memcpy(elements + value, v, kv->head_size * sizeof *v);
            continue;
        }
        uint16_t *elements = page, halves[8];
        for (size_t i = 0; i < kv->head_size; i += 8) {
            size_t n = jk_least(8, kv->head_size - i);
            v8_store_f16(halves, within_f16(v8_load_first(k + i, n, 0.0f)));
            for (size_t j = 0; j < n; j++) elements[key + 8 * (i + j)] = halves[j];
            v8_store_f16(halves, within_f16(v8_load_first(v + i, n, 0.0f)));
            memcpy(elements + value + i, halves, n * sizeof *halves);
        }
    }
}

JK_INLINE v8 load_kv(jk_kv_type type, const void *page, size_t element) {
    switch (type) {
        case JK_KV_F32: return v8_load((const float *)page + element);
        case JK_KV_F16: return v8_load_f16((const uint16_t *)page + element);
        case JK_KV_I8:
        case JK_KV_I4: break;  // attend_codes
    }
    __builtin_trap();
}

JK_INLINE v8 load_kv_first(jk_kv_type type, const void *page, size_t element, size_t n) {
    if (n >= 8) return load_kv(type, page, element);
    if (type == JK_KV_F32) return v8_load_first((const float *)page + element, n, 0.0f);
    uint16_t halves[8] = {0};
    memcpy(halves, (const uint16_t *)page + element, n * sizeof *halves);
    return v8_load_f16(halves);
}

// sum[k] += p[j] V[j] for positions first ..< last, ascending.
JK_INLINE void add_run(jk_kv_type type, const void *page, size_t value, size_t head_size, const float *p, size_t first,
                       size_t last, v8 *sum, size_t i, size_t n, const int parts) {
    for (size_t j = first; j < last; j++) {
        const v8 weight = v8_set(p[j]);
        const size_t element = value + j * head_size + i;
        JK_UNROLL for (int k = 0; k < parts; k++)
            sum[k] = v8_fma(weight, load_kv_first(type, page, element + 8 * (size_t)k, n), sum[k]);
    }
}

// y = y * c + sum_j p[j] V[j], j ascending over the visible positions: 8 x parts columns from column i, or, with
// parts = 1, as many as there are up to the end.
JK_INLINE void add_values(jk_kv_type type, const void *page, size_t value, size_t head_size, const float *p,
                          jk_block seen, v8 c, float *y, size_t i, const int parts) {
    v8 sum[8];
    const size_t n = parts > 1 ? 8 : head_size - i;
    JK_UNROLL for (int k = 0; k < parts; k++) sum[k] = v8_mul(v8_load_first(y + i + 8 * k, n, 0.0f), c);
    add_run(type, page, value, head_size, p, 0, seen.sinks, sum, i, n, parts);
    add_run(type, page, value, head_size, p, seen.first, seen.count, sum, i, n, parts);
    JK_UNROLL for (int k = 0; k < parts; k++) v8_store_first(y + i + 8 * k, n, sum[k]);
}

// One block: scores s_j = (q . K[j]) * scale, then with m' = max(m, max_j s_j), c = exp(m - m'), p_j = exp(s_j - m'):
// l = l * c + sum p, y = y * c + sum_j p_j V[j]. Positions that are not seen take part in the first step, whose lanes do
// not mix, and are then replaced by -infinity.
JK_INLINE void attend_block(jk_kv_type type, const jk_kv *kv, size_t kv_head, const float *q, float scale,
                            size_t position, jk_block seen, float *maximum, float *total, float *y) {
    enum { groups = JK_PAGE_POSITIONS / 8 };
    void *page = jk_page(kv, position);
    const size_t key = jk_key_offset(kv, kv_head, position, 0), head_size = kv->head_size;
    float p[JK_PAGE_POSITIONS];
    if (seen.count > JK_PAGE_POSITIONS - 8) {
        v8 score[groups];
        JK_UNROLL for (int g = 0; g < groups; g++) score[g] = v8_set(0.0f);
        for (size_t i = 0; i < head_size; i++) {
            v8 qi = v8_set(q[i]);
            JK_UNROLL for (int g = 0; g < groups; g++)
                score[g] = v8_fma(qi, load_kv(type, page, key + ((size_t)g * head_size + i) * 8), score[g]);
        }
        JK_UNROLL for (int g = 0; g < groups; g++) v8_store(p + 8 * g, score[g]);
    } else {
        for (size_t g = 0; 8 * g < seen.count; g++) {
            v8 score = v8_set(0.0f);
            for (size_t i = 0; i < head_size; i++)
                score = v8_fma(v8_set(q[i]), load_kv(type, page, key + (g * head_size + i) * 8), score);
            v8_store(p + 8 * g, score);
        }
    }
    for (size_t g = 0; 8 * g < seen.count; g++) v8_store(p + 8 * g, v8_mul(v8_load(p + 8 * g), v8_set(scale)));
    for (size_t j = seen.sinks; j < seen.first; j++) p[j] = -INFINITY;
    for (size_t j = seen.count; j < JK_PAGE_POSITIONS; j++) p[j] = -INFINITY;

    v8 largest = v8_load(p);
    for (size_t g = 1; g < groups; g++) largest = v8_max(v8_load(p + 8 * g), largest);
    v8 block = v8_set(v8_maximum(largest)), old = v8_set(*maximum);
    v8 new = v8_max(block, old);
    v8 c = v8_exp(v8_sub(old, new)), sum = v8_set(0.0f);
    for (size_t g = 0; g < groups; g++) {
        v8 lanes = v8_exp(v8_sub(v8_load(p + 8 * g), new));
        sum = v8_add(sum, lanes);
        v8_store(p + 8 * g, lanes);
    }
    float first[8], factor[8];
    v8_store(first, new);
    v8_store(factor, c);
    *maximum = first[0];
    *total = *total * factor[0] + v8_sum(sum);

    const size_t value = jk_value_offset(kv, kv_head, position, 0);
    size_t i = 0;
    for (; i + 64 <= head_size; i += 64) add_values(type, page, value, head_size, p, seen, c, y, i, 8);
    for (; i < head_size; i += 8) add_values(type, page, value, head_size, p, seen, c, y, i, 1);
}

JK_INLINE void attend_all(jk_kv_type type, const jk_kv *kv, size_t kv_head, const float *q, float scale,
                          size_t position, float *y) {
    const size_t end = position + 1, oldest = end > kv->window ? end - kv->window : 0;
    float maximum = -INFINITY, total = 0.0f;
    for (size_t i = 0; i < kv->head_size; i++) y[i] = 0.0f;
    for (size_t block = 0; block < end; block += JK_PAGE_POSITIONS) {
        // Behind the sinks the next visible block is the window's first.
        if (block >= kv->sinks) block = jk_most(block, oldest / JK_PAGE_POSITIONS * JK_PAGE_POSITIONS);
        attend_block(type, kv, kv_head, q, scale, block, jk_visible(kv, position, block), &maximum, &total, y);
    }
    for (size_t i = 0; i < kv->head_size; i += 8) {
        size_t n = kv->head_size - i;
        v8_store_first(y + i, n, v8_div(v8_load_first(y + i, n, 0.0f), v8_set(total)));
    }
}

static void attend(const jk_kv *kv, size_t kv_head, const float *q, float scale, size_t position, float *y) {
    switch (kv->type) {
        case JK_KV_F32: attend_all(JK_KV_F32, kv, kv_head, q, scale, position, y); break;
        case JK_KV_F16: attend_all(JK_KV_F16, kv, kv_head, q, scale, position, y); break;
        case JK_KV_I8:
        case JK_KV_I4: __builtin_trap();  // attend_codes
    }
}

#endif
