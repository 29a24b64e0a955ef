// Attention to keys and values that are codes: the specification of `attend_codes` and `attend_merge`, over the vectors of any
// set, but for the sums of products of codes, which are exact in int32 and a set's own affair.
//
// Tests/KernelTests compares it with double-precision formulas (CodeAttentionTests).
// Defined before: attention-inl.h; and by the set, for at most ATTEND_BATCH queries, `dot_keys` and `sum_values` (below).
#ifndef JK_ATTENTION_CODES_INL_H
#define JK_ATTENTION_CODES_INL_H

#ifndef JK_ATTENTION_INL_H
#error "attention-inl.h first, and a set's dot_keys and sum_values"
#endif

enum {
    // What stands for the largest weight of a block. Less 127 it is a signed byte that has a negative.
    WEIGHT_STEPS = 254,
    ATTEND_BLOCKS = JK_PART_POSITIONS / JK_PAGE_POSITIONS
};

// 2^x for x <= 0, but no less than 2^-126: 2^n 2^r, n = round(x), |r| <= 1/2; 2^r = 1 + r P(r), P fitted to the least maximum of
// the relative error, 3e-6, since weights are rounded to 1/254 of the largest. 1 for 0, and not-a-number stays what it is.
JK_INLINE v8 v8_exp2(v8 x) {
    const v8 magic = v8_set(12582912.0f), z = v8_max(v8_set(-126.0f), x), t = v8_add(z, magic);
    const v8 r = v8_sub(z, v8_sub(t, magic));
    v8 p = v8_fma(r, v8_set(0.009582853f), v8_set(0.055906426f));
    p = v8_fma(p, r, v8_set(0.24024099f));
    p = v8_fma(p, r, v8_set(0.6931242f));
    return v8_mul(v8_fma(p, r, v8_set(1.0f)), v8_power_of_two(t));
}

JK_INLINE float exp2_of(float x) {
    float lanes[8];
    v8_store(lanes, v8_exp2(v8_set(x)));
    return lanes[0];
}

// A query in the making: what a part has seen of it.
typedef struct {
    float maximum, total;
    float decay, step;  // of the last block: y = y * decay + step * sum
} attend_query;

// One block of one query, all of whose positions are seen if `whole`; else `seen` has a lane with all bits set for each
// that is. Scores, as exponents of 2: s_j = dot_j * (key scale * factor); m' = max(m, max_j s_j), c = 2^(m - m'), p_j = 2^(s_j - m'),
// l = l * c + sum p, w_j = p_j * value scale, as codes round(w_j * (254 / max w)), and their step is max w / 254.
JK_INLINE void weigh(const int32_t *dots, float factor, const float *scales, const float *seen, const bool whole,
                     attend_query *query, uint8_t *codes) {
    enum { groups = JK_PAGE_POSITIONS / 8 };
    const v8 none = v8_set(-INFINITY), zero = v8_set(0.0f);
    v8 s[groups], largest = none;
    JK_UNROLL for (size_t g = 0; g < groups; g++) {
        s[g] = v8_mul(v8i_float(v8i_load(dots + 8 * g)), v8_mul(v8_load(scales + 8 * g), v8_set(factor)));
        if (!whole) s[g] = v8_select(v8_load(seen + 8 * g), s[g], none);
        largest = v8_max(s[g], largest);
    }
    const float old = query->maximum, block = v8_maximum(largest), new = block > old ? block : old;
    v8 sum = zero, heaviest = zero, poison = zero;
    JK_UNROLL for (size_t g = 0; g < groups; g++) {
        v8 p = v8_exp2(v8_sub(s[g], v8_set(new)));
        v8 w = v8_mul(p, v8_load(scales + JK_PAGE_POSITIONS + 8 * g));
        if (!whole) {
            p = v8_select(v8_load(seen + 8 * g), p, zero);
            w = v8_select(v8_load(seen + 8 * g), w, zero);
        }
        sum = v8_add(sum, p);
        heaviest = v8_max(w, heaviest);
        poison = v8_fma(w, zero, poison);  // 0 unless there is an infinity or a NaN
        s[g] = w;
    }
    const float most = v8_maximum(heaviest), inverse = WEIGHT_STEPS / most;
    const bool finite = v8_sum(poison) == 0.0f;
    // As in `quantize`: too small to invert is zero, and what is not finite shows in the result.
    const bool usable = finite && inverse <= FLT_MAX;
    query->maximum = new;
    query->decay = new == old ? 1.0f : exp2_of(old - new);
    query->total = query->total * query->decay + v8_sum(sum);
    query->step = usable ? most / WEIGHT_STEPS : finite ? 0.0f : NAN;
    const v8 factors = v8_set(usable ? inverse : 0.0f);
    JK_UNROLL for (size_t g = 0; g < groups; g += 4) {
        v8i rounded[4];
        JK_UNROLL for (size_t i = 0; i < 4; i++)
            rounded[i] = v8_round(v8_mul(usable ? s[g + i] : zero, factors));
        v8i_pack_unsigned(codes + 8 * g, rounded);
    }
}

// y = y * decay + step * sum over `width` columns.
JK_INLINE void add_block(float *y, const int32_t *sums, size_t width, const attend_query *query) {
    const v8 decay = v8_set(query->decay), step = v8_set(query->step);
    size_t i = 0;
    for (; i + 8 <= width; i += 8)
        v8_store(y + i, v8_fma(v8i_float(v8i_load(sums + i)), step, v8_mul(v8_load(y + i), decay)));
    if (i < width) {
        const v8 before = v8_load_first(y + i, width - i, 0.0f);
        v8_store_first(y + i, width - i, v8_fma(v8i_float(v8i_load(sums + i)), step, v8_mul(before, decay)));
    }
}

// Adds what a part has seen to what those before it have: m' = max(M, m), Y = Y * 2^(M - m') + y * 2^(m - m'), and L likewise.
JK_INLINE void merge(float *whole_y, float *whole_maximum, float *whole_total, const float *y, float maximum, float total,
                     size_t head_size) {
    const float new = maximum > *whole_maximum ? maximum : *whole_maximum;
    const float before = exp2_of(*whole_maximum - new), now = exp2_of(maximum - new);
    for (size_t i = 0; i < head_size; i += 8) {
        const size_t n = head_size - i;
        const v8 old = v8_mul(v8_load_first(whole_y + i, n, 0.0f), v8_set(before));
        v8_store_first(whole_y + i, n, v8_fma(v8_load_first(y + i, n, 0.0f), v8_set(now), old));
    }
    *whole_maximum = new;
    *whole_total = fmaf(total, now, *whole_total * before);
}

JK_INLINE void divide(float *y, const float *x, size_t head_size, float total) {
    for (size_t i = 0; i < head_size; i += 8) {
        const size_t n = head_size - i;
        v8_store_first(y + i, n, v8_div(v8_load_first(x + i, n, 0.0f), v8_set(total)));
    }
}

static void attend_merge(const float *records, size_t stride, size_t count, size_t head_size, float *whole, float *y) {
    for (; count > 0; count--, records += stride) {
        const float maximum = records[head_size], total = records[head_size + 1];
        // Of this part nothing was seen.
        if (maximum == -INFINITY && total == 0.0f) continue;
        merge(whole, whole + head_size, whole + head_size + 1, records, maximum, total, head_size);
    }
    if (y) divide(y, whole, head_size, whole[head_size + 1]);
}

// Asks for page `page` of the cache, which comes next: a piece of it each time, `piece` of `pieces`.
JK_INLINE void prefetch_piece(const jk_kv *kv, size_t kv_head, size_t block, size_t piece, size_t pieces) {
    const char *page = (const char *)jk_page(kv, block) + jk_head_offset(kv, kv_head);
    const size_t lines = (jk_head_offset(kv, 1) + 63) / 64;
    for (size_t i = lines * piece / pieces; i < lines * (piece + 1) / pieces; i++) __builtin_prefetch(page + 64 * i, 0, 2);
}

static void attend_codes(const jk_attention *a, size_t kv_head, size_t first, size_t last, size_t first_part,
                         size_t last_part, float *records) {
    const jk_kv *kv = a->kv;
    const size_t head_size = kv->head_size, share = a->heads / kv->kv_heads, columns = jk_key_columns(kv);
    const size_t queries = last - first, record_size = jk_record_size(head_size);
    int8_t codes[JK_ATTEND_ELEMENTS + 4 * JK_ATTEND_QUERIES] = {0};
    float y[JK_ATTEND_ELEMENTS], factors[JK_ATTEND_QUERIES], totals[JK_ATTEND_QUERIES], maxima[JK_ATTEND_QUERIES];
    int32_t sums[JK_ATTEND_QUERIES];
    attend_query query[JK_ATTEND_QUERIES];
    for (size_t n = 0; n < queries; n++) {
        const size_t token = (first + n) / share, head = kv_head * share + (first + n) % share;
        const float scale = kv_encode(a->q + token * a->q_stride + head * head_size, head_size, codes + n * columns, 1, 1, 0);
        factors[n] = scale * (a->scale * 1.44269504f);  // log2(e)
        sums[n] = 0;
        for (size_t i = 0; i < head_size; i++) sums[n] += codes[n * columns + i];
        totals[n] = 0.0f;
        maxima[n] = -INFINITY;
        float *row = a->y + token * a->y_stride + head * head_size;
        if (!records) memset(row, 0, head_size * sizeof *row);
    }
    const size_t earliest = a->position + first / share, latest = a->position + (last - 1) / share;
    const size_t oldest = earliest + 1 > kv->window ? (earliest + 1 - kv->window) / JK_PAGE_POSITIONS * JK_PAGE_POSITIONS : 0;
    for (size_t part = first_part; part < last_part; part++) {
        if (part * JK_PART_POSITIONS >= kv->sinks) part = jk_most(part, jk_least(last_part - 1, oldest / JK_PART_POSITIONS));
        for (size_t n = 0; n < queries; n++) query[n] = (attend_query){-INFINITY, 0.0f, 1.0f, 0.0f};
        memset(y, 0, queries * head_size * sizeof *y);
        const size_t end = jk_least((part + 1) * JK_PART_POSITIONS, latest + 1);
        for (size_t block = part * JK_PART_POSITIONS; block < end; block += JK_PAGE_POSITIONS) {
            // Behind the sinks the next visible block is the window's first.
            if (block >= kv->sinks && block < oldest) {
                block = oldest;
                if (block >= end) break;
            }
            void *page = jk_page(kv, block);
            const float *scales = jk_kv_scales(kv, page, kv_head);
            const int8_t *keys = (const int8_t *)page + jk_key_offset(kv, kv_head, block, 0);
            const int8_t *values = (const int8_t *)page + jk_value_offset(kv, kv_head, block, 0);
            const size_t next = block + JK_PAGE_POSITIONS;
            const size_t batches = jk_parts(queries, ATTEND_BATCH);
            for (size_t batch = 0; batch < batches; batch++) {
                const size_t start = batch * ATTEND_BATCH, count = jk_least(ATTEND_BATCH, queries - start);
                if (next < end && (next < kv->sinks || next >= oldest)) prefetch_piece(kv, kv_head, next, batch, batches);
                int32_t dots[ATTEND_BATCH][JK_PAGE_POSITIONS];
                uint8_t weights[ATTEND_BATCH][JK_PAGE_POSITIONS];
                const size_t positions = jk_least(JK_PAGE_POSITIONS, latest + 1 - block);
                dot_keys(keys, columns / 4, positions, codes + start * columns, columns, sums + start, count, dots);
                bool any = false;
                for (size_t n = start; n < start + count; n++) {
                    const size_t position = a->position + (first + n) / share;
                    jk_block visible = {0, 0, 0};
                    if (block <= position) visible = jk_visible(kv, position, block);
                    if (visible.sinks == 0 && visible.first == visible.count) {
                        memset(weights[n - start], 0, sizeof weights[0]);
                        query[n].decay = 1.0f;
                        query[n].step = 0.0f;
                    } else if (visible.sinks == visible.first && visible.count == JK_PAGE_POSITIONS) {
                        any = true;
                        weigh(dots[n - start], factors[n], scales, NULL, true, query + n, weights[n - start]);
                    } else {
                        any = true;
                        float seen[JK_PAGE_POSITIONS];
                        for (size_t j = 0; j < JK_PAGE_POSITIONS; j++)
                            seen[j] = jk_float(j < visible.sinks || (visible.first <= j && j < visible.count) ? 0xFFFFFFFF : 0);
                        weigh(dots[n - start], factors[n], scales, seen, false, query + n, weights[n - start]);
                    }
                }
                if (!any) continue;
                for (size_t column = 0; column < head_size; column += JK_PAGE_POSITIONS) {
                    int32_t products[ATTEND_BATCH][JK_PAGE_POSITIONS];
                    const size_t width = jk_least(JK_PAGE_POSITIONS, head_size - column);
                    sum_values(values + 4 * column, head_size, width, positions, weights, count, products);
                    for (size_t n = 0; n < count; n++)
                        if (query[start + n].step != 0.0f || query[start + n].decay != 1.0f)
                            add_block(y + (start + n) * head_size + column, products[n], width, query + start + n);
                }
            }
        }
        for (size_t n = 0; n < queries; n++) {
            const float maximum = query[n].maximum, total = query[n].total;
            if (records) {
                float *record = records + ((part - first_part) * queries + n) * record_size;
                memcpy(record, y + n * head_size, head_size * sizeof *y);
                record[head_size] = maximum;
                record[head_size + 1] = total;
            } else if (maximum != -INFINITY || total != 0.0f) {
                const size_t token = (first + n) / share, head = kv_head * share + (first + n) % share;
                merge(a->y + token * a->y_stride + head * head_size, maxima + n, totals + n, y + n * head_size, maximum, total,
                      head_size);
            }
        }
    }
    if (records) return;
    for (size_t n = 0; n < queries; n++) {
        float *row = a->y + (first + n) / share * a->y_stride + (kv_head * share + (first + n) % share) * head_size;
        divide(row, row, head_size, totals[n]);
    }
}

#endif
